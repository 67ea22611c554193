// SPDX-License-Identifier: Apache-2.0
// The last step of a MoE layer: a token's expert outputs come back together.
#pragma once

#include <cstdint>

namespace moescope::cpu {

/// Tokens [.., width]: out[t] = (pairs[first place of t] + pairs[second place of t] + ...) + added[t]. `added` may be
/// `out`. A token without a pair has a routed sum of zero.
struct Combine {
    const float* pairs = nullptr;    // [pairs, width] expert outputs, already times their gates
    const int32_t* start = nullptr;  // [tokens + 1] where a token's places begin, counted from start[0]
    const int32_t* place = nullptr;  // rows of `pairs`, in ascending order of the experts
    int64_t width = 0;
    const float* added = nullptr;  // [tokens, width] the shared expert's output, or the layer's input; null: nothing
    const float* input = nullptr;  // [tokens, width] only read for its norm
    float* out = nullptr;
    // L2 norms [tokens] of input, sum over the routed experts and `added`; each may be null. They change no bit of
    // `out`.
    float* inputNorm = nullptr;
    float* routedNorm = nullptr;
    float* addedNorm = nullptr;
};

void combineTokens(const Combine& combine, int64_t begin, int64_t end);

}  // namespace moescope::cpu
