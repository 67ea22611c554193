// SPDX-License-Identifier: Apache-2.0
// The gate of a gated layer on rows, y = silu(a) b, and its gradient. Per-target header.
#if defined(MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#undef MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#else
#define MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#endif

#include "engine/cpu/attention_rows-inl.h"
#include "engine/cpu/training/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

/// sigmoid(x) and sigmoid(x) sigmoid(-x), from e = exp(-|x|): nothing overflows and nothing cancels. 3 ulp.
struct Sigmoid {
    FloatVector value, slope;
};

HWY_INLINE Sigmoid sigmoidOf(FloatVector x) {
    const FloatTag d;
    const auto e = exponentialBelowZero(d, hn::Neg(hn::Abs(x)));
    const auto sum = hn::Add(hn::Set(d, 1.0f), e);
    // 1 / sum: a division holds the processor up for longer than all the rest, a Newton step does not.
    auto large = hn::ApproximateReciprocal(sum);
    large = hn::MulAdd(large, hn::NegMulAdd(sum, large, hn::Set(d, 1.0f)), large);
    const auto small = hn::Mul(e, large);
    return {hn::IfThenElse(hn::Ge(x, hn::Zero(d)), large, small), hn::Mul(small, large)};
}

HWY_INLINE void gateRowsForward(int64_t rows, int64_t inner, const float* x, float* y) {
    for (int64_t row = 0; row < rows; ++row, x += 2 * inner, y += inner)
        forVectors(inner, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto a = loadPart(x + i, lanes), b = loadPart(x + inner + i, lanes);
            storePart(hn::Mul(hn::Mul(a, sigmoidOf(a).value), b), y + i, lanes);
        });
}

HWY_INLINE void gateRowsGradient(int64_t rows, int64_t inner, const float* x, const float* dy, const float* scale,
                                 float* dx) {
    for (int64_t row = 0; row < rows; ++row, x += 2 * inner, dy += inner, dx += 2 * inner) {
        const FloatVector factor = hn::Set(FloatTag(), scale ? scale[row] : 1.0f);
        forVectors(inner, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto a = loadPart(x + i, lanes), b = loadPart(x + inner + i, lanes);
            const auto v = hn::Mul(factor, loadPart(dy + i, lanes));
            const Sigmoid s = sigmoidOf(a);
            // silu'(a) = s + a s (1 - s)
            storePart(hn::Mul(hn::Mul(v, b), hn::MulAdd(a, s.slope, s.value)), dx + i, lanes);
            storePart(hn::Mul(v, hn::Mul(a, s.value)), dx + inner + i, lanes);
        });
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
