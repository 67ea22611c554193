// SPDX-License-Identifier: Apache-2.0
// Scalar functions and reductions that several kernels share. Fused multiply-adds only where fmaf is written.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "engine/backend/backend_table.h"

namespace moescope::cuda {

inline constexpr unsigned kFullWarp = 0xffffffffu;
inline constexpr int kWarpSize = 32;

/// 1 / (1 + e^-x), without overflow on either side.
__device__ inline float sigmoid(float x) {
    const float e = expf(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

__device__ inline float silu(float x) {
    return x * sigmoid(x);
}

/// 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
__device__ inline float geluTanh(float x) {
    return x * sigmoid(2.0f * 0.79788456080286535588f * (x + 0.044715f * x * x * x));
}

__device__ inline float activated(float x, MsActivation activation) {
    if (activation == MS_ACT_SILU) return silu(x);
    if (activation == MS_ACT_GELU_TANH) return geluTanh(x);
    return x;
}

/// Sum over a warp, the same in every lane; the order is fixed.
__device__ inline float warpSum(float value) {
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kFullWarp, value, bits);
    return value;
}

__device__ inline float warpMax(float value) {
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, bits));
    return value;
}

/// Sum over a block of up to 32 warps, the same in every thread; `parts` holds 32 floats of shared memory and may be
/// used again at once.
__device__ inline float blockSum(float value, float* parts) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int warps = (static_cast<int>(blockDim.x) + kWarpSize - 1) / kWarpSize;
    value = warpSum(value);
    __syncthreads();
    if (lane == 0) parts[warp] = value;
    __syncthreads();
    return warpSum(lane < warps ? parts[lane] : 0.0f);
}

/// Sum of the values of the threads before this one in a block of whole warps (up to 32), `all` of the whole block;
/// `parts` holds 32 ints of shared memory and may be used again at once.
__device__ inline int32_t blockPrefix(int32_t value, int32_t* parts, int32_t& all) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int warps = static_cast<int>(blockDim.x) / kWarpSize;
    int32_t inclusive = value;
    for (int distance = 1; distance < kWarpSize; distance *= 2) {
        const int32_t other = __shfl_up_sync(kFullWarp, inclusive, distance);
        if (lane >= distance) inclusive += other;
    }
    __syncthreads();
    if (lane == kWarpSize - 1) parts[warp] = inclusive;
    __syncthreads();
    int32_t earlier = 0;
    all = 0;
    for (int w = 0; w < warps; ++w) {
        if (w < warp) earlier += parts[w];
        all += parts[w];
    }
    return earlier + inclusive - value;
}

/// The work of thread i of a grid over `count` elements.
__device__ inline int64_t globalThread() {
    return blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
}

/// i / width and i % width of numbers that are not negative, in 32 bits where that is enough: much faster there.
struct RowColumn {
    int64_t row, column;
};
__device__ inline RowColumn rowColumn(int64_t i, int64_t width) {
    if (((i | width) >> 32) == 0) {
        const auto a = static_cast<uint32_t>(i), b = static_cast<uint32_t>(width);
        return {a / b, a % b};
    }
    return {i / width, i % width};
}

inline constexpr int kThreads = 256;  // of elementwise blocks

inline unsigned blocksFor(int64_t count, int64_t perBlock = kThreads) {
    return static_cast<unsigned>((count + perBlock - 1) / perBlock);
}

}  // namespace moescope::cuda
