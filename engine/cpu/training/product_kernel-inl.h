// SPDX-License-Identifier: Apache-2.0
// The register-blocked kernel of all products in training: a tile of R rows x kPanel columns, one chain of
// multiply-adds per element. Per-target header.
//
// The rows of the left operand are read where they lie (y = x W^T, dx = dy W), or the operand is the transpose of one
// whose values for each k lie beside each other (dW = dy^T x). A tile starts at zero, at a bias, or at what the output
// holds, so that nothing has to be done to a finished one.
#if defined(MOESCOPE_CPU_TRAINING_PRODUCT_KERNEL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_TRAINING_PRODUCT_KERNEL_INL_H
#undef MOESCOPE_CPU_TRAINING_PRODUCT_KERNEL_INL_H
#else
#define MOESCOPE_CPU_TRAINING_PRODUCT_KERNEL_INL_H
#endif

#include <algorithm>
#include <utility>

#include "engine/cpu/gemm_kernel-inl.h"
#include "engine/cpu/training/product.h"
#include "engine/cpu/training/vector_loops-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

/// Rows that will be needed, asked for line by line while the processor computes: a burst would keep what it needs now
/// from coming. Rows [first, end) of `width` values; row i is base + (gather ? gather[i] : i) * stride.
class ComingRows {
public:
    ComingRows() = default;
    ComingRows(const float* base, int64_t stride, const int32_t* gather, int64_t first, int64_t end, int64_t width)
        : m_base(base), m_stride(stride), m_gather(gather), m_row(first), m_end(end), m_width(width) {}

    int64_t lines() const { return (m_end - m_row) * (m_width / 16 + 2); }
    HWY_INLINE void fetch(int64_t lines) {
        for (; lines > 0 && m_row < m_end; --lines) {
            const float* row = m_base + (m_gather ? m_gather[m_row] : m_row) * m_stride;
            __builtin_prefetch(row + m_place, 0, 2);  // into the second-level cache
            m_place += 16;
            if (m_place < m_width + 15) continue;  // the last line may hold one value
            m_place = 0;
            ++m_row;
        }
    }

private:
    const float* m_base = nullptr;
    int64_t m_stride = 0;
    const int32_t* m_gather = nullptr;
    int64_t m_row = 0, m_end = 0, m_width = 0, m_place = 0;
};

/// What a turned tile asks for meanwhile, and how many lines every kFetchDepth steps of k.
struct Coming {
    ComingRows first, second;
    int64_t firstLines = 0, secondLines = 0;
};
inline constexpr int64_t kFetchDepth = 32;

/// Asks for the lines of a tile's output before it is computed, so that its stores need not wait.
HWY_INLINE void fetchOutput(const float* out, int64_t stride, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r, out += stride) {
        hwy::Prefetch(out);
        hwy::Prefetch(out + std::min(columns - 1, kHalf));
        hwy::Prefetch(out + columns - 1);
    }
}

/// What a tile is made of. Element (r, k) of the left operand: rows[r][k], or turned[k * turnedStride + r]. start: row
/// r at start + r * startStride, or null for zeros (`startStride` 0: a bias).
struct Tile {
    const float* const* rows;
    const float* turned;
    int64_t turnedStride;
    int64_t depth;
    const float* panel;  // [depth][kPanel]
    const float* start;
    int64_t startStride;
    float* out;
    int64_t outStride;
    Coming* coming;  // in a turned tile, or null
};

