// SPDX-License-Identifier: Apache-2.0
// The gate of a gated layer on rows, y = silu(a) b, and its gradient. Per-target header.
#if defined(MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#undef MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#else
#define MOESCOPE_CPU_TRAINING_GATED_ROWS_INL_H
#endif

#include "engine/cpu/training/vector_loops-inl.h"
#include "engine/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

/// d/dx of x s(x) for s = sigmoid(x): s (1 + x (1 - s)).
HWY_INLINE FloatVector siluSlope(FloatVector x, FloatVector s) {
    const auto one = hn::Set(FloatTag(), 1.0f);
    return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

HWY_INLINE void gateRowsForward(int64_t rows, int64_t inner, const float* x, float* y) {
    for (int64_t row = 0; row < rows; ++row, x += 2 * inner, y += inner)
        forVectors(inner, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto a = loadPart(x + i, lanes), b = loadPart(x + inner + i, lanes);
            storePart(hn::Mul(silu(FloatTag(), a), b), y + i, lanes);
        });
}

HWY_INLINE void gateRowsGradient(int64_t rows, int64_t inner, const float* x, const float* dy, const float* scale,
                                 float* dx) {
    for (int64_t row = 0; row < rows; ++row, x += 2 * inner, dy += inner, dx += 2 * inner) {
        const FloatVector factor = hn::Set(FloatTag(), scale ? scale[row] : 1.0f);
        forVectors(inner, [&](int64_t i, int64_t lanes) HWY_ATTR {
            const auto a = loadPart(x + i, lanes), b = loadPart(x + inner + i, lanes);
            const auto v = hn::Mul(factor, loadPart(dy + i, lanes));
            const auto s = sigmoid(FloatTag(), a);
            storePart(hn::Mul(hn::Mul(v, b), siluSlope(a, s)), dx + i, lanes);
            storePart(hn::Mul(v, hn::Mul(a, s)), dx + inner + i, lanes);
        });
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
