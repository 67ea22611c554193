// SPDX-License-Identifier: Apache-2.0
// Group norm over all pixels of a picture: statistics in double, summed in an order that the shape alone decides.
#pragma once

#include "engine/cuda/device_math.cuh"

namespace moescope::cuda {

struct GroupNorm {
    const float* x;  // [rows, channels]
    float* out;      // may be x
    int64_t rows, channels, groups, chunkRows, chunks;
    float eps;
    const float *weight, *bias;
    double* partial;  // [chunks, 2, channels]: sums, sums of squares
    float* scale;     // [2, channels]: factors, then shifts
};

/// Block (chunk, piece of the channels), a thread per channel.
static __global__ void channelSumsKernel(GroupNorm g) {
    const int64_t c = blockIdx.y * int64_t{kThreads} + threadIdx.x, chunk = blockIdx.x;
    if (c >= g.channels) return;
    const int64_t end = min(g.rows, (chunk + 1) * g.chunkRows);
    double sum = 0.0, squares = 0.0;
    for (int64_t row = chunk * g.chunkRows; row < end; ++row) {
        const double value = g.x[row * g.channels + c];
        sum += value;
        squares += value * value;
    }
    g.partial[chunk * 2 * g.channels + c] = sum;
    g.partial[(chunk * 2 + 1) * g.channels + c] = squares;
}

/// A warp per group: every lane sums its share of (chunk, channel) cells, then the lanes are added.
static __global__ void groupScalesKernel(GroupNorm g) {
    const int64_t width = g.channels / g.groups, first = blockIdx.x * width;
    double sum = 0.0, squares = 0.0;
    for (int64_t cell = threadIdx.x; cell < g.chunks * width; cell += kWarpSize) {
        const int64_t chunk = cell / width, c = first + cell % width;
        sum += g.partial[chunk * 2 * g.channels + c];
        squares += g.partial[(chunk * 2 + 1) * g.channels + c];
    }
    for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
        sum += __shfl_xor_sync(kFullWarp, sum, bits);
        squares += __shfl_xor_sync(kFullWarp, squares, bits);
    }
    const double count = static_cast<double>(g.rows) * static_cast<double>(width), mean = sum / count;
    const double variance = squares / count - mean * mean;
    const double inverse = 1.0 / sqrt((variance > 0.0 ? variance : 0.0) + static_cast<double>(g.eps));
    for (int64_t c = first + threadIdx.x; c < first + width; c += kWarpSize) {
        g.scale[c] = static_cast<float>(g.weight[c] * inverse);
        g.scale[g.channels + c] = static_cast<float>(g.bias[c] - mean * inverse * g.weight[c]);
    }
}

static __global__ void scaleChannelsKernel(GroupNorm g, MsActivation activation) {
    const int64_t i = globalThread();
    if (i >= g.rows * g.channels) return;
    const int64_t c = rowColumn(i, g.channels).column;
    g.out[i] = activated(fmaf(g.x[i], g.scale[c], g.scale[g.channels + c]), activation);
}

}  // namespace moescope::cuda
