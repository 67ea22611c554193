// SPDX-License-Identifier: Apache-2.0
// Right operands in panels, and rows times panels.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/product.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include "engine/cpu/training/product.h"
#include "engine/cpu/training/product_kernel-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

// k taken at a time: a panel of so many stays in the first-level cache beside the rows of a block.
constexpr int64_t kMostDepth = 256;

/// The nearest bf16 value, ties to even; NaN stays NaN.
template <class D, class V>
HWY_INLINE V roundedToBf16(D d, V v) {
    const hn::RebindToUnsigned<D> du;
    const auto bits = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const auto up = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fffu)));
    const V rounded = hn::BitCast(d, hn::And(up, hn::Set(du, 0xffff0000u)));
    return hn::IfThenElse(hn::Eq(v, v), rounded, v);
}

template <bool kBf16>
HWY_INLINE float rounded(float value) {
    if constexpr (!kBf16) return value;
    const hn::CappedTag<float, 1> d;
    return hn::GetLane(roundedToBf16(d, hn::Set(d, value)));
}

#if HWY_TARGET == HWY_SCALAR
template <bool kBf16>
HWY_INLINE void transposeQuad(const float* from, int64_t stride, float* to) {
    for (int64_t k = 0; k < 4; ++k)
        for (int64_t c = 0; c < 4; ++c) to[k * kPanel + c] = rounded<kBf16>(from[c * stride + k]);
}
#else
/// Four rows of four values, turned: to[k * kPanel + c] = from[c * stride + k].
template <bool kBf16>
HWY_INLINE void transposeQuad(const float* from, int64_t stride, float* to) {
    const hn::FixedTag<float, 4> d;
    const hn::Repartition<double, decltype(d)> dd;
    auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + stride);
    auto c = hn::LoadU(d, from + 2 * stride), e = hn::LoadU(d, from + 3 * stride);
    if constexpr (kBf16) {
        a = roundedToBf16(d, a);
        b = roundedToBf16(d, b);
        c = roundedToBf16(d, c);
        e = roundedToBf16(d, e);
    }
    const auto ab0 = hn::BitCast(dd, hn::InterleaveLower(d, a, b)), ab1 = hn::BitCast(dd, hn::InterleaveUpper(d, a, b));
    const auto ce0 = hn::BitCast(dd, hn::InterleaveLower(d, c, e)), ce1 = hn::BitCast(dd, hn::InterleaveUpper(d, c, e));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, ab0, ce0)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, ab0, ce0)), d, to + kPanel);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, ab1, ce1)), d, to + 2 * kPanel);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, ab1, ce1)), d, to + 3 * kPanel);
}
#endif

/// W [out, in]: column c of the panel is row `first + c` of W.
template <bool kBf16>
HWY_INLINE void packTransposed(const float* weight, int64_t depth, int64_t columns, float* panel) {
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
        const float* from = weight + c * depth;
        int64_t k = 0;
        for (; k + 4 <= depth; k += 4) transposeQuad<kBf16>(from + k, depth, panel + k * kPanel + c);
        for (; k < depth; ++k)
            for (int64_t i = 0; i < 4; ++i) panel[k * kPanel + c + i] = rounded<kBf16>(from[i * depth + k]);
    }
    for (; c < kPanel; ++c)
        for (int64_t k = 0; k < depth; ++k)
            panel[k * kPanel + c] = c < columns ? rounded<kBf16>(weight[c * depth + k]) : 0.0f;
}

/// W [out, in]: column c of the panel is column `first + c` of W.
template <bool kBf16>
HWY_INLINE void packStraight(const float* weight, int64_t stride, int64_t depth, int64_t columns, float* panel) {
    const FloatTag d;
    for (int64_t k = 0; k < depth; ++k)
        for (int64_t c = 0; c < kPanel; c += kFloatLanes) {
            FloatVector v = c < columns ? loadPart(weight + k * stride + c, columns - c) : hn::Zero(d);
            if constexpr (kBf16) v = roundedToBf16(d, v);
            hn::StoreU(v, d, panel + k * kPanel + c);
        }
}

template <bool kBf16>
void packPanel(const WeightView& view, int64_t panel, float* panels) {
    const int64_t first = panel * kPanel, columns = std::min(kPanel, view.columns() - first), depth = view.depth();
    float* to = panels + first * depth;
    if (view.backward)
        packStraight<kBf16>(view.weight + first, view.in, depth, columns, to);
    else
        packTransposed<kBf16>(view.weight + first * view.in, depth, columns, to);
}

}  // namespace

void packOnePanel(const WeightView& view, bool toBf16, int64_t panel, float* panels) {
    if (toBf16)
        packPanel<true>(view, panel, panels);
    else
        packPanel<false>(view, panel, panels);
}

