// SPDX-License-Identifier: Apache-2.0
// What attention in training does to single rows: norm and rotation of queries and keys, the softmax, and their
// gradients.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/head_rows.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cmath>

#include "engine/cpu/attention_rows-inl.h"
#include "engine/cpu/training/head_rows.h"
#include "engine/cpu/training/vector_loops-inl.h"
#include "hwy/cache_control.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace {

// A head's rows lie far apart, further than the processor foresees: rows are asked for this many tokens ahead.
constexpr int64_t kAhead = 8;

HWY_INLINE void fetchRow(const float* row, int64_t width) {
    for (int64_t i = 0; i < width; i += 16) hwy::Prefetch(row + i);
}

/// to [d] = from with every value beside its partner's: value * cos + partner * sin, of which kBack takes the inverse.
template <bool kBack>
HWY_INLINE void turnRow(const HeadRows& h, int64_t token, const float* HWY_RESTRICT from, float* HWY_RESTRICT to) {
    const float* cos = h.cos + token * h.d;
    const float* sin = h.sin + token * h.d;
    const auto turned = [&](FloatVector own, FloatVector partner, int64_t i, int64_t lanes) HWY_ATTR {
        const auto part = hn::Mul(partner, loadPart(sin + i, lanes)), straight = hn::Mul(own, loadPart(cos + i, lanes));
        return kBack ? hn::Sub(straight, part) : hn::Add(straight, part);
    };
    if (h.rope == train::RopeKind::SplitHalves) {
        const int64_t quarter = h.d / 4;
        for (int64_t place = 0; place < 4; ++place) {
            const int64_t first = place * quarter, partner = (place ^ 1) * quarter;
            forVectors(quarter, [&](int64_t i, int64_t lanes) HWY_ATTR {
                const auto value =
                    turned(loadPart(from + first + i, lanes), loadPart(from + partner + i, lanes), first + i, lanes);
                storePart(value, to + first + i, lanes);
            });
        }
        return;
    }
#if HWY_TARGET == HWY_SCALAR
    for (int64_t i = 0; i < h.d; ++i)
        storePart(turned(loadPart(from + i, 1), loadPart(from + (i ^ 1), 1), i, 1), to + i, 1);
#else
    forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto own = loadPart(from + i, lanes);
        storePart(turned(own, hn::Shuffle2301(own), i, lanes), to + i, lanes);
    });
#endif
}

/// 1 / sqrt(mean(row^2) + eps).
HWY_INLINE float normScale(const float* row, int64_t width, float eps) {
    const FloatTag d;
    FloatVector sum = hn::Zero(d);
    forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
        const auto v = loadPart(row + i, lanes);
        sum = hn::MulAdd(v, v, sum);
    });
    return 1.0f / std::sqrt(sumLanes(sum) / static_cast<float>(width) + eps);
}

}  // namespace

void prepareRows(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, bool known,
                 float* scale, const float* also, float* to) {
    const FloatTag d;
    float* normed = h.work;
    for (int64_t token = first; token < first + count; ++token, to += h.d) {
        const float* row = from + token * stride;
        fetchRow(row + kAhead * stride, h.d);
        if (also) fetchRow(also + token * stride, h.d);
        if (h.norm) {
            if (!known) scale[token] = normScale(row, h.d, h.eps);
            const FloatVector factor = hn::Set(d, scale[token]);
            float* result = h.cos ? normed : to;
            forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
                const auto value = hn::Mul(loadPart(row + i, lanes), factor);
                storePart(hn::Mul(value, loadPart(h.norm + i, lanes)), result + i, lanes);
            });
            if (h.cos) turnRow<false>(h, token, normed, to);
        } else if (h.cos) {
            turnRow<false>(h, token, row, to);
        } else {
            forVectors(h.d,
                       [&](int64_t i, int64_t lanes) HWY_ATTR { storePart(loadPart(row + i, lanes), to + i, lanes); });
        }
    }
}

