// SPDX-License-Identifier: Apache-2.0
// Recorded routing: which experts took which token with what weight, for every evaluation, branch, network and MoE layer.
// One schema for all policies: lists of (token, expert, gate) in CSR form, because a token may have 0 .. E experts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moescope {

enum class Branch : uint8_t { Cond, Uncond };
/// NetworkMixture: the "experts" are whole networks, chosen per picture; its one token per sample stands for the picture.
enum class RoutingPolicy : uint8_t { TokenChoice, ExpertChoice, BatchPool, Prototype, NetworkMixture };
enum class TokenKind : uint8_t { Image, ClassLabel, Text, Padding, Picture };

/// Experts take tokens, so that a token may have 0 to all experts.
constexpr bool expertsChoose(RoutingPolicy policy) {
    return policy == RoutingPolicy::ExpertChoice || policy == RoutingPolicy::BatchPool;
}

std::string_view branchName(Branch branch);         // "cond", "uncond"
std::string_view policyName(RoutingPolicy policy);  // "token-choice", "expert-choice", "batch-pool", "prototype", "networks"
std::string_view tokenKindName(TokenKind kind);     // "image", "class", "text", "padding", "picture"

/// A run of neighbouring tokens of one kind inside each sample; image tokens lie on a grid, row by row.
struct TokenGroup {
    TokenKind kind = TokenKind::Image;
    int64_t count = 0;
    int64_t height = 0, width = 0;  // of the grid, image tokens only
};

/// What a MoE layer says about itself; constant over a run.
struct MoeLayerDescriptor {
    int network = 0;    // index among the networks of a mixture; 0 for a single network
    int block = 0;      // index of the block in its network; -1 for the mixture of networks itself
    int moeIndex = 0;   // index among the MoE layers of its network
    RoutingPolicy policy = RoutingPolicy::TokenChoice;
    int64_t experts = 0;
    int64_t topK = 0;             // experts per token (token choice, prototypes); 0 elsewhere
    int64_t capacity = 0;         // tokens per expert and sample (expert choice); 0 elsewhere
    bool sharedExpert = false;
    int64_t unconditionalExpert = -1;  // the one that takes every token of a sample without a condition; -1: there is none
    std::vector<float> thresholds;     // [E] batch pools: what an expert's predicted probability must exceed for a token to count
    std::vector<TokenGroup> tokenGroups;  // in the order of the tokens of one sample

    int64_t tokensPerSample() const;
    /// (token, expert) pairs that a pass over so many samples can have at most.
    int64_t mostPairs(int64_t samples) const;
};

/// One network evaluation of the sampler (a Heun step has two). The time axis of every record.
struct EvaluationInfo {
    int index = 0;
    int step = 0;
    int stage = 0;          // 0 predictor, 1 second evaluation of Heun
    float timestep = 0;     // as the network receives it: each model has its own convention
    float noiseLevel = 0;   // share of noise s / (a + s) of the input a data + s noise: comparable between models
    double cfgScale = 1;    // in force here (1 outside the guidance interval)
    bool uncondRun = false; // whether the unconditional branch was evaluated
};

/// Everything captured of one (evaluation, branch, network, layer), all images of the batch.
/// Token number: image * tokensPerSample + token. Empty vectors: not captured.
struct RoutingRecord {
    int evaluation = 0;
    Branch branch = Branch::Cond;
    int network = 0;
    int layer = 0;     // index into RoutingTrace::layers
    int pool = -1;     // batch-wide routing: tokens of all images of the records with the same (evaluation, layer, pool) competed; -1: none

    std::vector<int32_t> counts;   // [images, E] tokens received; always
    std::vector<float> mass;       // [images, E] sum of gates; always
    std::vector<uint32_t> rowPtr;  // [tokens + 1]
    std::vector<uint16_t> expert;  // [pairs] ascending within a token
    std::vector<float> gate;       // [pairs] combine weights
    std::vector<float> scores;     // [tokens, E] affinities before the selection bias
    std::vector<float> inputNorm, routedNorm, sharedNorm;  // [tokens] L2
};

/// What stands at the text tokens of a run: pieces of words, "\u2581" before the first one of a word. Tokens behind the last piece are empty
/// places.
struct TextPieces {
    std::vector<std::vector<std::string>> prompts;  // per image; none where the network reads no prompts
    std::vector<std::string> negative;              // of the branch without the prompt

    /// Those of an image in a branch; none for an image that is not there.
    std::span<const std::string> of(Branch branch, int64_t image) const;
};

/// All routing of one run; immutable once the run is finished.
struct RoutingTrace {
    int64_t images = 0;
    std::vector<std::string> networks;  // names; one entry for a single network
    std::vector<MoeLayerDescriptor> layers;
    TextPieces text;
    std::vector<std::shared_ptr<const RoutingRecord>> records;  // in the order of capture

    /// nullptr when that record was not captured.
    const RoutingRecord* find(int evaluation, Branch branch, int layer) const;
};

enum class CaptureLevel : uint8_t { Counts, Assignments, Scores, Norms };
std::string_view captureLevelName(CaptureLevel level);

/// What to keep. Scores and norms are kept for the chosen layers and steps only; where empty, for all.
struct CaptureSpec {
    CaptureLevel level = CaptureLevel::Assignments;
    std::vector<int> blocks;  // block indices
    std::vector<int> steps;   // sampler steps

    bool detailed(int block, int step) const;  // whether scores (and norms) of this place are wanted
};

}  // namespace moescope
