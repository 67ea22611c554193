// SPDX-License-Identifier: Apache-2.0
// The experts' products in fp32: tiles of 64 rows x 128 weight rows, a thread has 4 rows x 8 columns, k in steps of 16
// with the next step on its way in registers.
#pragma once

#include "engine/cuda/expert_tiles.cuh"

namespace moescope::cuda {

struct F32Tile {
    static constexpr int kRows = 64, kColumns = 128, kDepth = 16, kThreads = 256;
};

/// Four values from `k` on of a row of `depth`; zeros behind. `aligned`: rows begin at multiples of 16 bytes.
__device__ inline float4 fourOf(const float* row, int64_t k, int64_t depth, bool aligned) {
    if (aligned && k + 4 <= depth) return *reinterpret_cast<const float4*>(row + k);
    return make_float4(k < depth ? row[k] : 0.0f, k + 1 < depth ? row[k + 1] : 0.0f, k + 2 < depth ? row[k + 2] : 0.0f,
                       k + 3 < depth ? row[k + 3] : 0.0f);
}

template <class Out>
__global__ __launch_bounds__(F32Tile::kThreads) void expertProductF32(ExpertProduct p) {
    constexpr int kRows = F32Tile::kRows, kColumns = F32Tile::kColumns, kDepth = F32Tile::kDepth;
    alignas(16) __shared__ float left[2][kDepth][kRows + 4];
    alignas(16) __shared__ float right[2][kDepth][kColumns + 4];
    const int thread = static_cast<int>(threadIdx.x), tx = thread % 16, ty = thread / 16;
    // A gate and the up that belongs to it are 8 columns apart: a thread has columns c .. c+3 and c+8 .. c+11.
    const int ownColumn = tx / 2 * 16 + tx % 2 * 4;
    const int loadRow = thread / 4, loadK = thread % 4 * 4;
    const bool aligned = p.xStride % 4 == 0;

    ExpertTile tile;
    for (int64_t index = blockIdx.x; expertTile<kRows, kColumns>(p, index, tile); index += gridDim.x) {
        const bool rowThere = loadRow < tile.rows;
        const int64_t slot = tile.slot + (rowThere ? loadRow : 0);
        const float* x = static_cast<const float*>(p.x) + (p.gather ? p.gather[slot] : slot) * p.xStride;
        const float* weights = static_cast<const float*>(p.weights) +
                               (tile.expert * p.weightRows + tile.column + loadRow) * p.weightStride;
        const bool firstThere = tile.column + loadRow < p.weightRows;
        const bool secondThere = tile.column + loadRow + 64 < p.weightRows;
        const float4 none = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        float4 nextLeft, nextRight[2];
        const auto fetch = [&](int64_t k) {
            nextLeft = rowThere ? fourOf(x, k + loadK, p.depth, aligned) : none;
            nextRight[0] = firstThere ? fourOf(weights, k + loadK, p.weightStride, true) : none;
            nextRight[1] = secondThere ? fourOf(weights + 64 * p.weightStride, k + loadK, p.weightStride, true) : none;
        };
        const auto store = [&](int stage) {
            const float l[4] = {nextLeft.x, nextLeft.y, nextLeft.z, nextLeft.w};
            const float r0[4] = {nextRight[0].x, nextRight[0].y, nextRight[0].z, nextRight[0].w};
            const float r1[4] = {nextRight[1].x, nextRight[1].y, nextRight[1].z, nextRight[1].w};
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                left[stage][loadK + i][loadRow] = l[i];
                right[stage][loadK + i][loadRow] = r0[i];
                right[stage][loadK + i][loadRow + 64] = r1[i];
            }
        };

        float sum[4][8] = {};
        fetch(0);
        store(0);
        __syncthreads();
        const int64_t steps = (p.depth + kDepth - 1) / kDepth;
        for (int64_t step = 0; step < steps; ++step) {
            if (step + 1 < steps) fetch((step + 1) * kDepth);
            const int stage = static_cast<int>(step % 2);
#pragma unroll
            for (int k = 0; k < kDepth; ++k) {
                const float4 a = *reinterpret_cast<const float4*>(&left[stage][k][ty * 4]);
                const float4 b = *reinterpret_cast<const float4*>(&right[stage][k][ownColumn]);
                const float4 c = *reinterpret_cast<const float4*>(&right[stage][k][ownColumn + 8]);
                const float rows[4] = {a.x, a.y, a.z, a.w};
                const float columns[8] = {b.x, b.y, b.z, b.w, c.x, c.y, c.z, c.w};
#pragma unroll
                for (int i = 0; i < 4; ++i)
#pragma unroll
                    for (int j = 0; j < 8; ++j) sum[i][j] = fmaf(rows[i], columns[j], sum[i][j]);
            }
            if (step + 1 < steps) store(1 - stage);
            __syncthreads();
        }

#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if (ty * 4 + i >= tile.rows) continue;
            const int64_t target = tile.slot + ty * 4 + i;
            Out* out = static_cast<Out*>(p.out) + target * p.outStride;
#pragma unroll
            for (int j = 0; j < 8; ++j) {
                if (p.gated && j >= 4) continue;
                const int64_t weightRow = tile.column + ownColumn + j % 4 + (j >= 4 ? 8 : 0),
                              column = outputOf(p, weightRow);
                if (weightRow < p.weightRows && column < p.outColumns)
                    storeAs(out + column, finishedValue(p, tile, target, weightRow, sum[i][j], sum[i][(j + 4) % 8]));
            }
        }
    }
}

}  // namespace moescope::cuda
