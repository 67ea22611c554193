// SPDX-License-Identifier: Apache-2.0
// Attention in fp32 with an online softmax: a block takes 64 queries of one head and walks over the keys 64 at a time,
// so that no [S, S] matrix exists.
#pragma once

#include "engine/cuda/attention.cuh"
#include "engine/cuda/launch.cuh"

namespace moescope::cuda {

inline constexpr int kAttentionTile = 64;  // queries of a block, keys of a step
inline constexpr int kAttentionThreads =
    256;  // 16 x 16: a thread has 4 queries and 4 keys, or 4 queries and d/16 channels

/// Floats from row to row of a tile: a multiple of 4 that keeps eight neighbouring rows in different banks.
__host__ __device__ inline int attentionStride(int64_t d) {
    return static_cast<int>((d + 3) / 4 * 4 + 4);
}

/// Dynamic shared memory in bytes: queries, keys or values, and the weights of a step.
inline size_t attentionSharedBytes(int64_t d) {
    return sizeof(float) * static_cast<size_t>(kAttentionTile) *
           static_cast<size_t>(2 * attentionStride(d) + kAttentionTile + 4);
}

/// Largest and sum over the 16 threads that share a query: half a warp.
__device__ inline float halfWarpMax(float value) {
    for (int bits = 8; bits > 0; bits /= 2) value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, bits));
    return value;
}
__device__ inline float halfWarpSum(float value) {
    for (int bits = 8; bits > 0; bits /= 2) value += __shfl_xor_sync(kFullWarp, value, bits);
    return value;
}

/// Prepared queries or keys [first, first + kAttentionTile), zeros behind the last and in the padding channels.
__device__ inline void loadPrepared(const AttentionRows& a, int64_t pair, int64_t third, int64_t first, float* tile,
                                    int stride) {
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, lane = static_cast<int>(threadIdx.x) % kWarpSize;
    for (int r = warp; r < kAttentionTile; r += kAttentionThreads / kWarpSize) {
        float* row = tile + r * stride;
        const bool there = first + r < a.tokens;
        for (int i = lane; i < stride; i += kWarpSize)
            if (!there || i >= a.d) row[i] = 0.0f;
        if (there) prepareRow<4>(a, pair, third, first + r, row);
    }
}

__device__ inline void loadValues(const AttentionRows& a, int64_t pair, int64_t first, float* tile, int stride) {
    for (int64_t i = threadIdx.x; i < kAttentionTile * a.d; i += kAttentionThreads) {
        const int64_t r = i / a.d, c = i % a.d;
        tile[r * stride + c] = first + r < a.tokens ? a.row(pair, 2, first + r)[c] : 0.0f;
    }
}

/// Grid: blocks of queries of one (sample, head) pair after another. kColumns: channels of a thread, 16 kColumns >= d.
template <int kColumns>
__global__ __launch_bounds__(kAttentionThreads) void attentionF32Kernel(AttentionRows a) {
    const int stride = attentionStride(a.d), weightStride = kAttentionTile + 4;
    float* queries = dynamicShared<float>();
    float* tile = queries + kAttentionTile * stride;  // keys, then values
    float* weights = tile + kAttentionTile * stride;
    const int tx = static_cast<int>(threadIdx.x) % 16, ty = static_cast<int>(threadIdx.x) / 16;
    const int64_t blocks = (a.tokens + kAttentionTile - 1) / kAttentionTile;
    const int64_t pair = blockIdx.x / blocks, first = blockIdx.x % blocks * kAttentionTile;
    const float scale = 1.0f / sqrtf(static_cast<float>(a.d));

    loadPrepared(a, pair, 0, first, queries, stride);
    float largest[4], sum[4], out[4][kColumns];
    for (int i = 0; i < 4; ++i) {
        largest[i] = -INFINITY;
        sum[i] = 0.0f;
        for (int j = 0; j < kColumns; ++j) out[i][j] = 0.0f;
    }
    for (int64_t key = 0; key < a.tokens; key += kAttentionTile) {
        loadPrepared(a, pair, 1, key, tile, stride);
        __syncthreads();
        float score[4][4] = {};
        for (int k = 0; k < stride - 4; k += 4) {
            float4 q[4], c[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                q[i] = *reinterpret_cast<const float4*>(queries + (ty * 4 + i) * stride + k);
                c[i] = *reinterpret_cast<const float4*>(tile + (tx + 16 * i) * stride + k);
            }
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    score[i][j] = fmaf(q[i].x, c[j].x, score[i][j]);
                    score[i][j] = fmaf(q[i].y, c[j].y, score[i][j]);
                    score[i][j] = fmaf(q[i].z, c[j].z, score[i][j]);
                    score[i][j] = fmaf(q[i].w, c[j].w, score[i][j]);
                }
        }
        __syncthreads();  // the keys are read, the values take their place
        loadValues(a, pair, key, tile, stride);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            float best = -INFINITY;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                score[i][j] = key + tx + 16 * j < a.tokens ? score[i][j] * scale : -INFINITY;
                best = fmaxf(best, score[i][j]);
            }
            best = fmaxf(largest[i], halfWarpMax(best));
            const float shrink = expf(largest[i] - best);
            largest[i] = best;
            float part = 0.0f;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const float weight = expf(score[i][j] - best);
                part += weight;
                weights[(ty * 4 + i) * weightStride + tx + 16 * j] = weight;
            }
            sum[i] = sum[i] * shrink + halfWarpSum(part);
#pragma unroll
            for (int j = 0; j < kColumns; ++j) out[i][j] *= shrink;
        }
        __syncthreads();
        for (int k = 0; k < kAttentionTile; ++k) {
            float value[kColumns];
#pragma unroll
            for (int j = 0; j < kColumns; ++j) value[j] = tx + 16 * j < a.d ? tile[k * stride + tx + 16 * j] : 0.0f;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float weight = weights[(ty * 4 + i) * weightStride + k];
#pragma unroll
                for (int j = 0; j < kColumns; ++j) out[i][j] = fmaf(weight, value[j], out[i][j]);
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < 4; ++i) {
        const int64_t token = first + ty * 4 + i;
        if (token >= a.tokens) continue;
        const float factor = 1.0f / sum[i];
        for (int j = 0; j < kColumns; ++j)
            if (tx + 16 * j < a.d) a.outRow(pair, token)[tx + 16 * j] = out[i][j] * factor;
    }
}

}  // namespace moescope::cuda
