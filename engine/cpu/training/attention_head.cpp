// SPDX-License-Identifier: Apache-2.0
// One head of attention, forward and backward, with everything in the second-level cache. The products are those of
// product.h; here is what happens to single rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/attention_head.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cmath>

#include "engine/cpu/attention_rows-inl.h"
#include "engine/cpu/training/attention_head.h"
#include "engine/cpu/training/vector_loops-inl.h"
#include "hwy/cache_control.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

// A head's rows lie far apart, further than the processor foresees: rows are asked for this many tokens ahead.
constexpr int64_t kAhead = 8;

HWY_INLINE void copyRow(const float* from, int64_t stride, int64_t width, float* to) {
    for (int64_t i = 0; i < width; i += 16) hwy::Prefetch(from + kAhead * stride + i);
    forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR { storePart(loadPart(from + i, lanes), to + i, lanes); });
}

/// The pairs of a row turned by the angles of its token, or back.
template <bool kBack>
HWY_INLINE void turnRow(const HeadRows& h, int64_t token, float* row) {
    if (h.rope == train::RopeKind::None || token < h.leadTokens) return;
    const int64_t half = h.d / 2, quarter = h.d / 4;
    const float* cos = h.cos + (token - h.leadTokens) * half;
    const float* sin = h.sin + (token - h.leadTokens) * half;
    if (h.rope == train::RopeKind::SplitHalves) {
        for (int64_t axis = 0; axis < 2; ++axis, row += half, cos += quarter, sin += quarter) {
            if constexpr (kBack)
                turnHalves(row + quarter, row, cos, sin, quarter);
            else
                turnHalves(row, row + quarter, cos, sin, quarter);
        }
    } else if constexpr (!kBack) {
        turnNeighbours(row, cos, sin, half);
    } else {
        const FloatTag d;
        int64_t i = 0;
        for (; i + kFloatLanes <= half; i += kFloatLanes) {
            FloatVector a, b;
            hn::LoadInterleaved2(d, row + 2 * i, a, b);
            const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
            hn::StoreInterleaved2(hn::Add(hn::Mul(a, c), hn::Mul(b, s)), hn::Sub(hn::Mul(b, c), hn::Mul(a, s)), d,
                                  row + 2 * i);
        }
        for (; i < half; ++i) turnHalves(row + 2 * i + 1, row + 2 * i, cos + i, sin + i, 1);
    }
}

/// Tokens [first, first + count) normed and rotated, as [count, d]. `scale` of the tokens is written, or read where
/// `known`.
void prepareRows(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, bool known,
                 float* scale, float* to) {
    const FloatTag d;
    for (int64_t token = first; token < first + count; ++token, to += h.d) {
        copyRow(from + token * stride, stride, h.d, to);
        if (h.norm) {
            if (!known) {
                FloatVector sum = hn::Zero(d);
                forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
                    const auto v = loadPart(to + i, lanes);
                    sum = hn::MulAdd(v, v, sum);
                });
                scale[token] = 1.0f / std::sqrt(sumLanes(sum) / static_cast<float>(h.d) + h.eps);
            }
            const FloatVector factor = hn::Set(d, scale[token]);
            forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
                const auto normed = hn::Mul(loadPart(to + i, lanes), factor);
                storePart(hn::Mul(normed, loadPart(h.norm + i, lanes)), to + i, lanes);
            });
        }
        turnRow<false>(h, token, to);
    }
}

/// From the gradient of prepared rows [count, gradientStride] (overwritten) to that of the rows themselves. With h = x
/// scale: dx = scale (dy w - h mean(dy w h)), and dNorm += dy h.
void returnRows(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, const float* scale,
                float* gradient, int64_t gradientStride, float* to, float* dNorm) {
    const FloatTag d;
    for (int64_t token = first; token < first + count; ++token, gradient += gradientStride) {
        turnRow<true>(h, token, gradient);
        float* row = to + token * stride;
        if (!h.norm) {
            forVectors(h.d, [&](int64_t i, int64_t lanes)
                                HWY_ATTR { storePart(loadPart(gradient + i, lanes), row + i, lanes); });
            continue;
        }
        const float* x = from + token * stride;
        const FloatVector factor = hn::Set(d, scale[token]);
        FloatVector sum = hn::Zero(d);
        forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto dy = loadPart(gradient + i, lanes), normed = hn::Mul(loadPart(x + i, lanes), factor);
            const auto product = hn::Mul(dy, normed);
            sum = hn::MulAdd(product, loadPart(h.norm + i, lanes), sum);
            if (dNorm) storePart(hn::Add(loadPart(dNorm + i, lanes), product), dNorm + i, lanes);
        });
        const FloatVector mean = hn::Set(d, sumLanes(sum) / static_cast<float>(h.d));
        forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto own = hn::Mul(loadPart(gradient + i, lanes), loadPart(h.norm + i, lanes));
            const auto normed = hn::Mul(loadPart(x + i, lanes), factor);
            storePart(hn::Mul(factor, hn::NegMulAdd(normed, mean, own)), row + i, lanes);
        });
    }
}

