// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm of rows with the shift and scale of adaptive modulation: a block per row.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/fours.cuh"
#include "engine/cuda/launch.cuh"

namespace moescope::cuda {

/// out = (x - mean) * rstd * weight * (1 + scale) + shift; null pointers leave their factor out. shift and scale: rows
/// of `stride` values, one per `perSample` rows.
struct NormRows {
    const float* x;
    float* out;
    int64_t rows, width, perSample, stride;
    const float *weight, *shift, *scale;
    float eps;
    bool layer;
    uint16_t* rounded;  // [rows, roundedStride] out as bf16 with zeros behind, or null
    int64_t roundedStride;
    // Before the norm: x += gate * y, to where x stands; null y: nothing. gate: rows of `gateStride` values, one per
    // `perGate` rows.
    float* sum;
    const float *y, *gate;
    int64_t gateStride, perGate;
};

inline constexpr int kNormThreads = 128;

/// A row is read once and kept. The sums are the same whether memory is accessed by one value or by four. Dynamic
/// shared memory: `width` floats.
template <int kValues>
__global__ void modulatedNormKernel(NormRows n) {
    __shared__ float parts[kWarpSize];
    float* row = dynamicShared<float>();
    const int64_t index = blockIdx.x;
    const float* x = n.x + index * n.width;
    const float count = static_cast<float>(n.width);
    for (int64_t i = int64_t{threadIdx.x} * kValues; i < n.width; i += kNormThreads * kValues) {
        Floats<kValues> values = loadFloats<kValues>(x + i);
        if (n.y) {
            const Floats<kValues> gates = loadFloats<kValues>(n.gate + index / n.perGate * n.gateStride + i),
                                  others = loadFloats<kValues>(n.y + index * n.width + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) values.at[j] += gates.at[j] * others.at[j];
            storeFloats(n.sum + index * n.width + i, values);
        }
        storeFloats(row + i, values);
    }
    if (kValues > 1) __syncthreads();
    float sum = 0.0f;
    for (int64_t i = threadIdx.x; n.layer && i < n.width; i += kNormThreads) sum += row[i];
    // The mean in two parts: beside a large mean the variance would otherwise be that of its rounding.
    float average = 0.0f, rest = 0.0f;
    if (n.layer) {
        average = blockSum(sum, parts) / count;
        sum = 0.0f;
        for (int64_t i = threadIdx.x; i < n.width; i += kNormThreads) sum += row[i] - average;
        rest = blockSum(sum, parts) / count;
    }
    float squares = 0.0f;
    for (int64_t i = threadIdx.x; i < n.width; i += kNormThreads) {
        const float centred = row[i] - average - rest;
        squares = fmaf(centred, centred, squares);
    }
    const float rstd = 1.0f / sqrtf(blockSum(squares, parts) / count + n.eps);
    const int64_t own = index / n.perSample * n.stride;
    for (int64_t i = int64_t{threadIdx.x} * kValues; i < n.width; i += kNormThreads * kValues) {
        Floats<kValues> values = loadFloats<kValues>(row + i), factors;
#pragma unroll
        for (int j = 0; j < kValues; ++j) values.at[j] = (values.at[j] - average - rest) * rstd;
        if (n.weight) {
            factors = loadFloats<kValues>(n.weight + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) values.at[j] *= factors.at[j];
        }
        if (n.scale) {
            factors = loadFloats<kValues>(n.scale + own + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) values.at[j] *= 1.0f + factors.at[j];
        }
        if (n.shift) {
            factors = loadFloats<kValues>(n.shift + own + i);
#pragma unroll
            for (int j = 0; j < kValues; ++j) values.at[j] += factors.at[j];
        }
        storeFloats(n.out + index * n.width + i, values);
        if (n.rounded) storeRounded(n.rounded + index * n.roundedStride + i, values);
    }
    for (int64_t i = n.width + threadIdx.x; i < n.roundedStride; i += kNormThreads)
        n.rounded[index * n.roundedStride + i] = 0;
}

}  // namespace moescope::cuda