void multiply(const RowProduct& p) {
    const RowGroups rowGroups{p.rows, kProductRows};
    const float* rows[RowGroups::most(kProductRows)];
    int64_t starts[RowGroups::most(kProductRows) + 1];  // of the blocks of a group
    const int64_t groups = rowGroups.count(), chunks = ceilDivide(p.depth, kMostDepth);
    const int64_t panels = ceilDivide(p.columns, kPanel);
    for (int64_t group = 0; group < groups; ++group) {
        const int64_t first = rowGroups.start(group), end = rowGroups.start(group + 1);
        const int64_t count = end - first, blocks = ceilDivide(count, kBlockRows);
        for (int64_t r = 0; r < count; ++r)
            rows[r] = p.left + (p.gather ? p.gather[first + r] : first + r) * p.leftStride;
        for (int64_t block = 0; block <= blocks; ++block) starts[block] = evenStart(count, blocks, block);
        ComingRows coming;
        if (p.far && group + 1 < groups)
            coming = ComingRows(p.left, p.leftStride, p.gather, end, rowGroups.start(group + 2), p.depth);
        const int64_t share = ceilDivide(coming.lines(), blocks * chunks * panels);
        for (int64_t column = 0; column < p.columns; column += kPanel) {
            const int64_t columns = std::min(kPanel, p.columns - column);
            for (int64_t chunk = 0; chunk < chunks; ++chunk) {
                const int64_t k = evenStart(p.depth, chunks, chunk);
                Tile tile{};
                tile.depth = evenStart(p.depth, chunks, chunk + 1) - k;
                tile.panel = p.panels + column * p.depth + k * kPanel;
                tile.outStride = p.outStride;
                const bool resumed = chunk > 0;
                tile.startStride = resumed ? p.outStride : p.startStride;
                for (int64_t block = 0; block < blocks; ++block) {
                    const int64_t begin = starts[block], blockRows = starts[block + 1] - begin;
                    const float* part[kBlockRows];
                    for (int64_t r = 0; r < blockRows; ++r) part[r] = rows[begin + r] + k;
                    tile.rows = part;
                    tile.out = p.out + (first + begin) * p.outStride + column;
                    tile.start = resumed   ? tile.out
                                 : p.start ? p.start + (first + begin) * p.startStride + column
                                           : nullptr;
                    if (p.far) {
                        if (!resumed) fetchOutput(tile.out, p.outStride, blockRows, columns);
                        coming.fetch(share);
                    }
                    anyTile<false>(tile, blockRows, columns);
                }
            }
        }
    }
}

void multiplyLeftTurned(const TurnedProduct& p) {
    const int64_t blocks = ceilDivide(p.a, kBlockRows);
    Tile tile{};
    tile.turnedStride = p.leftStride;
    tile.depth = p.depth;
    tile.startStride = tile.outStride = p.outStride;
    for (int64_t column = 0; column < p.columns; column += kPanel) {
        tile.panel = p.panels + column * p.depth;
        for (int64_t block = 0; block < blocks; ++block) {
            const int64_t begin = evenStart(p.a, blocks, block), end = evenStart(p.a, blocks, block + 1);
            tile.turned = p.left + begin;
            tile.out = p.out + begin * p.outStride + column;
            tile.start = p.adds ? tile.out : nullptr;
            anyTile<true>(tile, end - begin, std::min(kPanel, p.columns - column));
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(packOnePanel);
HWY_EXPORT(multiply);
HWY_EXPORT(multiplyLeftTurned);

void packWeightPanel(const WeightView& view, bool toBf16, int64_t panel, float* panels) {
    HWY_DYNAMIC_DISPATCH(packOnePanel)(view, toBf16, panel, panels);
}

void packWeights(ThreadPool& pool, const WeightView* views, int64_t count, bool toBf16, float* panels, int64_t stride) {
    if (count == 0) return;
    const int64_t each = views[0].panels();
    const auto pack = HWY_DYNAMIC_DISPATCH(packOnePanel);
    pool.parallelFor(count * each, [&](int64_t task, int) {
        pack(views[task / each], toBf16, task % each, panels + task / each * stride);
    });
}

void multiplyRows(const RowProduct& product) {
    HWY_DYNAMIC_DISPATCH(multiply)(product);
}

void multiplyTurned(const TurnedProduct& product) {
    HWY_DYNAMIC_DISPATCH(multiplyLeftTurned)(product);
}

void multiplyRows(ThreadPool& pool, const RowProduct& p) {
    if (p.rows == 0) return;
    // Some 10 microseconds at least, and enough tasks to even out the threads.
    constexpr int64_t kLeast = int64_t{1} << 19;
    const int64_t perThread = ceilDivide(p.rows, int64_t{8} * pool.threads() * kProductRows);
    const RowGroups rowGroups{p.rows, kProductRows * std::clamp<int64_t>(perThread, 1, kProductGroups)};
    const int64_t groups = rowGroups.count();
    const int64_t panels = ceilDivide(p.columns, kPanel);
    const int64_t wanted = ceilDivide(int64_t{6} * pool.threads(), groups);
    const int64_t worth = std::max<int64_t>(1, p.rows / groups * p.depth * p.columns / kLeast);
    const int64_t parts = std::min({wanted, worth, panels});
    const auto run = HWY_DYNAMIC_DISPATCH(multiply);
    pool.parallelFor(groups * parts, [&](int64_t task, int) {
        const int64_t group = task / parts, part = task % parts;
        const int64_t row = rowGroups.start(group), panel = panels * part / parts;
        const int64_t lastColumn = std::min(p.columns, panels * (part + 1) / parts * kPanel);
        RowProduct own = p;
        own.rows = rowGroups.start(group + 1) - row;
        if (p.gather)
            own.gather += row;
        else
            own.left += row * p.leftStride;
        own.columns = lastColumn - panel * kPanel;
        own.panels += panel * kPanel * p.depth;
        if (p.start) own.start += row * p.startStride + panel * kPanel;
        own.out += row * p.outStride + panel * kPanel;
        run(own);
    });
}

}  // namespace moescope::cpu
#endif
