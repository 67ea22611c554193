// SPDX-License-Identifier: Apache-2.0
// The last step of a MoE layer: a token's expert outputs come back together.
#pragma once

#include <cstdint>

namespace moescope::cpu {

/// Tokens [.., width]: out[t] = (pairs[place[t][0]] + pairs[place[t][1]] + ...) + added[t]. `added` may be `out`.
struct Combine {
    const float* pairs = nullptr;    // [pairs, width] expert outputs, already times their gates
    const int32_t* place = nullptr;  // [tokens, topK] rows of `pairs`, in ascending order of the experts
    int64_t topK = 0, width = 0;
    const float* added = nullptr;  // [tokens, width] the shared expert's output, or the layer's input
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