/// row = e^(scale (row - largest)); the columns behind `count` become zero. Returns the sum; logSum: of e^(scale row).
HWY_INLINE float exponentiateScores(int64_t count, int64_t columns, float scale, float* HWY_RESTRICT row,
                                    float* logSum) {
    const FloatTag d;
    FloatVector largest = hn::Set(d, -std::numeric_limits<float>::infinity());
    int64_t i = 0;
    for (; i + kFloatLanes <= count; i += kFloatLanes) largest = hn::Max(largest, hn::LoadU(d, row + i));
    const int64_t rest = count - i;
    const auto valid = hn::FirstN(d, static_cast<size_t>(rest));
    if (rest > 0) largest = hn::Max(largest, hn::IfThenElse(valid, hn::LoadU(d, row + i), largest));
    largest = hn::MaxOfLanes(d, largest);
    const FloatVector factor = hn::Set(d, scale);
    FloatVector sum = hn::Zero(d);
    for (i = 0; i < columns; i += kFloatLanes) {
        auto v = exponentialBelowZero(d, hn::Mul(hn::Sub(hn::LoadU(d, row + i), largest), factor));
        if (i + kFloatLanes > count) v = i < count ? hn::IfThenElseZero(valid, v) : hn::Zero(d);
        hn::StoreU(v, d, row + i);
        sum = hn::Add(sum, v);
    }
    const float total = sumLanes(sum);
    *logSum = scale * hn::GetLane(largest) + std::log(total);
    return total;
}

/// scores become probabilities P = e^(scale s - logSum), dScores (of the probabilities) those of q k^T: scale P (dP -
/// delta).
HWY_INLINE void scoreGradient(int64_t count, int64_t columns, float scale, float logSum, float delta,
                              float* HWY_RESTRICT scores, float* HWY_RESTRICT dScores) {
    const FloatTag d;
    const FloatVector factor = hn::Set(d, scale), shift = hn::Set(d, logSum), deltas = hn::Set(d, delta);
    for (int64_t i = 0; i < columns; i += kFloatLanes) {
        // Above zero only by rounding.
        const auto exponent = hn::Min(hn::MulSub(hn::LoadU(d, scores + i), factor, shift), hn::Set(d, 1.0f));
        auto p = exponentialBelowZero(d, exponent);
        if (i + kFloatLanes > count)
            p = i < count ? hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count - i)), p) : hn::Zero(d);
        hn::StoreU(p, d, scores + i);
        hn::StoreU(hn::Mul(hn::Mul(p, factor), hn::Sub(hn::LoadU(d, dScores + i), deltas)), d, dScores + i);
    }
}

}  // namespace

void prepareHead(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, bool known,
                 float* scale, float* to) {
    prepareRows(h, from, stride, first, count, known, scale, to);
}

void copyHead(const float* from, int64_t stride, int64_t count, int64_t width, float* to) {
    for (int64_t row = 0; row < count; ++row) copyRow(from + row * stride, stride, width, to + row * width);
}

void returnHead(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, const float* scale,
                float* gradient, int64_t gradientStride, float* to, float* dNorm) {
    returnRows(h, from, stride, first, count, scale, gradient, gradientStride, to, dNorm);
}

void softmaxBlock(const HeadSizes& s, int64_t rows, float scale, float* scores, float* logSums, float* sums) {
    for (int64_t r = 0; r < rows; ++r)
        sums[r] = exponentiateScores(s.tokens, s.scoreColumns, scale, scores + r * s.scoreStride, logSums + r);
}

