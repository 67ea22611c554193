// SPDX-License-Identifier: Apache-2.0
// What a checkpoint says about itself before a single weight is read: family, shape, counts, defaults, tensors it must hold.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/host_tensor.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// How a mixture's tokens and experts find each other; the policies of the backend table in the same order. SoftmaxNormalised: softmax
/// affinities, all else as for the sigmoid ones (selection bias, groups, the gates of a token divided by their sum).
enum class RouterRule : uint8_t { SigmoidTokenChoice, SoftmaxTokenChoice, ExpertChoice, PoolThreshold, Prototype, SoftmaxNormalised };

/// Experts take a share of the tokens; a token may have 0 to all experts.
constexpr bool byCapacity(RouterRule rule) { return rule == RouterRule::ExpertChoice || rule == RouterRule::PoolThreshold; }

struct MoeConfig {
    int64_t experts = 0;      // with the unconditional one, which is the last
    int64_t topK = 0;         // experts per token: token choice and prototypes
    int64_t expertWidth = 0;
    int64_t sharedWidth = 0;  // 0: no shared expert
    int64_t groups = 1, keptGroups = 1;
    double scale = 1;
    RouterRule rule = RouterRule::SigmoidTokenChoice;
    double capacity = 0;      // expert choice and pools: experts per token on average
    bool unconditionalExpert = false;
    bool addsInput = false;   // without a shared expert the layer's input is added to the routed sum

    /// Experts that the router has a row for: all but the unconditional one.
    int64_t routerRows() const { return experts - (unconditionalExpert ? 1 : 0); }
    /// Tokens that each expert takes of a pool (expert choice).
    int64_t tokensPerExpert(int64_t poolTokens) const;
    /// Experts that a token meets: topK; on average for expert choice and pools.
    double expertsPerToken() const;
};

/// Which samples compete where routing is decided over the batch. Recorded with every run, because it changes the picture.
enum class RoutingPool : uint8_t { Batch /* all pictures of a run, each guidance branch apart */, Picture };

std::string_view poolName(RoutingPool pool);  // "batch", "picture"
std::optional<RoutingPool> poolFromName(std::string_view name);

/// A table [tokens, width] that is added to the embedded patches: stored and frozen (sines and cosines), or learned.
enum class PositionTable : uint8_t { None, Stored, Learned };
/// How positions turn queries and keys: not, by the number of the token (adjacent channels by index * 10000^(-2i/d), Su et al. 2021), or
/// by its row and column, in the channel order of the family.
enum class Rotary : uint8_t { None, Line, Grid };

/// Shape of a diffusion transformer of one of the adaLN families. Sizes in tokens, channels and pixels (or latent pixels).
struct TransformerConfig {
    int64_t width = 0, depth = 0, heads = 0, headWidth = 0;
    int64_t patch = 0, grid = 0;            // tokens per side; input side = patch * grid
    int64_t inChannels = 0, outChannels = 0;
    int64_t classes = 0;                    // without the null class, whose index is `classes`
    int64_t waves = 256;                    // width of the timestep sinusoid
    int64_t denseWidth = 0;                 // inner width of dense feed-forward layers (0: there is none)
    int64_t bottleneck = 0;                 // JiT patch embedding; 0 elsewhere
    int64_t contextTokens = 0, contextStart = 0;  // JiT class tokens, prepended before this block
    Rotary rotary = Rotary::Grid;
    PositionTable positions = PositionTable::None;
    int64_t keyHeads = 0;                   // of keys and values, a divisor of `heads`; 0: as many as heads
    bool halfQueryKey = false;              // queries and keys are rounded to fp16 before they meet
    std::vector<int> moeBlocks;
    MoeConfig moe;

    int64_t inputSide() const { return patch * grid; }
    int64_t imageTokens() const { return grid * grid; }
    int64_t keyValueHeads() const { return keyHeads ? keyHeads : heads; }
    /// Rows of the joint projection (queries | keys | values).
    int64_t qkvRows() const { return keyHeads ? (heads + 2 * keyHeads) * headWidth : 3 * width; }
    bool isMoe(int block) const;
};

/// What the network's output is. Noise: of a discrete diffusion (ModelDescription::noise, else 1000 linear steps; also where its target
/// is not the noise itself), with a learned variance in the second half of the channels where there are twice as many.
enum class Prediction : uint8_t { Velocity, CleanImage, Noise };
/// Euler and Heun integrate flows; DDPM and DDIM walk a discrete diffusion.
enum class SamplerKind : uint8_t { Euler, Heun, Ddpm, Ddim };
enum class PictureSpace : uint8_t { Pixels, SdLatent };

