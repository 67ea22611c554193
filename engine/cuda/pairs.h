// SPDX-License-Identifier: Apache-2.0
// The lists of a MoE layer on the device: its (token, expert) pairs in token order, and the way to their order by
// experts.
#pragma once

#include <cstdint>

namespace moescope::cuda {

/// Pointers into device memory; sizes are those that there is room for, the number of pairs stands in rowPtr[tokens].
struct Pairs {
    int64_t tokens;
    int32_t experts;
    int64_t most;          // pairs that there can be
    int32_t rowsPerTile;   // of the experts' products
    int32_t* rowPtr;       // [tokens + 1] pairs of a token
    int32_t* expert;       // [most] in token order, ascending inside a token
    int32_t* tokenOf;      // [most] likewise
    float* gate;           // [most] likewise
    int32_t* slot;         // [most] where a pair stands in the order by experts
    int32_t* sortedToken;  // [most] in the order by experts
    float* sortedGate;     // [most] likewise
    int32_t* start;        // [experts + 1] first slot
    int32_t* tileStart;    // [experts + 1] first row tile
    int32_t* places;       // [experts, chunks] counts, then first slots
    int32_t chunks;
};

}  // namespace moescope::cuda
