// SPDX-License-Identifier: Apache-2.0
// What attention does to single rows: norm and rotation of a query or key, softmax of a row of scores. Per-target
// header.
#if defined(MOESCOPE_CPU_ATTENTION_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_ATTENTION_ROWS_INL_H
#undef MOESCOPE_CPU_ATTENTION_ROWS_INL_H
#else
#define MOESCOPE_CPU_ATTENTION_ROWS_INL_H
#endif

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "engine/cpu/vector_math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// row = row / sqrt(mean(row^2) + eps) * weight over `width` channels.
HWY_INLINE void normHead(float* HWY_RESTRICT row, int64_t width, const float* HWY_RESTRICT weight, float eps) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    auto sums = hn::Zero(d);
    int64_t i = 0;
    for (; i + lanes <= width; i += lanes) {
        const auto v = hn::LoadU(d, row + i);
        sums = hn::MulAdd(v, v, sums);
    }
    float squares = hn::GetLane(hn::SumOfLanes(d, sums));
    for (; i < width; ++i) squares += row[i] * row[i];
    const float factor = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
    for (i = 0; i < width; ++i) row[i] = row[i] * factor * weight[i];
}

/// row = (row - mean) / sqrt(variance + eps) * weight + bias over `width` channels.
HWY_INLINE void layerNormHead(float* HWY_RESTRICT row, int64_t width, const float* HWY_RESTRICT weight,
                              const float* HWY_RESTRICT bias, float eps) {
    // In double: heads are short, and beside a large mean the variance would otherwise be that of its rounding.
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < width; ++i) sum += row[i];
    const double mean = sum / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const double factor = 1.0 / std::sqrt(squares / static_cast<double>(width) + static_cast<double>(eps));
    for (int64_t i = 0; i < width; ++i) row[i] = static_cast<float>((row[i] - mean) * factor) * weight[i] + bias[i];
}

/// The nearest value that fp16 can hold, ties to even; beyond its range infinity.
HWY_INLINE void roundToHalf(float* row, int64_t width) {
    for (int64_t i = 0; i < width; ++i) {
        const float size = std::fabs(row[i]);
        float rounded;
        if (size < 0x1p-14f) {
            rounded = (size + 0.5f) - 0.5f;  // steps of 2^-24, as subnormal halves have
        } else if (size < 65520.0f) {
            uint32_t bits;
            std::memcpy(&bits, &size, sizeof bits);
            bits = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
            std::memcpy(&rounded, &bits, sizeof rounded);
        } else {
            rounded = size * std::numeric_limits<float>::infinity();  // NaN stays NaN
        }
        row[i] = std::copysign(rounded, row[i]);
    }
}

/// Pairs (a[i], b[i]) turned by their angles: (a cos - b sin, b cos + a sin).
HWY_INLINE void turnHalves(float* HWY_RESTRICT a, float* HWY_RESTRICT b, const float* HWY_RESTRICT cos,
                           const float* HWY_RESTRICT sin, int64_t pairs) {
    for (int64_t i = 0; i < pairs; ++i) {
        const float turned = a[i] * cos[i] - b[i] * sin[i];
        b[i] = b[i] * cos[i] + a[i] * sin[i];
        a[i] = turned;
    }
}

/// Pairs (row[2i], row[2i + 1]) turned by their angles.
HWY_INLINE void turnNeighbours(float* HWY_RESTRICT row, const float* HWY_RESTRICT cos, const float* HWY_RESTRICT sin,
                               int64_t pairs) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= pairs; i += lanes) {
        hn::Vec<decltype(d)> a, b;
        hn::LoadInterleaved2(d, row + 2 * i, a, b);
        const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
        hn::StoreInterleaved2(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::Add(hn::Mul(b, c), hn::Mul(a, s)), d,
                              row + 2 * i);
    }
    for (; i < pairs; ++i) turnHalves(row + 2 * i, row + 2 * i + 1, cos + i, sin + i, 1);
}

/// e^x for x <= 0. Below -87 the answer is that of -87 (1.6e-38: nothing beside the 1 of the row's largest); NaN stays
/// NaN. As `exponential`, but with one power of two, since the result neither overflows nor needs the smallest numbers.
template <class D, class V>
HWY_INLINE V exponentialBelowZero(D d, V x) {
    const V bounded = hn::Max(hn::Set(d, -87.0f), x);  // x86 takes the second operand where one is NaN
    const V n = hn::Round(hn::Mul(bounded, hn::Set(d, 1.44269504088896341f)));
    V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), bounded);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    V tail = hn::Set(d, 1.0f / 5040.0f);
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 720.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 120.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 24.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 6.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 0.5f));
    const V series = hn::Add(hn::Set(d, 1.0f), hn::MulAdd(hn::Mul(r, r), tail, r));
    return hn::Mul(series, powerOfTwo(d, n));
}

/// row[i] = e^(row[i] - largest); returns the sum. `padded` is a multiple of 32; columns behind `count` become zero.
HWY_INLINE float exponentiateRow(float* HWY_RESTRICT row, int64_t count, int64_t padded) {
    const hn::CappedTag<float, 16> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = count; i < padded; ++i) row[i] = row[0];
    auto largest = hn::LoadU(d, row), other = largest;
    for (int64_t i = 0; i < padded; i += 2 * lanes) {
        largest = hn::Max(largest, hn::LoadU(d, row + i));
        other = hn::Max(other, hn::LoadU(d, row + i + lanes));
    }
    largest = hn::MaxOfLanes(d, hn::Max(largest, other));
    // A score of minus infinity is weight zero: the columns behind the end add nothing.
    for (int64_t i = count; i < padded; ++i) row[i] = -3.0e38f;
    auto sum = hn::Zero(d), otherSum = sum;
    for (int64_t i = 0; i < padded; i += 2 * lanes) {
        const auto a = exponentialBelowZero(d, hn::Sub(hn::LoadU(d, row + i), largest));
        const auto b = exponentialBelowZero(d, hn::Sub(hn::LoadU(d, row + i + lanes), largest));
        hn::StoreU(a, d, row + i);
        hn::StoreU(b, d, row + i + lanes);
        sum = hn::Add(sum, a);
        otherSum = hn::Add(otherSum, b);
    }
    return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, otherSum)));
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
