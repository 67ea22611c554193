// SPDX-License-Identifier: Apache-2.0
// exp, sigmoid, SiLU and tanh-GELU on vectors of floats. Per-target header: include inside a foreach_target file.
//
// Errors against exact arithmetic: exp, sigmoid and silu 3 ulp; gelu (4 + |2u|) ulp with u the argument of its tanh,
// since the rounding of u itself is magnified there. The limits are those of the plain formulas in fp32: sigmoid(-inf)
// = 0, silu(-inf) = gelu(-inf) = NaN (inf / inf), NaN in gives NaN out.
#if defined(MOESCOPE_CPU_VECTOR_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_VECTOR_MATH_INL_H
#undef MOESCOPE_CPU_VECTOR_MATH_INL_H
#else
#define MOESCOPE_CPU_VECTOR_MATH_INL_H
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// 2^n for -126 <= n <= 127, n integral.
template <class D, class V>
HWY_INLINE V powerOfTwo(D d, V n) {
    const hn::RebindToSigned<D> di;
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127))));
}

/// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln(2)/2, and the Taylor series of e^r up to r^7 (remainder 5e-9).
template <class D, class V>
HWY_INLINE V exponential(D d, V x) {
    // Beyond these bounds the result is infinite or zero anyway, and n stays small.
    const V bounded = hn::Min(hn::Max(x, hn::Set(d, -105.0f)), hn::Set(d, 90.0f));
    const V n = hn::Round(hn::Mul(bounded, hn::Set(d, 1.44269504088896341f)));
    // ln 2 in two parts; n times the first is exact.
    V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), bounded);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    V tail = hn::Set(d, 1.0f / 5040.0f);
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 720.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 120.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 24.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 1.0f / 6.0f));
    tail = hn::MulAdd(tail, r, hn::Set(d, 0.5f));
    const V series = hn::Add(hn::Set(d, 1.0f), hn::MulAdd(hn::Mul(r, r), tail, r));
    // Two factors, since 2^n itself leaves the range of floats at both ends.
    const V half = hn::Floor(hn::Mul(n, hn::Set(d, 0.5f)));
    const V scaled = hn::Mul(hn::Mul(series, powerOfTwo(d, half)), powerOfTwo(d, hn::Sub(n, half)));
    return hn::IfThenElse(hn::Eq(x, x), scaled, x);
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
    const V one = hn::Set(d, 1.0f);
    return hn::Div(one, hn::Add(one, exponential(d, hn::Neg(x))));
}

/// x sigmoid(x)
template <class D, class V>
HWY_INLINE V silu(D d, V x) {
    return hn::Div(x, hn::Add(hn::Set(d, 1.0f), exponential(d, hn::Neg(x))));
}

/// x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
template <class D, class V>
HWY_INLINE V geluTanh(D d, V x) {
    const V cubic = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
    const V twiceU = hn::Mul(cubic, hn::Set(d, 1.5957691216057308f));
    return hn::Div(x, hn::Add(hn::Set(d, 1.0f), exponential(d, hn::Neg(twiceU))));
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
