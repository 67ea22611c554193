// SPDX-License-Identifier: Apache-2.0
// Softmax of whole rows of scores, for heads too wide for the fused kernels. A block per row.
#pragma once

#include "engine/cuda/device_math.cuh"

namespace moescope::cuda {

static __global__ void softmaxRowsKernel(float* scores, int64_t columns) {
    __shared__ float parts[kWarpSize];
    float* row = scores + blockIdx.x * columns;
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    float largest = -INFINITY;
    for (int64_t i = threadIdx.x; i < columns; i += kThreads) largest = fmaxf(largest, row[i]);
    largest = warpMax(largest);
    if (lane == 0) parts[warp] = largest;
    __syncthreads();
    largest = warpMax(lane < kThreads / kWarpSize ? parts[lane] : -INFINITY);
    float sum = 0.0f;
    for (int64_t i = threadIdx.x; i < columns; i += kThreads) sum += row[i] = expf(row[i] - largest);
    const float factor = 1.0f / blockSum(sum, parts);
    for (int64_t i = threadIdx.x; i < columns; i += kThreads) row[i] *= factor;
}

}  // namespace moescope::cuda
