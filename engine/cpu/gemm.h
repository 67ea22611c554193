// SPDX-License-Identifier: Apache-2.0
// Matrix products of the CPU device over weights packed in panels.
//
// Every output element is one chain of fused multiply-adds over k = 0, 1, 2, ... in fp32, started at zero; then the
// epilogue. So the bits of a row depend neither on the other rows, nor on their number, nor on threads and blocking.
// AVX-512 and AVX2 agree as well; SSE4 has no fused multiply-add and differs in the last bits.
#pragma once

#include <cstdint>

#include "engine/cpu/cpu_context.h"

/// Packed weights: `count` matrices, each ceil(N / kPanel) panels; a panel is [K][kPanel] values (columns padded with
/// zeros). GATED: a panel holds kPanel/2 gate columns, then the kPanel/2 up columns that belong to them. BF16: a panel
/// row is kPanel/2 words of 32 bits, column c in the low half and column kPanel/2 + c in the high half of word c.
struct MsLinear {
    MsLinearDesc desc{};
    moescope::AlignedBytes panels;  // F32 or BF16
    moescope::AlignedBytes bias;    // F32, in panel order, padded; empty without bias

    int64_t panelCount() const;    // of one matrix
    int64_t matrixStride() const;  // elements between stacked matrices
};

namespace moescope::cpu {

inline constexpr int64_t kPanel = 32;  // columns

/// Rows of the left operand: contiguous rows of `stride` floats, or picked by `gather` (row i is base + gather[i] *
/// stride).
struct RowSource {
    const float* base = nullptr;
    int64_t stride = 0;
    const int32_t* gather = nullptr;
};

/// One product to be done: rows x matrix `index` of the weights -> out [rows, out columns], row stride outStride.
struct GemmJob {
    RowSource rows;
    int64_t rowCount = 0;
    int64_t index = 0;
    float* out = nullptr;
    int64_t outStride = 0;
    const float* rowScale = nullptr;  // [rowCount] or null: row r is multiplied by rowScale[r] at the very end
};

/// Jobs over one packed weight. PLAIN: y = act(x W^T + b); GATED: y = silu(gate) * up and `activation` must be NONE.
struct GemmCall {
    const MsLinear* weights = nullptr;
    const GemmJob* jobs = nullptr;
    int64_t jobCount = 0;
    MsActivation activation = MS_ACT_NONE;
};

/// All jobs of all calls (which must not need each other's results), spread over the threads: tasks = panels x row
/// blocks.
MsStatus gemm(MsContext& context, const GemmCall* calls, int64_t callCount);
MsStatus gemm(MsContext& context, const MsLinear& weights, const GemmJob* jobs, int64_t jobCount,
              MsActivation activation);

/// Packs B [K, N] (element (k, n) at b[k * rowStride + n * columnStride]) into ceil(N / kPanel) panels at `panels`
/// (K * kPanel * ceil(N / kPanel) floats), for products with temporary right operands (attention).
void packPanels(const float* b, int64_t k, int64_t n, int64_t rowStride, int64_t columnStride, float* panels);

/// One thread: out [m, n] = scale * (a [m, k] x packed B). a row-major with stride lda. The building block of
/// attention.
void gemmPacked(const float* a, int64_t lda, int64_t m, const float* panels, int64_t k, int64_t n, float scale,
                float* out, int64_t ldo);

}  // namespace moescope::cpu
