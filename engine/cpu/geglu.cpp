// SPDX-License-Identifier: Apache-2.0
// Rows (value | gate) -> value gelu(gate) with the exact GELU, g times the normal distribution function of g.
#include "engine/cpu/vector_targets.h"
// clang-format off: Highway compiles the rest of this file once per target from here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/geglu.cpp"
#include "hwy/foreach_target.h"
// clang-format on

#include "engine/cpu/op_checks.h"
#include "engine/cpu/ops.h"
#include "engine/cpu/vector_math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu::HWY_NAMESPACE {
namespace {

/// x Phi(x). The upper tail 1 - Phi(|x|) = e^(-x^2/2) t P(t), t = 1 / (1 + |x|/4), with P of degree 9 fitted to 2.3e-8
/// relative for all x. Error (6 + x^2) ulp: the rounding of the exponent is magnified by its size.
template <class D, class V>
HWY_INLINE V geluExact(D d, V x) {
    const V size = hn::Abs(x), one = hn::Set(d, 1.0f);
    const V t = hn::Div(one, hn::MulAdd(size, hn::Set(d, 0.25f), one));
    V series = hn::Set(d, 0.0203825049f);
    for (const float factor : {-0.0835391283f, 0.100540534f, -0.0367136374f, 0.0666865706f, 0.0578987338f,
                               0.0818310454f, 0.0934399739f, 0.0997378677f, 0.0997355431f})
        series = hn::MulAdd(series, t, hn::Set(d, factor));
    const V tail = hn::Mul(exponential(d, hn::Mul(hn::Mul(size, size), hn::Set(d, -0.5f))), hn::Mul(series, t));
    return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)));
}

void gateRow(const float* HWY_RESTRICT row, float* HWY_RESTRICT out, int64_t width) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), whole = width / lanes * lanes;
    for (int64_t i = 0; i < whole; i += lanes)
        hn::StoreU(hn::Mul(hn::LoadU(d, row + i), geluExact(d, hn::LoadU(d, row + width + i))), d, out + i);
    if (whole == width) return;
    // The last columns go through the arithmetic of a full vector, so that an element's bits do not depend on its
    // place.
    HWY_ALIGN float value[HWY_MAX_BYTES / sizeof(float)] = {}, gate[HWY_MAX_BYTES / sizeof(float)] = {};
    std::copy(row + whole, row + width, value);
    std::copy(row + width + whole, row + 2 * width, gate);
    hn::Store(hn::Mul(hn::Load(d, value), geluExact(d, hn::Load(d, gate))), d, value);
    std::copy_n(value, width - whole, out + whole);
}

}  // namespace
}  // namespace moescope::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(gateRow);

MsStatus geglu(MsContext* context, const MsTensor* x, MsTensor* out) {
    MS_REQUIRE(context, isFloats(x) && x->lastDim() % 2 == 0, "[geglu] expected fp32 rows [T, 2 I], got {}",
               shapeOf(x));
    const int64_t rows = x->rows(), width = x->lastDim() / 2;
    MS_REQUIRE(context, isFloats(out) && out != x && out->lastDim() == width && out->rows() == rows,
               "[geglu] expected a separate fp32 output [{}, {}], got {}", rows, width, shapeOf(out));
    return context->forRows(rows, rowsPerTask(4 * width), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row)
            HWY_DYNAMIC_DISPATCH(gateRow)(x->f32() + row * 2 * width, out->f32() + row * width, width);
    });
}

}  // namespace moescope::cpu
#endif  // HWY_ONCE
