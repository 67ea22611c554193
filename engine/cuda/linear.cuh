// SPDX-License-Identifier: Apache-2.0
// What goes before and after a dense product: rounding to bf16; bias, activation or gating.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/fours.cuh"
#include "engine/cuda/values.cuh"

namespace moescope::cuda {

struct ProductRows {
    const float* wide;  // [rows, wideStride]; gated: groups of 8 gates and 8 ups
    int64_t wideStride, rows;
    const float* bias;  // in the order of `wide`, or null
    void* out;
    int64_t columns;    // outputs of a row
    int64_t outStride;  // columns to write: those behind `columns` become zeros
};

template <class Out, bool kGated>
__global__ void finishProductKernel(ProductRows p, MsActivation activation) {
    const int64_t i = globalThread();
    if (i >= p.rows * p.outStride) return;
    const auto [row, column] = rowColumn(i, p.outStride);
    float value = 0.0f;
    if (column < p.columns) {
        const float* wide = p.wide + row * p.wideStride;
        if (kGated) {
            const int64_t gate = column / 8 * 16 + column % 8, up = gate + 8;
            const float g = p.bias ? wide[gate] + p.bias[gate] : wide[gate];
            value = silu(g) * (p.bias ? wide[up] + p.bias[up] : wide[up]);
        } else {
            value = activated(p.bias ? wide[column] + p.bias[column] : wide[column], activation);
        }
    }
    storeAs(static_cast<Out*>(p.out) + i, value);
}

/// x [rows, columns] as bf16 [rows, stride]; the columns behind are zeros.
template <int kValues>
__global__ void roundKernel(const float* x, int64_t columns, uint16_t* out, int64_t stride, int64_t count) {
    const int64_t i = globalThread() * kValues;
    if (i >= count) return;
    const auto [row, column] = rowColumn(i, stride);
    storeRounded(out + i, column < columns ? loadFloats<kValues>(x + row * columns + column) : Floats<kValues>{});
}

}  // namespace moescope::cuda
