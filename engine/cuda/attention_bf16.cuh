// SPDX-License-Identifier: Apache-2.0
// Attention on tensor cores: bf16 queries, keys, values and weights, fp32 scores, softmax and sums (after Dao, 2023,
// FlashAttention-2). A block takes 64 queries of one head, a warp 16 of them; keys and values come 64 at a time, the
// next ones while the current ones are used.
#pragma once

#include "engine/cuda/device_math.cuh"
#include "engine/cuda/fours.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/ptx.cuh"

namespace moescope::cuda {

/// Prepared rows as prepareRowsKernel leaves them: [pairs, tokens, stride] each.
struct PreparedAttention {
    const uint16_t *queries, *keys, *values;
    float* out;  // [samples tokens, heads d]
    int64_t heads, tokens, d, stride;
    uint16_t* rounded;  // out as bf16, or null
};

inline constexpr int kFlashTile = 64;
inline constexpr int kFlashThreads = 128;

/// kD: channels in a tile, a multiple of 16 that holds d. Shared memory: queries, then two stages of keys and of
/// values.
template <int kD>
struct FlashShape {
    static constexpr int kRow = kD + 8;  // values; 16 bytes more than a power of two keep rows in different banks
    static constexpr int kTileValues = kFlashTile * kRow;
    static constexpr size_t kSharedBytes = size_t{5} * kTileValues * sizeof(uint16_t);
};

/// Rows [first, first + 64) of a pair into a tile, zeros behind the last. Asynchronous.
template <int kD>
__device__ void loadFlashTile(const PreparedAttention& a, const uint16_t* rows, int64_t pair, int64_t first,
                              uint16_t* tile) {
    constexpr int kChunks = kD / 8;
    for (int i = static_cast<int>(threadIdx.x); i < kFlashTile * kChunks; i += kFlashThreads) {
        const int r = i / kChunks, chunk = i % kChunks;
        const int64_t token = first + r;
        const bool there = token < a.tokens && chunk * 8 < a.stride;
        copyAsync16(tile + r * FlashShape<kD>::kRow + chunk * 8,
                    rows + (there ? (pair * a.tokens + token) * a.stride + chunk * 8 : 0), there);
    }
}

/// Largest and sum over the four lanes that share a row of a fragment.
__device__ inline float rowMax(float value) {
    value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, 1));
    return fmaxf(value, __shfl_xor_sync(kFullWarp, value, 2));
}
__device__ inline float rowSum(float value) {
    value += __shfl_xor_sync(kFullWarp, value, 1);
    return value + __shfl_xor_sync(kFullWarp, value, 2);
}

