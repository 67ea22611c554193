// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm of rows with the shift and scale of adaptive modulation: a block per row.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/values.cuh"

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
};

inline constexpr int kNormThreads = 128;

/// Dynamic shared memory: `width` floats.
static __global__ void modulatedNormKernel(NormRows n) {
    __shared__ float parts[kWarpSize];
    float* row = dynamicShared<float>();
    const int64_t index = blockIdx.x;
    const float* x = n.x + index * n.width;
    const float count = static_cast<float>(n.width);
    float sum = 0.0f;
    for (int64_t i = threadIdx.x; i < n.width; i += kNormThreads) sum += row[i] = x[i];
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
    for (int64_t i = threadIdx.x; i < n.width; i += kNormThreads) {
        float value = (row[i] - average - rest) * rstd;
        if (n.weight) value *= n.weight[i];
        if (n.scale) value *= 1.0f + n.scale[own + i];
        if (n.shift) value += n.shift[own + i];
        n.out[index * n.width + i] = value;
        if (n.rounded) storeAs(n.rounded + index * n.roundedStride + i, value);
    }
    for (int64_t i = n.width + threadIdx.x; i < n.roundedStride; i += kNormThreads)
        n.rounded[index * n.roundedStride + i] = 0;
}

}  // namespace moescope::cuda