void divideRows(int64_t rows, int64_t width, const float* divisors, float* out, int64_t stride) {
    const FloatTag d;
    for (int64_t r = 0; r < rows; ++r) {
        const FloatVector factor = hn::Set(d, 1.0f / divisors[r]);
        float* row = out + r * stride;
        forVectors(width, [&](int64_t i, int64_t lanes)
                              HWY_ATTR { storePart(hn::Mul(loadPart(row + i, lanes), factor), row + i, lanes); });
    }
}

void softmaxGradientBlock(const HeadSizes& s, int64_t rows, float scale, const float* logSums, const float* out,
                          int64_t outStride, const float* dOut, float* scores, float* dScores) {
    const FloatTag d;
    for (int64_t r = 0; r < rows; ++r) {
        FloatVector sum = hn::Zero(d);
        const float* a = out + r * outStride;
        const float* b = dOut + r * s.d;
        forVectors(s.d, [&](int64_t i, int64_t lanes)
                            HWY_ATTR { sum = hn::MulAdd(loadPart(a + i, lanes), loadPart(b + i, lanes), sum); });
        scoreGradient(s.tokens, s.scoreColumns, scale, logSums[r], sumLanes(sum), scores + r * s.scoreStride,
                      dScores + r * s.scoreStride);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(prepareHead);
HWY_EXPORT(copyHead);
HWY_EXPORT(returnHead);
HWY_EXPORT(softmaxBlock);
HWY_EXPORT(divideRows);
HWY_EXPORT(softmaxGradientBlock);

namespace {

void packAll(const WeightView& view, float* panels) {
    for (int64_t panel = 0; panel < view.panels(); ++panel) packWeightPanel(view, false, panel, panels);
}

/// rows [count, d] as the right operand of a product over the rows: themselves where one panel holds them.
const float* asPanels(const HeadSizes& s, const float* rows, int64_t count, float* panels) {
    if (s.isPanel()) return rows;
    packAll({rows, count, s.d, true}, panels);
    return panels;
}

RowProduct scoresOf(const HeadSizes& s, const float* rows, int64_t count, const float* turned, float* out) {
    RowProduct p;
    p.left = rows;
    p.leftStride = p.depth = s.d;
    p.rows = count;
    p.columns = s.scoreColumns;
    p.panels = turned;
    p.out = out;
    p.outStride = s.scoreStride;
    return p;
}

RowProduct mixOf(const HeadSizes& s, const float* scores, int64_t count, const float* panels, float* out,
                 int64_t outStride) {
    RowProduct p;
    p.left = scores;
    p.leftStride = s.scoreStride;
    p.rows = count;
    p.depth = s.tokens;
    p.columns = s.d;
    p.panels = panels;
    p.out = out;
    p.outStride = outStride;
    return p;
}

}  // namespace

HeadSizes::HeadSizes(const train::AttentionShape& shape)
    : tokens(shape.tokens), d(shape.headWidth), group(shape.heads / shape.keyHeads) {
    constexpr int64_t kMostRows = 96;
    rows = ceilDivide(tokens, ceilDivide(tokens, kMostRows));
    scoreColumns = roundedUp(tokens, 16);
    scoreStride = roundedUp(tokens, kPanel) + 16;  // an odd number of lines: rows do not share places in a cache
    padded = roundedUp(d, kPanel);
}

HeadScratch::HeadScratch(const HeadSizes& s, bool backward, float* base) {
    train::ScratchParts parts(base);
    keys = parts.floats(s.tokens * s.d);
    values = parts.floats(s.tokens * s.d);
    queries = parts.floats(s.rows * s.d);
    keysTurned = parts.floats(s.keyPanels());
    valuePanels = parts.floats(s.valuePanels());
    scores = parts.floats(s.rows * s.scoreStride);
    delta = parts.floats(s.rows);
    if (backward) {
        valuesTurned = parts.floats(s.keyPanels());
        keyPanels = parts.floats(s.valuePanels());
        queryPanels = parts.floats(panelFloats(s.rows, s.d));
        dOut = parts.floats(s.rows * s.d);
        dOutPanels = parts.floats(panelFloats(s.rows, s.d));
        dScores = parts.floats(s.rows * s.scoreStride);
        dQueries = parts.floats(s.rows * s.padded);
        dKeys = parts.floats(s.tokens * s.padded);
        dValues = parts.floats(s.tokens * s.padded);
    }
    floats = parts.used();
}

void headForward(const HeadTask& t, const HeadScratch& w) {
    const HeadSizes& s = *t.sizes;
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.d));
    HWY_DYNAMIC_DISPATCH(prepareHead)(t.keyRows, t.k, t.stride, 0, s.tokens, false, t.keyScale, w.keys);
    HWY_DYNAMIC_DISPATCH(copyHead)(t.v, t.stride, s.tokens, s.d, w.values);
    packAll({w.keys, s.tokens, s.d, false}, w.keysTurned);
    const float* values = asPanels(s, w.values, s.tokens, w.valuePanels);
    for (int64_t head = 0; head < s.group; ++head)
        for (int64_t block = 0; block < s.blocks(); ++block) {
            const int64_t first = block * s.rows, count = std::min(s.rows, s.tokens - first);
            HWY_DYNAMIC_DISPATCH(prepareHead)
            (t.queryRows, t.q + head * s.d, t.stride, first, count, false, t.queryScale + head * s.tokens, w.queries);
            multiplyRows(scoresOf(s, w.queries, count, w.keysTurned, w.scores));
            HWY_DYNAMIC_DISPATCH(softmaxBlock)(s, count, scale, w.scores, t.logSums + head * s.tokens + first, w.delta);
            float* out = t.out + first * t.outStride + head * s.d;
            multiplyRows(mixOf(s, w.scores, count, values, out, t.outStride));
            HWY_DYNAMIC_DISPATCH(divideRows)(count, s.d, w.delta, out, t.outStride);
        }
}

