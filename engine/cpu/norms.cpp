// SPDX-License-Identifier: Apache-2.0
// LayerNorm and RMSNorm of rows with the shift and scale of adaptive modulation.
#include "engine/cpu/vector_targets.h"
// clang-format off: Highway compiles the rest of this file once per target from here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/norms.cpp"
#include "hwy/foreach_target.h"
// clang-format on

#include <cmath>

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"
#include "hwy/highway.h"

// Outside the per-target part: seen once, used by all of them.
#ifndef MOESCOPE_CPU_NORM_ROW
#define MOESCOPE_CPU_NORM_ROW
namespace moescope::cpu {

/// One row: out = (x - mean) * rstd * weight * (1 + scale) + shift; null pointers leave their factor out.
struct NormRow {
    MsNorm kind;
    float eps;
    int64_t width;
    const float* weight;
    const float* shift;
    const float* scale;
};

}  // namespace moescope::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Sum over a row of term(x[i]): four vectors of partial sums, then the lanes, then the tail; an order that only the
// width fixes.
template <class Vector, class Scalar>
HWY_INLINE float sumRow(const float* x, int64_t width, const Vector& accumulate, const Scalar& term) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * lanes <= width; i += 4 * lanes) {
        s0 = accumulate(s0, hn::LoadU(d, x + i));
        s1 = accumulate(s1, hn::LoadU(d, x + i + lanes));
        s2 = accumulate(s2, hn::LoadU(d, x + i + 2 * lanes));
        s3 = accumulate(s3, hn::LoadU(d, x + i + 3 * lanes));
    }
    for (; i + lanes <= width; i += lanes) s0 = accumulate(s0, hn::LoadU(d, x + i));
    float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
    for (; i < width; ++i) sum += term(x[i]);
    return sum;
}

void normRow(const float* x, float* out, const NormRow& row) {
    const hn::ScalableTag<float> d;
    const float count = static_cast<float>(row.width);
    // The mean in two parts: beside a large mean the variance would otherwise be that of its rounding.
    float mean = 0.0f, rest = 0.0f;
    if (row.kind == MS_NORM_LAYER) {
        mean = sumRow(
            x, row.width, [](auto s, auto v) HWY_ATTR { return hn::Add(s, v); }, [](float v) { return v; });
        mean /= count;
        const auto means = hn::Set(d, mean);
        rest = sumRow(
            x, row.width, [means](auto s, auto v) HWY_ATTR { return hn::Add(s, hn::Sub(v, means)); },
            [mean](float v) { return v - mean; });
        rest /= count;
    }
    const auto means = hn::Set(d, mean), rests = hn::Set(d, rest);
    const float squares = sumRow(
        x, row.width,
        [means, rests](auto s, auto v) HWY_ATTR {
            const auto centred = hn::Sub(hn::Sub(v, means), rests);
            return hn::MulAdd(centred, centred, s);
        },
        [mean, rest](float v) { return (v - mean - rest) * (v - mean - rest); });
    const float rstd = 1.0f / std::sqrt(squares / count + row.eps);

    for (int64_t i = 0; i < row.width; ++i) out[i] = (x[i] - mean - rest) * rstd;
    if (row.weight)
        for (int64_t i = 0; i < row.width; ++i) out[i] *= row.weight[i];
    if (row.scale)
        for (int64_t i = 0; i < row.width; ++i) out[i] *= 1.0f + row.scale[i];
    if (row.shift)
        for (int64_t i = 0; i < row.width; ++i) out[i] += row.shift[i];
}

}  // namespace
}  // namespace moescope::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {
namespace {
HWY_EXPORT(normRow);
}

MsStatus modulatedNorm(MsContext* context, const MsTensor* x, MsNorm norm, float eps, const MsTensor* weight,
                       const MsTensor* modulation, int32_t shiftChunk, int32_t scaleChunk, MsTensor* out) {
    MS_REQUIRE(context, isFloats(x, 2) && hasShape(out, x->shape),
               "[modulated_norm] expected fp32 tensors [rows, D] of equal shape, got {} and {}", shapeOf(x),
               shapeOf(out));
    MS_REQUIRE(context, norm == MS_NORM_LAYER || norm == MS_NORM_RMS,
               "[modulated_norm] expected a known norm, got number {}", static_cast<int>(norm));
    const int64_t rows = x->dim(0), width = x->dim(1);
    MS_REQUIRE(context, !weight || hasShape(weight, {width}), "[modulated_norm] expected fp32 weights [{}], got {}",
               width, shapeOf(weight));
    const int32_t lastChunk = std::max(shiftChunk, scaleChunk);
    if (lastChunk >= 0) {
        MS_REQUIRE(
            context, isFloats(modulation, 2) && modulation->dim(0) > 0 && rows % modulation->dim(0) == 0,
            "[modulated_norm] expected an fp32 modulation [samples, chunks * {}] whose samples divide {} rows, got {}",
            width, rows, shapeOf(modulation));
        MS_REQUIRE(context, (lastChunk + int64_t{1}) * width <= modulation->dim(1),
                   "[modulated_norm] expected chunk {} of width {} inside the modulation, got {}", lastChunk, width,
                   shapeOf(modulation));
    }
    const int64_t perSample = lastChunk >= 0 ? rows / modulation->dim(0) : rows;
    return context->forRows(rows, rowsPerTask(width), [&](int64_t begin, int64_t end, int) {
        NormRow row{norm, eps, width, weight ? weight->f32() : nullptr, nullptr, nullptr};
        for (int64_t i = begin; i < end; ++i) {
            const float* own = lastChunk >= 0 ? modulation->f32() + i / perSample * modulation->dim(1) : nullptr;
            if (shiftChunk >= 0) row.shift = own + shiftChunk * width;
            if (scaleChunk >= 0) row.scale = own + scaleChunk * width;
            HWY_DYNAMIC_DISPATCH(normRow)(x->f32() + i * width, out->f32() + i * width, row);
        }
    });
}

}  // namespace moescope::cpu
#endif  // HWY_ONCE