void copyRows(const float* from, int64_t stride, int64_t count, int64_t width, const float* also, float* to) {
    for (int64_t row = 0; row < count; ++row, from += stride, to += width) {
        fetchRow(from + kAhead * stride, width);
        if (also) fetchRow(also + row * stride, width);
        forVectors(width,
                   [&](int64_t i, int64_t lanes) HWY_ATTR { storePart(loadPart(from + i, lanes), to + i, lanes); });
    }
}

void returnRows(const HeadRows& h, const float* from, int64_t stride, int64_t first, int64_t count, const float* scale,
                const float* gradient, int64_t gradientStride, float* to, float* dNorm) {
    const FloatTag d;
    float* back = h.work;
    for (int64_t token = first; token < first + count; ++token, gradient += gradientStride) {
        float* row = to + token * stride;
        if (!h.norm) {
            if (h.cos)
                turnRow<true>(h, token, gradient, row);
            else
                forVectors(h.d, [&](int64_t i, int64_t lanes)
                                    HWY_ATTR { storePart(loadPart(gradient + i, lanes), row + i, lanes); });
            continue;
        }
        if (h.cos) turnRow<true>(h, token, gradient, back);
        const float* dy = h.cos ? back : gradient;
        const float* x = from + token * stride;
        const FloatVector factor = hn::Set(d, scale[token]);
        FloatVector sum = hn::Zero(d);
        forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto normed = hn::Mul(loadPart(x + i, lanes), factor);
            const auto product = hn::Mul(loadPart(dy + i, lanes), normed);
            sum = hn::MulAdd(product, loadPart(h.norm + i, lanes), sum);
            if (dNorm) storePart(hn::Add(loadPart(dNorm + i, lanes), product), dNorm + i, lanes);
        });
        const FloatVector mean = hn::Set(d, sumLanes(sum) / static_cast<float>(h.d));
        forVectors(h.d, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto own = hn::Mul(loadPart(dy + i, lanes), loadPart(h.norm + i, lanes));
            const auto normed = hn::Mul(loadPart(x + i, lanes), factor);
            storePart(hn::Mul(factor, hn::NegMulAdd(normed, mean, own)), row + i, lanes);
        });
    }
}

namespace {

/// row = e^(scale (row - largest)); the columns behind `count` become zero. Returns (largest, 1 / sum).
HWY_INLINE void exponentiateScores(int64_t count, int64_t columns, float scale, float* HWY_RESTRICT row, float* kept) {
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
    kept[0] = hn::GetLane(largest);
    kept[1] = 1.0f / sumLanes(sum);
}

/// scores become probabilities P = e^(scale (s - largest)) / sum, dScores (of the probabilities) those of q k^T:
/// scale P (dP - delta).
HWY_INLINE void scoreGradient(int64_t count, int64_t columns, float scale, const float* kept, float delta,
                              float* HWY_RESTRICT scores, float* HWY_RESTRICT dScores) {
    const FloatTag d;
    const FloatVector factor = hn::Set(d, scale), largest = hn::Set(d, kept[0]), share = hn::Set(d, kept[1]);
    const FloatVector deltas = hn::Set(d, delta);
    for (int64_t i = 0; i < columns; i += kFloatLanes) {
        auto p = hn::Mul(exponentialBelowZero(d, hn::Mul(hn::Sub(hn::LoadU(d, scores + i), largest), factor)), share);
        if (i + kFloatLanes > count)
            p = i < count ? hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count - i)), p) : hn::Zero(d);
        hn::StoreU(p, d, scores + i);
        hn::StoreU(hn::Mul(hn::Mul(p, factor), hn::Sub(hn::LoadU(d, dScores + i), deltas)), d, dScores + i);
    }
}

}  // namespace

void softmaxBlock(const ScoreBlock& b, float* scores, float* kept) {
    for (int64_t r = 0; r < b.rows; ++r)
        exponentiateScores(b.tokens, b.columns, b.scale, scores + r * b.stride, kept + 2 * r);
}

