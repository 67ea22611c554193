// SPDX-License-Identifier: Apache-2.0
// Rows of queries and keys as attention takes them: per-head norm, rotation, rounding. A warp per row.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/values.cuh"

namespace moescope::cuda {

/// qkv [samples tokens, 3 heads d] rows (q | k | v) -> out [samples tokens, heads d].
struct AttentionRows {
    const float* qkv;
    float* out;
    int64_t samples, heads, tokens, d;
    const float *queryNorm, *keyNorm, *queryNormBias, *keyNormBias;  // [d] or null; with a bias the mean is removed too
    float eps;
    MsRope rope;
    const float *ropeCos, *ropeSin;  // [tokens - leadTokens, d / 2]
    int64_t leadTokens;
    bool roundToHalf;

    __device__ const float* row(int64_t pair, int64_t third, int64_t token) const {
        return qkv + (pair / heads * tokens + token) * 3 * heads * d + third * heads * d + pair % heads * d;
    }
    __device__ float* outRow(int64_t pair, int64_t token) const {
        return out + (pair / heads * tokens + token) * heads * d + pair % heads * d;
    }
};

/// Row `token` of a (sample, head) pair's queries (third 0) or keys (1), normed and rotated, to `to` [d] in memory that
/// the warp shares. All lanes call it. kRowValues: per lane, 32 kRowValues >= d.
template <int kRowValues>
__device__ void prepareRow(const AttentionRows& a, int64_t pair, int64_t third, int64_t token, float* to) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const float* from = a.row(pair, third, token);
    const float* weight = third == 0 ? a.queryNorm : a.keyNorm;
    const float* bias = third == 0 ? a.queryNormBias : a.keyNormBias;
    float values[kRowValues];
#pragma unroll
    for (int j = 0; j < kRowValues; ++j) {
        const int i = lane + j * kWarpSize;
        values[j] = i < a.d ? from[i] : 0.0f;
    }
    if (weight) {
        const float count = static_cast<float>(a.d);
        // The mean in two rounds: beside a large mean the variance would otherwise be that of its rounding.
        for (int round = 0; bias && round < 2; ++round) {
            float average = 0.0f;
#pragma unroll
            for (int j = 0; j < kRowValues; ++j) average += values[j];
            average = warpSum(average) / count;
#pragma unroll
            for (int j = 0; j < kRowValues; ++j)
                if (lane + j * kWarpSize < a.d) values[j] -= average;
        }
        float squares = 0.0f;
#pragma unroll
        for (int j = 0; j < kRowValues; ++j) {
            if (lane + j * kWarpSize >= a.d) continue;
            squares = fmaf(values[j], values[j], squares);
        }
        const float factor = 1.0f / sqrtf(warpSum(squares) / count + a.eps);
#pragma unroll
        for (int j = 0; j < kRowValues; ++j) {
            const int i = lane + j * kWarpSize;
            if (i < a.d) values[j] = bias ? values[j] * factor * weight[i] + bias[i] : values[j] * factor * weight[i];
        }
    }
#pragma unroll
    for (int j = 0; j < kRowValues; ++j)
        if (lane + j * kWarpSize < a.d) to[lane + j * kWarpSize] = values[j];
    __syncwarp();
    if (a.rope != MS_ROPE_NONE && token >= a.leadTokens) {
        const int64_t half = a.d / 2, quarter = a.d / 4, at = (token - a.leadTokens) * half;
        for (int64_t i = lane; i < half; i += kWarpSize) {
            // SPLIT_HALVES: channel i of a half turns with channel i + d/4 of it; ADJACENT_PAIRS: 2 i with 2 i + 1.
            const bool split = a.rope == MS_ROPE_SPLIT_HALVES;
            const int64_t first = split ? i / quarter * half + i % quarter : 2 * i,
                          second = split ? first + quarter : first + 1;
            const float c = a.ropeCos[at + i], s = a.ropeSin[at + i], x = to[first], y = to[second];
            to[first] = x * c - y * s;
            to[second] = y * c + x * s;
        }
        __syncwarp();
    }
    if (!a.roundToHalf) return;
    for (int64_t i = lane; i < a.d; i += kWarpSize) to[i] = roundToHalf(to[i]);
    __syncwarp();
}

/// Rows of one third after another, prepared, as [pairs, tokens, stride] each with zeros in the padding; values (third
/// 2) as they are. Grid (rows of all pairs by warps, thirds); dynamic shared memory: `warps` rows of d floats.
struct PreparedRows {
    int64_t firstPair, pairs, stride;
    void* out;
};

inline constexpr int kPrepareWarps = 4;

template <class Out, int kRowValues>
__global__ void prepareRowsKernel(AttentionRows a, PreparedRows p) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int64_t index = blockIdx.x * int64_t{kPrepareWarps} + warp;
    if (index >= p.pairs * a.tokens) return;
    const int64_t pair = p.firstPair + index / a.tokens, token = index % a.tokens, third = blockIdx.y;
    const float* row = a.row(pair, third, token);
    if (third < 2) {
        float* own = dynamicShared<float>() + warp * a.d;
        prepareRow<kRowValues>(a, pair, third, token, own);
        __syncwarp();
        row = own;
    }
    Out* out = static_cast<Out*>(p.out) + (third * p.pairs * a.tokens + index) * p.stride;
    for (int64_t i = lane; i < p.stride; i += kWarpSize) storeAs(out + i, i < a.d ? row[i] : 0.0f);
}

}  // namespace moescope::cuda