void headBackward(const HeadTask& t, const HeadScratch& w) {
    const HeadSizes& s = *t.sizes;
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.d));
    HWY_DYNAMIC_DISPATCH(prepareHead)(t.keyRows, t.k, t.stride, 0, s.tokens, true, t.keyScale, w.keys);
    HWY_DYNAMIC_DISPATCH(copyHead)(t.v, t.stride, s.tokens, s.d, w.values);
    packAll({w.keys, s.tokens, s.d, false}, w.keysTurned);
    packAll({w.values, s.tokens, s.d, false}, w.valuesTurned);
    const float* keys = asPanels(s, w.keys, s.tokens, w.keyPanels);
    bool adds = false;
    for (int64_t head = 0; head < s.group; ++head)
        for (int64_t block = 0; block < s.blocks(); ++block) {
            const int64_t first = block * s.rows, count = std::min(s.rows, s.tokens - first);
            float* queryScale = t.queryScale + head * s.tokens;
            const int64_t outPlace = first * t.outStride + head * s.d;
            HWY_DYNAMIC_DISPATCH(prepareHead)
            (t.queryRows, t.q + head * s.d, t.stride, first, count, true, queryScale, w.queries);
            HWY_DYNAMIC_DISPATCH(copyHead)(t.dOut + outPlace, t.outStride, count, s.d, w.dOut);
            multiplyRows(scoresOf(s, w.queries, count, w.keysTurned, w.scores));
            multiplyRows(scoresOf(s, w.dOut, count, w.valuesTurned, w.dScores));
            HWY_DYNAMIC_DISPATCH(softmaxGradientBlock)
            (s, count, scale, t.logSums + head * s.tokens + first, t.out + outPlace, t.outStride, w.dOut, w.scores,
             w.dScores);
            multiplyRows(mixOf(s, w.dScores, count, keys, w.dQueries, s.padded));
            TurnedProduct turned;
            turned.leftStride = s.scoreStride;
            turned.depth = count;
            turned.a = s.tokens;
            turned.columns = s.d;
            turned.adds = adds;
            turned.outStride = s.padded;
            turned.left = w.scores;
            turned.panels = asPanels(s, w.dOut, count, w.dOutPanels);
            turned.out = w.dValues;
            multiplyTurned(turned);
            turned.left = w.dScores;
            turned.panels = asPanels(s, w.queries, count, w.queryPanels);
            turned.out = w.dKeys;
            multiplyTurned(turned);
            adds = true;
            HWY_DYNAMIC_DISPATCH(returnHead)
            (t.queryRows, t.q + head * s.d, t.stride, first, count, queryScale, w.dQueries, s.padded, t.dq + head * s.d,
             t.dQueryNorm);
        }
    HWY_DYNAMIC_DISPATCH(returnHead)
    (t.keyRows, t.k, t.stride, 0, s.tokens, t.keyScale, w.dKeys, s.padded, t.dk, t.dKeyNorm);
    for (int64_t token = 0; token < s.tokens; ++token)
        std::copy_n(w.dValues + token * s.padded, s.d, t.dv + token * t.stride);
}

}  // namespace moescope::cpu
#endif
