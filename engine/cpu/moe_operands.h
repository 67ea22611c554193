// SPDX-License-Identifier: Apache-2.0
// What the parts of a MoE layer share: its checked operands, and the list of pairs that every routing policy ends in.
#pragma once

#include "engine/cpu/cpu_context.h"
#include "engine/cpu/gemm.h"

namespace moescope::cpu {

/// The operands of one call, checked.
struct MoeOperands {
    MsContext& context;
    const MsMoeLayerDesc& desc;
    const MsRouting& routing;
    const float* x;  // [tokens, width]
    float* out;      // [tokens, width]
    int64_t tokens, width, expertWidth, sharedWidth;

    int64_t tokensPerSample() const { return tokens / desc.samples; }
};

/// Who goes where: the (token, expert) pairs of some neighbouring tokens, a token's in ascending order of the experts.
/// Pairs are numbered over the whole call; the arrays begin at the first pair of these tokens.
struct PairList {
    int64_t tokens = 0;
    const int32_t* start = nullptr;   // [tokens + 1] number of a token's first pair
    const int32_t* expert = nullptr;  // [pairs]
    const float* gate = nullptr;      // [pairs]

    int64_t pairs() const { return tokens ? start[tokens] - start[0] : 0; }
    /// The pairs of `count` tokens from `first` on.
    PairList part(int64_t first, int64_t count) const {
        const int64_t skipped = start[first] - start[0];
        return {count, start + first, expert + skipped, gate + skipped};
    }
};

/// One product over all of `rowCount` contiguous rows.
inline GemmJob denseJob(const float* rows, int64_t columns, int64_t rowCount, float* out, int64_t outColumns) {
    GemmJob job;
    job.rows = {rows, columns, nullptr};
    job.rowCount = rowCount;
    job.out = out;
    job.outStride = outColumns;
    return job;
}

}  // namespace moescope::cpu
