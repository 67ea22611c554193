// SPDX-License-Identifier: Apache-2.0
// Policies in which every token decides for itself: sigmoid or softmax affinities, or prototypes.
#pragma once

#include "engine/cpu/moe_operands.h"

namespace moescope::cpu {

/// Room for the decisions about `tokens` tokens.
struct TokenChoices {
    int64_t first = 0, tokens = 0;
    float* logits = nullptr;    // [tokens, E], the router's products on entry
    float* scores = nullptr;    // [tokens, E]
    int32_t* start = nullptr;   // [tokens + 1]
    int32_t* expert = nullptr;  // [tokens topK]
    float* gate = nullptr;      // [tokens topK]
};

/// Decides for tokens [first, first + tokens); the first pair has number `firstPair`. Writes their margins where
/// wanted.
MsStatus routeTokens(const MoeOperands& layer, const TokenChoices& choices, int64_t firstPair);

}  // namespace moescope::cpu
