// SPDX-License-Identifier: Apache-2.0
// Loops over vectors of floats whose last one may be partial. Per-target header: include inside a foreach_target file.
#if defined(MOESCOPE_CPU_VECTOR_LOOPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOESCOPE_CPU_VECTOR_LOOPS_INL_H
#undef MOESCOPE_CPU_VECTOR_LOOPS_INL_H
#else
#define MOESCOPE_CPU_VECTOR_LOOPS_INL_H
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::CappedTag<float, 16>;
using FloatVector = hn::Vec<FloatTag>;
inline constexpr int64_t kFloatLanes = hn::MaxLanes(FloatTag());

/// `count` (at most a vector) values, the other lanes zero; nothing behind them is read.
HWY_INLINE FloatVector loadPart(const float* from, int64_t count) {
    const FloatTag d;
    if (count >= kFloatLanes) return hn::LoadU(d, from);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, from);
#else
    HWY_ALIGN float lanes[kFloatLanes] = {};
    for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
    return hn::Load(d, lanes);
#endif
}

/// Writes the first `count` lanes; nothing behind them is touched.
HWY_INLINE void storePart(FloatVector value, float* to, int64_t count) {
    const FloatTag d;
    if (count >= kFloatLanes) return hn::StoreU(value, d, to);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    hn::BlendedStore(value, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#else
    HWY_ALIGN float lanes[kFloatLanes];
    hn::Store(value, d, lanes);
    for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
#endif
}

/// body(first, lanes) for vectors that cover [0, count): the last may have fewer than kFloatLanes lanes.
template <class Body>
HWY_INLINE void forVectors(int64_t count, const Body& body) {
    int64_t i = 0;
    for (; i + kFloatLanes <= count; i += kFloatLanes) body(i, kFloatLanes);
    if (i < count) body(i, count - i);
}

/// Sum of lanes; the order is that of the level.
HWY_INLINE float sumLanes(FloatVector v) {
    return hn::GetLane(hn::SumOfLanes(FloatTag(), v));
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();
#endif
