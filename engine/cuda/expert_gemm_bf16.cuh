// SPDX-License-Identifier: Apache-2.0
// The experts' products on tensor cores: bf16 operands, fp32 sums. Tiles of kRows x 128 weight rows, k in steps of 32
// through four stages of asynchronous copies; a warp has 32 rows x 64 columns.
#pragma once

#include "engine/cuda/expert_tiles.cuh"
#include "engine/cuda/launch.cuh"

namespace moescope::cuda {

/// kRows: 64 or 128.
template <int kRows_>
struct Bf16Tile {
    static constexpr int kRows = kRows_, kColumns = 128, kDepth = 32, kStages = 4;
    static constexpr int kThreads = kRows / 32 * 2 * kWarpSize;
    static constexpr int kRowValues = kDepth + 8;  // 80 bytes: eight rows of a matrix load lie in different banks
    static constexpr int kStageValues = (kRows + kColumns) * kRowValues;
    static constexpr size_t kSharedBytes = size_t{kStages} * kStageValues * sizeof(uint16_t);
};

template <int kRowsOfTile, class Out>
__global__ __launch_bounds__(Bf16Tile<kRowsOfTile>::kThreads) void expertProductBf16(ExpertProduct p) {
    using Tile = Bf16Tile<kRowsOfTile>;
    constexpr int kChunks = Tile::kDepth / 8;  // 16-byte pieces of a row of a stage
    uint16_t* shared = dynamicShared<uint16_t>();
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarpSize, warp = thread / kWarpSize;
    const int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 64;
    const uint16_t* x = static_cast<const uint16_t*>(p.x);
    const int64_t steps = (p.weightStride + Tile::kDepth - 1) / Tile::kDepth;

    ExpertTile tile;
    for (int64_t index = blockIdx.x; expertTile<Tile::kRows, Tile::kColumns>(p, index, tile); index += gridDim.x) {
        const uint16_t* weights = static_cast<const uint16_t*>(p.weights) + tile.expert * p.weightRows * p.weightStride;
        const auto fetch = [&](int64_t step) {
            uint16_t* stage = shared + step % Tile::kStages * Tile::kStageValues;
            for (int i = thread; i < (Tile::kRows + Tile::kColumns) * kChunks; i += Tile::kThreads) {
                const int row = i / kChunks, piece = i % kChunks;
                const int64_t k = step * Tile::kDepth + piece * 8;
                uint16_t* to = stage + row * Tile::kRowValues + piece * 8;
                if (row < Tile::kRows) {
                    const bool there = row < tile.rows && k < p.xStride;
                    const int64_t slot = tile.slot + (there ? row : 0);
                    const int64_t from = p.gather ? p.gather[slot] : slot;
                    copyAsync16(to, x + (there ? from * p.xStride + k : 0), there);
                } else {
                    const int64_t weightRow = tile.column + row - Tile::kRows;
                    const bool there = weightRow < p.weightRows && k < p.weightStride;
                    copyAsync16(to, weights + (there ? weightRow * p.weightStride + k : 0), there);
                }
            }
        };
        for (int step = 0; step < Tile::kStages - 1; ++step) {
            if (step < steps) fetch(step);
            commitCopies();
        }

        float sum[2][8][4] = {};
        for (int64_t step = 0; step < steps; ++step) {
            waitCopies<Tile::kStages - 2>();
            __syncthreads();  // this step has arrived for all, and all have done with the one whose place is filled
                              // next
            if (step + Tile::kStages - 1 < steps) fetch(step + Tile::kStages - 1);
            commitCopies();
            const uint16_t* rows = shared + step % Tile::kStages * Tile::kStageValues;
            const uint16_t* columns = rows + Tile::kRows * Tile::kRowValues;
#pragma unroll
            for (int k = 0; k < Tile::kDepth; k += 16) {
                uint32_t left[2][4];
#pragma unroll
                for (int m = 0; m < 2; ++m)
                    loadMatrix4(left[m], rows + (warpRow + m * 16 + lane % 16) * Tile::kRowValues + k + lane / 16 * 8);
#pragma unroll
                for (int n = 0; n < 4; ++n) {
                    uint32_t both[4];
                    loadMatrix4(both, columns + (warpColumn + n * 16 + lane / 16 * 8 + lane % 8) * Tile::kRowValues +
                                          k + lane / 8 % 2 * 8);
#pragma unroll
                    for (int m = 0; m < 2; ++m) {
                        mmaBf16(sum[m][2 * n], left[m], {both[0], both[1]});
                        mmaBf16(sum[m][2 * n + 1], left[m], {both[2], both[3]});
                    }
                }
            }
        }
        waitCopies<0>();
        __syncthreads();

        // Fragment n of a row: 8 columns; of gated weights the even fragments are gates and the next ones their ups.
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int row = warpRow + m * 16 + half * 8 + lane / 4;
                if (row >= tile.rows) continue;
#pragma unroll
                for (int n = 0; n < 8; ++n) {
                    if (p.gated && n % 2 == 1) continue;
                    const auto pairOf = [&](int f) {
                        return make_float2(sum[m][f][2 * half], sum[m][f][2 * half + 1]);
                    };
                    storePair<Out>(p, tile, tile.slot + row, tile.column + warpColumn + n * 8 + lane % 4 * 2, pairOf(n),
                                   pairOf((n + 1) % 8));
                }
            }
    }
}

}  // namespace moescope::cuda
