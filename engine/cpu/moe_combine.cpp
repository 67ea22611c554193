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

template <bool kNorms>
void combineRange(const Combine& c, int64_t begin, int64_t end) {
    const hn::CappedTag<float, kNormLanes> d;
    constexpr int64_t kLanes = hn::MaxLanes(d);
    for (int64_t token = begin; token < end; ++token) {
        const int32_t* place = c.place + token * c.topK;
        const float* added = c.added + token * c.width;
        const float* input = c.input + token * c.width;
        float* out = c.out + token * c.width;
        alignas(64) float inputLanes[kNormLanes] = {}, routedLanes[kNormLanes] = {}, addedLanes[kNormLanes] = {};
        int64_t i = 0;
        for (; i + kLanes <= c.width; i += kLanes) {
            auto routed = hn::LoadU(d, c.pairs + place[0] * c.width + i);
            for (int64_t j = 1; j < c.topK; ++j)
                routed = hn::Add(routed, hn::LoadU(d, c.pairs + place[j] * c.width + i));
            const auto other = hn::LoadU(d, added + i);
            if (kNorms) {
                addSquare(d, hn::LoadU(d, input + i), inputLanes + i % kNormLanes);
                addSquare(d, routed, routedLanes + i % kNormLanes);
                addSquare(d, other, addedLanes + i % kNormLanes);
            }
            hn::StoreU(hn::Add(routed, other), d, out + i);
        }
        for (; i < c.width; ++i) {
            float routed = c.pairs[place[0] * c.width + i];
            for (int64_t j = 1; j < c.topK; ++j) routed += c.pairs[place[j] * c.width + i];
            const float other = added[i];
            if (kNorms) {
                const hn::CappedTag<float, 1> one;
                addSquare(one, hn::Set(one, input[i]), inputLanes + i % kNormLanes);
                addSquare(one, hn::Set(one, routed), routedLanes + i % kNormLanes);
                addSquare(one, hn::Set(one, other), addedLanes + i % kNormLanes);
            }
            out[i] = routed + other;
        }
        if (!kNorms) continue;
        if (c.inputNorm) c.inputNorm[token] = rootOf(inputLanes);
        if (c.routedNorm) c.routedNorm[token] = rootOf(routedLanes);
        if (c.addedNorm) c.addedNorm[token] = rootOf(addedLanes);
    }
}

void combineAny(const Combine& combine, int64_t begin, int64_t end) {
    const bool norms = combine.inputNorm || combine.routedNorm || combine.addedNorm;
    norms ? combineRange<true>(combine, begin, end) : combineRange<false>(combine, begin, end);
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