/// out[r][0 .. kWide ? kPanel : kHalf) = start + sum over k of left(r, k) * panel[k].
template <bool kTurned, bool kWide, size_t... R>
HWY_INLINE void computeTile(std::index_sequence<R...>, const Tile& t) {
    const LaneTag d;
    using V = hn::Vec<LaneTag>;
    for (int64_t c = 0; c < kHalf; c += kLanes) {
        V low[] = {(static_cast<void>(R), hn::Zero(d))...};
        V high[] = {(static_cast<void>(R), hn::Zero(d))...};
        if (t.start) {
            ((low[R] = hn::LoadU(d, t.start + R * t.startStride + c)), ...);
            if constexpr (kWide) ((high[R] = hn::LoadU(d, t.start + R * t.startStride + kHalf + c)), ...);
        }
        const float* panel = t.panel + c;
        if constexpr (kTurned) {
            const float* left = t.turned;
            const int64_t stride = t.turnedStride;
            for (int64_t begin = 0; begin < t.depth; begin += kFetchDepth) {
                const int64_t count = t.depth - begin < kFetchDepth ? t.depth - begin : kFetchDepth;
                if (c == 0 && t.coming) {
                    t.coming->first.fetch(t.coming->firstLines);
                    t.coming->second.fetch(t.coming->secondLines);
                }
                for (int64_t k = 0; k < count; ++k, panel += kPanel, left += stride) {
                    const V a = hn::LoadU(d, panel), b = kWide ? hn::LoadU(d, panel + kHalf) : hn::Zero(d);
                    (
                        [&]() HWY_ATTR {
                            const V value = hn::Set(d, left[R]);
                            low[R] = hn::MulAdd(value, a, low[R]);
                            if constexpr (kWide) high[R] = hn::MulAdd(value, b, high[R]);
                        }(),
                        ...);
                }
            }
        } else {
            const float* const left[] = {t.rows[R]...};
            for (int64_t k = 0; k < t.depth; ++k, panel += kPanel) {
                const V a = hn::LoadU(d, panel), b = kWide ? hn::LoadU(d, panel + kHalf) : hn::Zero(d);
                (
                    [&]() HWY_ATTR {
                        const V value = hn::Set(d, left[R][k]);
                        low[R] = hn::MulAdd(value, a, low[R]);
                        if constexpr (kWide) high[R] = hn::MulAdd(value, b, high[R]);
                    }(),
                    ...);
            }
        }
        ((hn::StoreU(low[R], d, t.out + R * t.outStride + c)), ...);
        if constexpr (kWide) ((hn::StoreU(high[R], d, t.out + R * t.outStride + kHalf + c)), ...);
    }
}

using TileKernel = void (*)(const Tile&);

template <bool kTurned, bool kWide, size_t kRows>
void tileOf(const Tile& tile) {
    computeTile<kTurned, kWide>(std::make_index_sequence<kRows>(), tile);
}

template <bool kTurned, bool kWide, size_t... R>
HWY_INLINE TileKernel pickTile(std::index_sequence<R...>, int64_t rows) {
    static constexpr TileKernel kTable[] = {tileOf<kTurned, kWide, R + 1>...};
    return kTable[rows - 1];
}

/// The kernel for 1 .. kBlockRows rows.
template <bool kTurned>
HWY_INLINE TileKernel tileKernel(bool wide, int64_t rows) {
    constexpr auto kAll = std::make_index_sequence<kBlockRows>();
    return wide ? pickTile<kTurned, true>(kAll, rows) : pickTile<kTurned, false>(kAll, rows);
}

/// A tile of `rows` rows of which only `columns` columns exist: nothing beside them is read or written.
template <bool kTurned>
HWY_INLINE void edgeTile(Tile tile, int64_t rows, int64_t columns) {
    alignas(64) float inner[kBlockRows * kPanel];
    float* out = tile.out;
    if (tile.start) {
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < columns; ++c) inner[r * kPanel + c] = tile.start[r * tile.startStride + c];
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = columns; c < kPanel; ++c) inner[r * kPanel + c] = 0.0f;
        tile.start = inner;
        tile.startStride = kPanel;
    }
    tile.out = inner;
    const int64_t stride = std::exchange(tile.outStride, kPanel);
    tileKernel<kTurned>(columns > kHalf, rows)(tile);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; c += kFloatLanes)
            storePart(hn::LoadU(FloatTag(), inner + r * kPanel + c), out + r * stride + c, columns - c);
}

template <bool kTurned>
HWY_INLINE void anyTile(const Tile& tile, int64_t rows, int64_t columns) {
    if (columns == kPanel || columns == kHalf)
        tileKernel<kTurned>(columns == kPanel, rows)(tile);
    else
        edgeTile<kTurned>(tile, rows, columns);
}

/// First row of block `block` when `rows` are split into blocks as even as possible.
HWY_INLINE int64_t evenStart(int64_t rows, int64_t blocks, int64_t block) {
    return rows * block / blocks;
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
