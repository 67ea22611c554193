// SPDX-License-Identifier: Apache-2.0
// The experts' products with Hopper's tensor cores: bf16 operands, fp32 sums. Tiles of 128 rows x kColumns weight rows,
// 64 rows per warpgroup, k in steps of 64. Copies run ahead of the products through a ring of stages and on into the
// block's next tile, so that they go on while a finished tile is written.
#pragma once

#include "engine/cuda/expert_tiles.cuh"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/wgmma.cuh"

namespace moescope::cuda {

/// kColumns: 128 or 256.
template <int kColumns_>
struct HopperTile {
    static constexpr int kRows = 128, kColumns = kColumns_, kDepth = 64, kThreads = 256;
    static constexpr int kStageBytes = (kRows + kColumns) * static_cast<int>(kSwizzledRowBytes);
    static constexpr int kStages = 192 * 1024 / kStageBytes;
    static constexpr int kAhead = kStages - 2;  // one stage is multiplied, one may still be
    static constexpr size_t kSharedBytes = size_t{kStages} * kStageBytes + kSwizzleBytes;
};

/// What a thread copies: piece `piece` of rows `row`, row + 32, ... of one step after another, of one tile after
/// another.
template <int kColumns>
class HopperCopies {
public:
    using Tile = HopperTile<kColumns>;
    static constexpr int kRowStep = Tile::kThreads / 8;
    static constexpr int kRowsOfThread = Tile::kRows / kRowStep, kWeightsOfThread = kColumns / kRowStep;

    __device__ HopperCopies(const ExpertProduct& p, unsigned char* stages)
        : m_p(p),
          m_stages(stages),
          m_piece(static_cast<int>(threadIdx.x) % 8),
          m_row(static_cast<int>(threadIdx.x) / 8),
          m_steps((p.weightStride + Tile::kDepth - 1) / Tile::kDepth) {
        enter(blockIdx.x);
    }

    __device__ int64_t steps() const { return m_steps; }

    /// The next step on its way into the next stage, if there is one; closes a group of copies in any case.
    __device__ void fetch() {
        if (m_there) {
            const int64_t k = m_step * Tile::kDepth + m_piece * 8;
            unsigned char* to =
                m_stages + m_stage * Tile::kStageBytes + m_row * kSwizzledRowBytes + ((m_piece ^ (m_row % 8)) << 4);
            const auto* x = static_cast<const uint16_t*>(m_p.x);
#pragma unroll
            for (int i = 0; i < kRowsOfThread; ++i) {
                const bool there = m_from[i] >= 0 && k < m_p.xStride;
                copyAsync16(to + i * kRowStep * kSwizzledRowBytes, x + (there ? m_from[i] + k : 0), there);
            }
            to += Tile::kRows * kSwizzledRowBytes;
            const auto* weights = static_cast<const uint16_t*>(m_p.weights);
#pragma unroll
            for (int i = 0; i < kWeightsOfThread; ++i) {
                const bool there = m_weight + i * kRowStep < m_p.weightRows && k < m_p.weightStride;
                copyAsync16(to + i * kRowStep * kSwizzledRowBytes,
                            weights + (there ? m_fromWeights + i * kRowStep * m_p.weightStride + k : 0), there);
            }
            m_stage = m_stage + 1 == Tile::kStages ? 0 : m_stage + 1;
            if (++m_step == m_steps) enter(m_index + gridDim.x);
        }
        commitCopies();
    }

private:
    __device__ void enter(int64_t index) {
        ExpertTile tile;
        m_index = index;
        m_step = 0;
        m_there = expertTile<Tile::kRows, kColumns>(m_p, index, tile);
        if (!m_there) return;
#pragma unroll
        for (int i = 0; i < kRowsOfThread; ++i) {
            const int row = m_row + i * kRowStep;
            const int64_t slot = tile.slot + row;
            m_from[i] = row < tile.rows ? (m_p.gather ? m_p.gather[slot] : slot) * m_p.xStride : -1;
        }
        m_weight = tile.column + m_row;
        m_fromWeights = (tile.expert * m_p.weightRows + m_weight) * m_p.weightStride;
    }

    const ExpertProduct& m_p;
    unsigned char* m_stages;
    int m_piece, m_row, m_stage = 0;
    int64_t m_steps, m_step = 0, m_index = 0;
    int64_t m_from[kRowsOfThread];  // first value of a row, or -1: no such row
    int64_t m_weight = 0, m_fromWeights = 0;
    bool m_there = false;
};

/// Writes a warpgroup's sums.
template <int kColumns, class Out>
__device__ __forceinline__ void storeTile(const ExpertProduct& p, const ExpertTile& tile,
                                          const float (&sum)[kColumns / 2]) {
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarpSize, warp = thread / kWarpSize;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = warp * 16 + half * 8 + lane / 4;  // four warps of 16 rows each are a warpgroup's 64
        if (row >= tile.rows) continue;
        const auto pairOf = [&](int n) { return make_float2(sum[n * 4 + half * 2], sum[n * 4 + half * 2 + 1]); };
#pragma unroll
        for (int n = 0; n < kColumns / 8; ++n) {
            if (p.gated && n % 2 == 1) continue;
            storePair<Out>(p, tile, tile.slot + row, tile.column + n * 8 + lane % 4 * 2, pairOf(n),
                           pairOf((n + 1) % (kColumns / 8)));
        }
    }
}

/// Grid: at most a block per processor.
template <int kColumns, class Out>
__global__ __launch_bounds__(HopperTile<kColumns>::kThreads,
                             1) void expertProductHopper(const __grid_constant__ ExpertProduct p) {
    using Tile = HopperTile<kColumns>;
    auto* shared = dynamicShared<unsigned char>();
    const uint32_t address = sharedAddress(shared),
                   first = (address + kSwizzleBytes - 1) / kSwizzleBytes * kSwizzleBytes;
    const int warpgroup = static_cast<int>(threadIdx.x) / (4 * kWarpSize);
    HopperCopies<kColumns> copies(p, shared + (first - address));
    for (int i = 0; i < Tile::kAhead; ++i) copies.fetch();

    float sum[kColumns / 2] = {};
    int stage = 0;
    ExpertTile tile;
    for (int64_t index = blockIdx.x; expertTile<Tile::kRows, kColumns>(p, index, tile); index += gridDim.x) {
        for (int64_t step = 0; step < copies.steps(); ++step) {
            waitCopies<Tile::kAhead - 1>();
            showSharedToProducts();
            __syncthreads();  // this stage has arrived for all, and all have done with the last but one before it
            const uint32_t rows = first + stage * Tile::kStageBytes + warpgroup * 64 * kSwizzledRowBytes;
            const uint32_t weights = first + stage * Tile::kStageBytes + Tile::kRows * kSwizzledRowBytes;
            pinSums(sum);
            beginProducts();
#pragma unroll
            for (int k = 0; k < Tile::kDepth; k += 16)
                addProduct(sum, tileDescriptor(rows + k * 2), tileDescriptor(weights + k * 2), step > 0 || k > 0);
            commitProducts();
            copies.fetch();  // into the place of the last but one
            waitProducts<1>();
            stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
        }
        waitProducts<0>();
        pinSums(sum);
        storeTile<kColumns, Out>(p, tile, sum);
    }
    waitCopies<0>();
}

}  // namespace moescope::cuda
