// SPDX-License-Identifier: Apache-2.0
// The pairs of a chunk of tokens sorted by expert, and what is recorded about them.
#pragma once

#include "engine/cpu/moe_operands.h"

namespace moescope::cpu {

/// Where the pairs of a list stand once they are sorted by expert. Arrays belong to the caller.
struct Dispatch {
    int64_t experts = 0;
    int32_t* start = nullptr;  // [experts + 1] first sorted pair of each expert
    int32_t* token = nullptr;  // [pairs] sorted: the row to gather
    float* gate = nullptr;     // [pairs] sorted
    int32_t* place = nullptr;  // [pairs] in the order of the list: the sorted pair
};

/// Groups the pairs by expert; tokens keep their order inside an expert.
void sortByExpert(const PairList& list, const Dispatch& dispatch);

/// Writes the wanted routing tensors of the tokens from `first` on: rowPtr, expert and gate; adds to counts and mass
/// [samples, experts], which were set to zero before the first chunk. `tokensPerSample` tokens make a sample.
void recordRouting(const PairList& list, int64_t first, int64_t tokensPerSample, int64_t experts,
                   const MsRouting& routing);

}  // namespace moescope::cpu
