// SPDX-License-Identifier: Apache-2.0
// Who goes where: the (token, expert) pairs of a chunk of tokens, sorted by expert, and what is recorded about them.
#pragma once

#include <cstdint>

#include "engine/backend/backend_table.h"

namespace moescope::cpu {

/// Pairs of `tokens` x `topK`. Arrays belong to the caller.
struct Dispatch {
    int64_t tokens = 0, topK = 0, experts = 0;
    const int32_t* chosen = nullptr;  // [tokens, topK], ascending in a token
    const float* gates = nullptr;     // [tokens, topK]
    // Filled by sortByExpert:
    int32_t* start = nullptr;  // [experts + 1] first pair of each expert
    int32_t* token = nullptr;  // [pairs] rows to gather
    float* gate = nullptr;     // [pairs]
    int32_t* place = nullptr;  // [tokens, topK] pair of a token's choice
};

/// Groups the pairs by expert; tokens keep their order inside an expert.
void sortByExpert(const Dispatch& dispatch);

/// Writes the wanted routing tensors of tokens [first, first + tokens): rowPtr, expert and gate; adds to counts and
/// mass. `tokensPerSample` tokens make a sample; counts and mass were set to zero before the first chunk.
void recordRouting(const Dispatch& dispatch, int64_t first, int64_t tokensPerSample, const MsRouting& routing);

}  // namespace moescope::cpu