/// What a network means by its time and how its output is guided.
struct TimeConvention {
    double dataTime = 1;     // 1: t runs from 0 (noise) to 1 (data) and velocity = data - noise; 0: the other way round in both
    double timeScale = 1;    // the network is given t * timeScale
    int64_t guidedChannels = 0;  // of velocities and noise: guidance acts on the first so many, the others come from the condition; 0: all
};

/// What a run uses unless the person says otherwise.
struct SamplingDefaults {
    SamplerKind sampler = SamplerKind::Euler;
    int steps = 50;
    double cfgScale = 1.5;
    double cfgLow = 0, cfgHigh = 1;
    double noiseScale = 1;
    double tEps = 0.05;  // smallest 1 - t that a clean-image prediction is divided by
    double shift = 1;    // flows: sigma -> shift sigma / (1 + (shift - 1) sigma), noise level sigma
    double eta = 0;      // DDIM: 0 deterministic, 1 as much noise as DDPM
    std::string respacing;  // discrete diffusions: "250", "ddim50", "10,15,20" as the published code spells it; empty: one section of `steps`
    RoutingPool pool = RoutingPool::Batch;
};

/// What a network is told of the picture it is to make.
enum class Conditioning : uint8_t {
    ClassLabel,
    Text,    // encoded elsewhere: Condition::context, and what belongs to it
    None,
    Prompt,  // words, which the network encodes itself: ModelDescription::prompt, Denoiser::encodePrompts
};

class PromptTokenizer;

/// The part of a network that reads prompts: embedded pieces and learned positions, a few transformer layers with as many heads as the
/// network has, whose tokens join the picture's (TransformerConfig::contextTokens of them).
struct PromptConfig {
    int64_t vocabulary = 0;  // pieces; 0: the network reads no prompts
    int64_t layers = 0;
    int64_t inner = 0;       // width of their gated feed-forward layers
    std::shared_ptr<const PromptTokenizer> tokenizer;
};

struct NoiseSchedule;

/// What only a family's own code reads of its descriptions.
struct FamilyDetails {
    virtual ~FamilyDetails() = default;
};

/// A tensor that the model needs, by its name inside the weight set.
struct ExpectedTensor {
    enum class Role : uint8_t { Learned, Table /* counted, never packed */, Buffer /* not counted as parameter */, OptionalBuffer };
    std::string name;
    Shape shape;
    Role role = Role::Learned;
    bool routedExpert = false;  // belongs to one of E routed experts
};

/// A setting that the tensors' shapes can not give, and where its value came from ("config_2026.yaml", "released size S-E48").
struct SettingSource {
    std::string setting, value, source;
};

struct ModelDescription {
    std::string family;    // "DSMoE", "JiTMoE", "JiT"
    std::string sizeName;  // "DSMoE-S-E48", or "" when it equals no released size
    TransformerConfig config;
    PictureSpace space = PictureSpace::Pixels;
    Prediction prediction = Prediction::Velocity;
    SamplingDefaults defaults;
    TimeConvention time;
    std::vector<SamplerKind> samplers{SamplerKind::Euler, SamplerKind::Heun};  // that fit the prediction
    std::vector<ExpectedTensor> tensors;
    std::vector<MoeLayerDescriptor> moeLayers;
    std::vector<SettingSource> settings;
    std::vector<std::string> networks;  // names of the networks of a mixture of whole networks; empty: a single network
    int64_t promptWidth = 0;            // of the prompt embedding that the network takes; 0: none
    std::vector<std::string> unknownSettings;  // needed, but nowhere to be found; the model can not run without them
    Conditioning conditioning = Conditioning::ClassLabel;
    PromptConfig prompt;
    int64_t contextWidth = 0;   // Text: columns of a text token
    std::string network;        // in words, where TransformerConfig does not say it: "3 levels of 32, 64, 64 channels, ..."
    std::string notAlone;       // why it can not make pictures by itself, as a sentence; empty: it can
    std::shared_ptr<const NoiseSchedule> noise;    // of a discrete diffusion, where a configuration beside the file gives it
    std::shared_ptr<const FamilyDetails> details;  // null for the families that TransformerConfig describes

    /// Whether pictures made together change each other, unless each is a pool of its own.
    bool routesOverBatch() const { return !config.moeBlocks.empty() && config.moe.rule == RouterRule::PoolThreshold; }
    /// Learned values; buffers and frozen position tables are not counted.
    int64_t totalParameters() const;
    /// Total minus, per MoE layer, the routed experts beyond top-k.
    int64_t activeParameters() const;
    /// Bytes of the weights packed for the CPU at the given bytes per weight, padding included.
    int64_t packedBytes(int64_t bytesPerWeight) const;
};

std::string_view samplerName(SamplerKind sampler);
std::optional<SamplerKind> samplerFromName(std::string_view name);

}  // namespace moescope
