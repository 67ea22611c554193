// SPDX-License-Identifier: Apache-2.0
// Kernels that move data into tokens and back: a thread per value that is written.
#pragma once

#include "engine/cuda/device_math.cuh"

namespace moescope::cuda {

/// The picture's side of a patch operation: [B, C, H, W] cut into gridH x gridW patches.
struct PatchGrid {
    int64_t batch, channels, height, width, patch, gridH, gridW;

    __host__ __device__ int64_t tokens() const { return batch * gridH * gridW; }
    __host__ __device__ int64_t tokenWidth() const { return channels * patch * patch; }
};

/// The picture's value for row p, column q of channel c in a token's patch.
__device__ inline int64_t pixelOf(const PatchGrid& g, int64_t token, int64_t c, int64_t p, int64_t q) {
    const int64_t sample = token / (g.gridH * g.gridW), row = token / g.gridW % g.gridH, column = token % g.gridW;
    return ((sample * g.channels + c) * g.height + row * g.patch + p) * g.width + column * g.patch + q;
}

static __global__ void patchifyKernel(const float* image, PatchGrid g, float* out) {
    const int64_t i = globalThread();
    if (i >= g.tokens() * g.tokenWidth()) return;
    const int64_t inside = i % g.tokenWidth();  // [c, p, q]
    out[i] = image[pixelOf(g, i / g.tokenWidth(), inside / (g.patch * g.patch), inside / g.patch % g.patch,
                           inside % g.patch)];
}

static __global__ void unpatchifyKernel(const float* tokens, PatchGrid g, float* image) {
    const int64_t i = globalThread();
    if (i >= g.tokens() * g.tokenWidth()) return;
    const int64_t inside = i % g.tokenWidth();  // [p, q, c]
    const int64_t c = inside % g.channels, p = inside / g.channels / g.patch, q = inside / g.channels % g.patch;
    image[pixelOf(g, i / g.tokenWidth(), c, p, q)] = tokens[i];
}

/// Rates and angles are rounded to fp32 step by step, as the networks were trained; only cosine and sine are taken
/// finer.
static __global__ void wavesKernel(const float* t, int64_t batch, int64_t width, float exponent, float* out) {
    const int64_t i = globalThread(), half = width / 2;
    if (i >= batch * width) return;
    const int64_t column = i % width;
    if (column >= 2 * half) {
        out[i] = 0.0f;
        return;
    }
    const float rate = static_cast<float>(exp(static_cast<double>(static_cast<float>(column % half) * exponent)));
    const double angle = t[i / width] * rate;  // an fp32 product
    out[i] = static_cast<float>(column < half ? cos(angle) : sin(angle));
}

__device__ inline void markMissing(float* value) {
    *value = __uint_as_float(0x7fc00000u);
}
__device__ inline void markMissing(int32_t* value) {
    *value = -1;
}

/// An index outside the table, which the host can not see, gives a row of NaN or -1.
template <class T>
__global__ void gatherRowsKernel(const T* table, int64_t rows, const int32_t* index, int64_t width, T* out,
                                 int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    const int64_t row = index[i / width];
    if (row >= 0 && row < rows)
        out[i] = table[row * width + i % width];
    else
        markMissing(out + i);
}

static __global__ void addRowsKernel(float* x, const float* table, int64_t tableValues, int64_t count) {
    const int64_t i = globalThread();
    if (i < count) x[i] += table[i % tableValues];
}

static __global__ void prependKernel(const float* x, const float* embedding, const float* position, int64_t lead,
                                     int64_t own, int64_t width, float* out, int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    const int64_t row = i / width, column = i % width, sample = row / (lead + own), token = row % (lead + own);
    out[i] = token < lead ? embedding[sample * width + column] + position[token * width + column]
                          : x[(sample * own + token - lead) * width + column];
}

static __global__ void dropLeadKernel(const float* x, int64_t all, int64_t kept, int64_t width, float* out,
                                      int64_t count) {
    const int64_t i = globalThread();
    if (i >= count) return;
    const int64_t row = i / width;
    out[i] = x[(row / kept * all + all - kept + row % kept) * width + i % width];
}

}  // namespace moescope::cuda