/// Grid: blocks of queries of one (sample, head) pair after another.
template <int kD>
__global__ __launch_bounds__(kFlashThreads) void attentionBf16Kernel(PreparedAttention a) {
    using Shape = FlashShape<kD>;
    uint16_t* shared = dynamicShared<uint16_t>();
    const auto keysOf = [&](int64_t step) { return shared + (1 + step % 2) * Shape::kTileValues; };
    const auto valuesOf = [&](int64_t step) { return shared + (3 + step % 2) * Shape::kTileValues; };
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize, warp = static_cast<int>(threadIdx.x) / kWarpSize;
    const int64_t steps = (a.tokens + kFlashTile - 1) / kFlashTile;
    const int64_t pair = blockIdx.x / steps, first = blockIdx.x % steps * kFlashTile;
    const float scale = 1.0f / sqrtf(static_cast<float>(a.d));

    loadFlashTile<kD>(a, a.queries, pair, first, shared);
    loadFlashTile<kD>(a, a.keys, pair, 0, keysOf(0));
    loadFlashTile<kD>(a, a.values, pair, 0, valuesOf(0));
    commitCopies();

    uint32_t query[kD / 16][4];
    float out[kD / 8][4] = {};
    float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0.0f, 0.0f};
    for (int64_t step = 0; step < steps; ++step) {
        if (step + 1 < steps) {
            loadFlashTile<kD>(a, a.keys, pair, (step + 1) * kFlashTile, keysOf(step + 1));
            loadFlashTile<kD>(a, a.values, pair, (step + 1) * kFlashTile, valuesOf(step + 1));
        }
        commitCopies();
        waitCopies<1>();
        __syncthreads();
        if (step == 0) {
#pragma unroll
            for (int k = 0; k < kD / 16; ++k)
                loadMatrix4(query[k], shared + (warp * 16 + lane % 16) * Shape::kRow + k * 16 + lane / 16 * 8);
        }
        float score[kFlashTile / 8][4] = {};
        const uint16_t* keys = keysOf(step);
#pragma unroll
        for (int k = 0; k < kD / 16; ++k)
#pragma unroll
            for (int n = 0; n < kFlashTile / 16; ++n) {
                uint32_t both[4];
                loadMatrix4(both, keys + (n * 16 + lane / 16 * 8 + lane % 8) * Shape::kRow + k * 16 + lane / 8 % 2 * 8);
                mmaBf16(score[2 * n], query[k], {both[0], both[1]});
                mmaBf16(score[2 * n + 1], query[k], {both[2], both[3]});
            }
        // Rows lane / 4 (values 0, 1 of a fragment) and lane / 4 + 8 (values 2, 3).
        float best[2] = {largest[0], largest[1]};
#pragma unroll
        for (int n = 0; n < kFlashTile / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int64_t key = step * kFlashTile + n * 8 + lane % 4 * 2 + i % 2;
                score[n][i] = key < a.tokens ? score[n][i] * scale : -INFINITY;
                best[i / 2] = fmaxf(best[i / 2], score[n][i]);
            }
#pragma unroll
        for (int r = 0; r < 2; ++r) {
            best[r] = rowMax(best[r]);
            const float shrink = expf(largest[r] - best[r]);
            largest[r] = best[r];
            sum[r] *= shrink;
#pragma unroll
            for (int n = 0; n < kD / 8; ++n) {
                out[n][2 * r] *= shrink;
                out[n][2 * r + 1] *= shrink;
            }
        }
#pragma unroll
        for (int n = 0; n < kFlashTile / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                score[n][i] = expf(score[n][i] - largest[i / 2]);
                sum[i / 2] += score[n][i];
            }
        const uint16_t* values = valuesOf(step);
#pragma unroll
        for (int k = 0; k < kFlashTile / 16; ++k) {
            const uint32_t weight[4] = {
                packBf16(score[2 * k][0], score[2 * k][1]), packBf16(score[2 * k][2], score[2 * k][3]),
                packBf16(score[2 * k + 1][0], score[2 * k + 1][1]), packBf16(score[2 * k + 1][2], score[2 * k + 1][3])};
#pragma unroll
            for (int n = 0; n < kD / 16; ++n) {
                uint32_t both[4];
                loadMatrix4Transposed(both, values + (k * 16 + lane % 16) * Shape::kRow + n * 16 + lane / 16 * 8);
                mmaBf16(out[2 * n], weight, {both[0], both[1]});
                mmaBf16(out[2 * n + 1], weight, {both[2], both[3]});
            }
        }
        __syncthreads();  // the tiles are read, the next copies may take their place
    }
    const int64_t width = a.heads * a.d, head = pair % a.heads, sample = pair / a.heads;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
        const int64_t token = first + warp * 16 + lane / 4 + 8 * r;
        const float factor = 1.0f / rowSum(sum[r]);
        if (token >= a.tokens) continue;
        const int64_t at = (sample * a.tokens + token) * width + head * a.d;
#pragma unroll
        for (int n = 0; n < kD / 8; ++n) {
            const int channel = n * 8 + lane % 4 * 2;
            if (channel >= a.d) continue;
            const Floats<2> values{{out[n][2 * r] * factor, out[n][2 * r + 1] * factor}};
            if (a.d % 2 == 0) {
                storeFloats(a.out + at + channel, values);
                if (a.rounded) storeRounded(a.rounded + at + channel, values);
                continue;
            }
            for (int i = 0; i < 2 && channel + i < a.d; ++i) {
                a.out[at + channel + i] = values.at[i];
                if (a.rounded) a.rounded[at + channel + i] = toBf16(values.at[i]);
            }
        }
    }
}

}  // namespace moescope::cuda
