// SPDX-License-Identifier: Apache-2.0
// The working memory of sparse layers in training, and the pieces of rows that their tasks take.
#pragma once

#include <vector>

#include "engine/cpu/training/cpu_training_device.h"

namespace moescope::cpu {

/// Rows of a task that treats tokens one by one (router, sums over a token's experts).
inline constexpr int64_t kTokenRows = 128;

/// Rows of a task that runs an expert, one product after the other: its hidden rows stay in the second-level cache.
inline constexpr int64_t kExpertRows = kProductRows * kProductGroups;

struct MoeScratch {
    int64_t batch = 1;  // experts whose weights are packed at a time
    int64_t tokenTasks = 0;
    int64_t inFloats = 0;  // packed in and out weights of one expert
    int64_t outFloats = 0;
    int64_t workerFloats = 0;
    float* router = nullptr;  // packed
    float* in = nullptr;      // packed, of a batch
    float* out = nullptr;
    float* sharedIn = nullptr;
    float* sharedOut = nullptr;
    float* workers = nullptr;   // workerFloats each
    int32_t* counts = nullptr;  // [tokenTasks, E]
    // Backward
    float* gates = nullptr;          // [P] of the pairs
    float* dGates = nullptr;         // [P]
    float* dHidden = nullptr;        // [P, 2 I]
    float* dRows = nullptr;          // [P, D]
    float* dSharedHidden = nullptr;  // [rows, 2 S]
    float* dLogits = nullptr;        // [rows, E]
    float* outer = nullptr;
    int64_t floats = 0;

    MoeScratch(const train::MoeShape& shape, int threads, bool backward, float* base);
};

/// A piece of the rows of one expert (of the shared one: expert < 0), `first` counted among the pairs or the tokens.
struct ExpertRows {
    int64_t expert, first, count;
};

/// The pieces of experts [begin, end), the largest experts' first; with `shared` those of the shared expert too.
std::vector<ExpertRows> expertRows(const train::MoeShape& shape, const int32_t* offsets, int64_t begin, int64_t end,
                                   bool shared);

/// Packs the weights of experts [begin, end), and with `besides` those of the shared expert (and of the router in a
/// forward).
void packExperts(ThreadPool& pool, const train::MoeShape& shape, const train::MoeParameters<const float>& weights,
                 bool toBf16, bool backward, int64_t begin, int64_t end, bool besides, const MoeScratch& scratch);

/// Decides for all tokens: fills the logits, scores, experts, gates and the order of pairs of `saved`. Packs the
/// router.
void routeTokens(ThreadPool& pool, const train::MoeShape& shape, const float* router, const float* selectionBias,
                 const float* x, const train::MoeSaved& saved, const MoeScratch& scratch);

/// What tells the gradient of a token's logits and the losses on the router.
struct RouterGradient {
    const train::MoeShape* shape;
    const train::MoeSaved* saved;
    float auxiliary, z;   // weights of the losses in the total
    const float* dGates;  // [P]
    const float* dy;      // [rows, D]
};

/// dLogits [count, E] of tokens [first, first + count); adds the values of the two losses of these tokens, before the
/// division by the number of all tokens. `work` holds 4 E floats.
void routerRows(const RouterGradient& gradient, int64_t first, int64_t count, float* dLogits, double* losses,
                float* work);

/// y [count, D] (holding what comes beside the experts) += the sum over a token's choices of gate * outputs of its
/// pairs. The first token is `first`; gates null: 1. In ascending order of the experts.
void addPairs(const train::MoeShape& shape, const train::MoeSaved& saved, int64_t first, int64_t count,
              const float* gates, const float* outputs, float* y);

/// y [count, D] += factors [count, E] x router [E, D].
void addRouter(int64_t count, int64_t experts, int64_t width, const float* factors, const float* router, float* y);

/// out[i] = <a[gather[i]], b[i]> of rows of `width` values; gather null: i itself.
void dotRows(int64_t count, int64_t width, const float* a, const int32_t* gather, const float* b, float* out);

}  // namespace moescope::cpu
