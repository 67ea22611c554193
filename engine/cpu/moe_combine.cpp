// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/moe_combine.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cmath>

#include "engine/cpu/moe_combine.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums of squares run in 16 lanes on every level, so that their order, and with it the norm, is the same.
inline constexpr int64_t kNormLanes = 16;

template <class D>
HWY_INLINE void addSquare(D d, hn::Vec<D> value, float* lanes) {
    hn::StoreU(hn::MulAdd(value, value, hn::LoadU(d, lanes)), d, lanes);
}

HWY_INLINE float rootOf(const float* lanes) {
    float sum = 0.0f;
    for (int64_t i = 0; i < kNormLanes; ++i) sum += lanes[i];
    return sqrtf(sum);
}

/// Column(s) i of a token's routed sum.
template <class D>
HWY_INLINE hn::Vec<D> routedSum(D d, const Combine& c, const int32_t* place, int64_t count, int64_t i) {
    if (count == 0) return hn::Zero(d);
    auto routed = hn::LoadU(d, c.pairs + place[0] * c.width + i);
    for (int64_t j = 1; j < count; ++j) routed = hn::Add(routed, hn::LoadU(d, c.pairs + place[j] * c.width + i));
    return routed;
}

template <bool kNorms, bool kAdds>
void combineRange(const Combine& c, int64_t begin, int64_t end) {
    const hn::CappedTag<float, kNormLanes> d;
    const hn::CappedTag<float, 1> one;
    constexpr int64_t kLanes = hn::MaxLanes(d);
    for (int64_t token = begin; token < end; ++token) {
        const int32_t* place = c.place + (c.start[token] - c.start[0]);
        const int64_t count = c.start[token + 1] - c.start[token];
        const float* added = kAdds ? c.added + token * c.width : nullptr;
        const float* input = c.input + token * c.width;
        float* out = c.out + token * c.width;
        alignas(64) float inputLanes[kNormLanes] = {}, routedLanes[kNormLanes] = {}, addedLanes[kNormLanes] = {};
        const auto columns = [&](auto tag, int64_t i) HWY_ATTR {
            const auto routed = routedSum(tag, c, place, count, i);
            if (kNorms) {
                addSquare(tag, hn::LoadU(tag, input + i), inputLanes + i % kNormLanes);
                addSquare(tag, routed, routedLanes + i % kNormLanes);
            }
            if (!kAdds) return hn::StoreU(routed, tag, out + i);
            const auto other = hn::LoadU(tag, added + i);
            if (kNorms) addSquare(tag, other, addedLanes + i % kNormLanes);
            hn::StoreU(hn::Add(routed, other), tag, out + i);
        };
        int64_t i = 0;
        for (; i + kLanes <= c.width; i += kLanes) columns(d, i);
        for (; i < c.width; ++i) columns(one, i);
        if (!kNorms) continue;
        if (c.inputNorm) c.inputNorm[token] = rootOf(inputLanes);
        if (c.routedNorm) c.routedNorm[token] = rootOf(routedLanes);
        if (c.addedNorm) c.addedNorm[token] = rootOf(addedLanes);
    }
}

void combineAny(const Combine& combine, int64_t begin, int64_t end) {
    const bool norms = combine.inputNorm || combine.routedNorm || combine.addedNorm;
    if (combine.added)
        norms ? combineRange<true, true>(combine, begin, end) : combineRange<false, true>(combine, begin, end);
    else
        norms ? combineRange<true, false>(combine, begin, end) : combineRange<false, false>(combine, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(combineAny);

void combineTokens(const Combine& combine, int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(combineAny)(combine, begin, end);
}

}  // namespace moescope::cpu
#endif