void scaleBlock(int64_t rows, int64_t width, const float* kept, float* out, int64_t stride) {
    const FloatTag d;
    for (int64_t r = 0; r < rows; ++r) {
        const FloatVector factor = hn::Set(d, kept[2 * r + 1]);
        float* row = out + r * stride;
        forVectors(width, [&](int64_t i, int64_t lanes)
                              HWY_ATTR { storePart(hn::Mul(loadPart(row + i, lanes), factor), row + i, lanes); });
    }
}

void softmaxGradientBlock(const ScoreBlock& b, const float* kept, const float* out, int64_t outStride,
                          const float* dOut, int64_t width, float* scores, float* dScores) {
    const FloatTag d;
    for (int64_t r = 0; r < b.rows; ++r, out += outStride, dOut += width) {
        FloatVector sum = hn::Zero(d);
        forVectors(width, [&](int64_t i, int64_t lanes)
                              HWY_ATTR { sum = hn::MulAdd(loadPart(out + i, lanes), loadPart(dOut + i, lanes), sum); });
        scoreGradient(b.tokens, b.columns, b.scale, kept + 2 * r, sumLanes(sum), scores + r * b.stride,
                      dScores + r * b.stride);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(prepareRows);
HWY_EXPORT(copyRows);
HWY_EXPORT(returnRows);
HWY_EXPORT(softmaxBlock);
HWY_EXPORT(scaleBlock);
HWY_EXPORT(softmaxGradientBlock);

void expandAngles(const train::AttentionShape& shape, const train::RopeAngles& angles, float* cos, float* sin) {
    const int64_t d = shape.headWidth, half = d / 2, quarter = d / 4;
    for (int64_t token = 0; token < shape.tokens; ++token, cos += d, sin += d)
        for (int64_t i = 0; i < half; ++i) {
            const bool adjacent = shape.rope == train::RopeKind::AdjacentPairs;
            const int64_t first = adjacent ? 2 * i : i / quarter * half + i % quarter,
                          second = first + (adjacent ? 1 : quarter);
            const bool lead = token < shape.leadTokens;
            const int64_t angle = (token - shape.leadTokens) * half + i;
            cos[first] = cos[second] = lead ? 1.0f : angles.cos[angle];
            sin[second] = lead ? 0.0f : angles.sin[angle];
            sin[first] = -sin[second];
        }
}

void prepareHead(const HeadRows& head, const float* from, int64_t stride, int64_t first, int64_t count, bool known,
                 float* scale, const float* also, float* to) {
    HWY_DYNAMIC_DISPATCH(prepareRows)(head, from, stride, first, count, known, scale, also, to);
}

void copyHead(const float* from, int64_t stride, int64_t count, int64_t width, const float* also, float* to) {
    HWY_DYNAMIC_DISPATCH(copyRows)(from, stride, count, width, also, to);
}

void returnHead(const HeadRows& head, const float* from, int64_t stride, int64_t first, int64_t count,
                const float* scale, const float* gradient, int64_t gradientStride, float* to, float* dNorm) {
    HWY_DYNAMIC_DISPATCH(returnRows)(head, from, stride, first, count, scale, gradient, gradientStride, to, dNorm);
}

void softmaxRowsOf(const ScoreBlock& block, float* scores, float* kept) {
    HWY_DYNAMIC_DISPATCH(softmaxBlock)(block, scores, kept);
}

void shareRows(int64_t rows, int64_t width, const float* kept, float* out, int64_t stride) {
    HWY_DYNAMIC_DISPATCH(scaleBlock)(rows, width, kept, out, stride);
}

void softmaxGradient(const ScoreBlock& block, const float* kept, const float* out, int64_t outStride, const float* dOut,
                     int64_t d, float* scores, float* dScores) {
    HWY_DYNAMIC_DISPATCH(softmaxGradientBlock)(block, kept, out, outStride, dOut, d, scores, dScores);
}

}  // namespace moescope::cpu
#endif
