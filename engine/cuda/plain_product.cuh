// SPDX-License-Identifier: Apache-2.0
// A product as its formula reads, one thread per value: right for any shape, for what the library has no kernel for.
#pragma once

#include <cstdint>

#include "engine/cuda/values.cuh"

namespace moescope::cuda {

/// See Product in matmul.h.
struct PlainProduct {
    const void* x;
    int64_t xStride;
    const void* right;
    int64_t rightStride;
    bool rightByDepth;
    float* out;
    int64_t outStride, rows, columns, depth;
    const float* bias;
    float factor;
};

/// Blocks of 32 columns and 8 rows.
template <class T>
__global__ void plainProduct(PlainProduct p) {
    const int64_t column = blockIdx.x * int64_t{32} + threadIdx.x;
    const T* right = static_cast<const T*>(p.right);
    for (int64_t row = blockIdx.y * int64_t{8} + threadIdx.y; row < p.rows && column < p.columns;
         row += int64_t{8} * gridDim.y) {
        const T* x = static_cast<const T*>(p.x) + row * p.xStride;
        float sum = 0.0f;
        for (int64_t k = 0; k < p.depth; ++k)
            sum = fmaf(asFloat(x[k]),
                       asFloat(p.rightByDepth ? right[k * p.rightStride + column] : right[column * p.rightStride + k]),
                       sum);
        sum *= p.factor;
        p.out[row * p.outStride + column] = p.bias ? sum + p.bias[column] : sum;
    }
}

static __global__ void addBias(float* out, int64_t stride, int64_t rows, int64_t columns, const float* bias) {
    const int64_t i = blockIdx.x * int64_t{256} + threadIdx.x;
    if (i >= rows * columns) return;
    float& value = out[i / columns * stride + i % columns];
    value += bias[i % columns];
}

}  // namespace moescope::cuda
