// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/router.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/cpu/router.h"
#include "engine/cpu/vector_math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

void sigmoidOf(const float* logits, int64_t count, float* scores) {
    const hn::CappedTag<float, 16> d;
    constexpr int64_t kLanes = hn::MaxLanes(d);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(sigmoid(d, hn::LoadU(d, logits + i)), d, scores + i);
    if (i == count) return;
    float rest[kLanes] = {};
    for (int64_t r = 0; r < count - i; ++r) rest[r] = logits[i + r];
    hn::StoreU(sigmoid(d, hn::LoadU(d, rest)), d, rest);
    for (int64_t r = 0; r < count - i; ++r) scores[i + r] = rest[r];
}

/// e^(logit - largest) of each row over their sum, which runs in the order of the experts on every level.
void softmaxOf(const float* logits, int64_t rows, int64_t experts, float* scores) {
    const hn::CappedTag<float, 16> d;
    constexpr int64_t kLanes = hn::MaxLanes(d);
    for (int64_t row = 0; row < rows; ++row, logits += experts, scores += experts) {
        float largest = logits[0];
        for (int64_t e = 1; e < experts; ++e) largest = logits[e] > largest ? logits[e] : largest;
        for (int64_t e = 0; e < experts; e += kLanes) {
            float part[kLanes] = {};
            const int64_t count = experts - e < kLanes ? experts - e : kLanes;
            for (int64_t i = 0; i < count; ++i) part[i] = logits[e + i] - largest;
            hn::StoreU(exponential(d, hn::LoadU(d, part)), d, part);
            for (int64_t i = 0; i < count; ++i) scores[e + i] = part[i];
        }
        float sum = 0.0f;
        for (int64_t e = 0; e < experts; ++e) sum += scores[e];
        for (int64_t e = 0; e < experts; ++e) scores[e] /= sum;
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(sigmoidOf);
HWY_EXPORT(softmaxOf);

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kShortList = 16;  // up to this many choices a sorted list of the best so far is the fastest

bool ranksBefore(const RankedValue& a, const RankedValue& b) {
    return (std::isnan(a.value) && !std::isnan(b.value)) || a.value > b.value;
}

float difference(float chosen, float refused) {
    const float margin = chosen - refused;
    return std::isnan(margin) ? 0.0f : margin;  // a NaN, or equal infinities
}

/// Decides ties as the framework's top-k does.
float chooseWithTies(const float* values, int64_t n, int64_t k, RankedValue* ranked, int32_t* chosen) {
    for (int64_t i = 0; i < n; ++i) ranked[i] = {values[i], static_cast<int32_t>(i)};
    if (64 * k <= n)
        std::partial_sort(ranked, ranked + k, ranked + n, ranksBefore);
    else
        std::nth_element(ranked, ranked + k - 1, ranked + n, ranksBefore);
    for (int64_t i = 0; i < k; ++i) chosen[i] = ranked[i].index;
    std::sort(chosen, chosen + k);
    if (k == n) return kInfinity;
    const RankedValue last = *std::max_element(ranked, ranked + k, ranksBefore);
    const RankedValue first = *std::min_element(ranked + k, ranked + n, ranksBefore);
    return difference(last.value, first.value);
}

/// The k + 1 largest in a sorted list. False where a tie at the cut or a NaN asks for the other way.
bool chooseWithoutTies(const float* values, int64_t n, int64_t k, int32_t* chosen, float& margin) {
    float best[kShortList + 1] = {};
    int32_t index[kShortList + 1] = {};
    int64_t held = 0;
    for (int64_t i = 0; i < n; ++i) {
        const float value = values[i];
        if (std::isnan(value)) return false;
        if (held > k && !(value > best[k])) continue;
        int64_t place = held > k ? k : held++;
        for (; place > 0 && value > best[place - 1]; --place) {
            best[place] = best[place - 1];
            index[place] = index[place - 1];
        }
        best[place] = value;
        index[place] = static_cast<int32_t>(i);
    }
    if (n > k && best[k - 1] == best[k]) return false;
    margin = n > k ? best[k - 1] - best[k] : kInfinity;
    std::copy(index, index + k, chosen);
    std::sort(chosen, chosen + k);
    return true;
}

/// Fills scratch.ranking; returns the margin between kept and refused groups.
float rankExperts(const RouterRule& rule, const float* scores, const float* bias, RouterScratch scratch) {
    for (int64_t e = 0; e < rule.experts; ++e) scratch.ranking[e] = bias ? scores[e] + bias[e] : scores[e];
    if (rule.keptGroups >= rule.groups) return kInfinity;
    const int64_t size = rule.experts / rule.groups;
    // Strengths and kept groups share the memory of `ranked`: groups <= experts, and 4 + 4 bytes fit one ranked value.
    const auto strength = [&](int64_t group) {
        const float* member = scratch.ranking + group * size;
        float first = member[0], second = -kInfinity;
        for (int64_t i = 1; i < size; ++i) {
            const float value = member[i];
            if (std::isnan(first) || std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
            if (value > first) {
                second = first;
                first = value;
            } else if (value > second) {
                second = value;
            }
        }
        return size > 1 ? first + second : first;
    };
    for (int64_t g = 0; g < rule.groups; ++g) scratch.ranked[g] = {strength(g), static_cast<int32_t>(g)};
    const int64_t kept = rule.keptGroups;
    if (64 * kept <= rule.groups)
        std::partial_sort(scratch.ranked, scratch.ranked + kept, scratch.ranked + rule.groups, ranksBefore);
    else
        std::nth_element(scratch.ranked, scratch.ranked + kept - 1, scratch.ranked + rule.groups, ranksBefore);
    const RankedValue last = *std::max_element(scratch.ranked, scratch.ranked + kept, ranksBefore);
    const RankedValue first = *std::min_element(scratch.ranked + kept, scratch.ranked + rule.groups, ranksBefore);
    for (int64_t g = kept; g < rule.groups; ++g)
        std::fill_n(scratch.ranking + scratch.ranked[g].index * size, size, 0.0f);
    return difference(last.value, first.value);
}

}  // namespace

void affinities(const float* logits, int64_t count, float* scores) {
    HWY_DYNAMIC_DISPATCH(sigmoidOf)(logits, count, scores);
}

void softmaxRows(const float* logits, int64_t rows, int64_t experts, float* scores) {
    HWY_DYNAMIC_DISPATCH(softmaxOf)(logits, rows, experts, scores);
}

float chooseLargest(const float* values, int64_t n, int64_t k, RankedValue* ranked, int32_t* chosen) {
    float margin;
    if (k <= kShortList && chooseWithoutTies(values, n, k, chosen, margin)) return margin;
    return chooseWithTies(values, n, k, ranked, chosen);
}

float chooseExperts(const RouterRule& rule, const float* scores, const float* bias, RouterScratch scratch,
                    int32_t* chosen) {
    const float groupMargin = rankExperts(rule, scores, bias, scratch);
    return std::min(chooseLargest(scratch.ranking, rule.experts, rule.topK, scratch.ranked, chosen), groupMargin);
}

float marginOf(const RouterRule& rule, const float* scores, const float* bias, RouterScratch scratch,
               const int32_t* chosen) {
    const float groupMargin = rankExperts(rule, scores, bias, scratch);
    if (rule.topK == rule.experts) return groupMargin;
    float last = kInfinity, first = -kInfinity;
    for (int64_t e = 0, next = 0; e < rule.experts; ++e) {
        if (next < rule.topK && chosen[next] == e) {
            last = std::min(last, scratch.ranking[e]);
            ++next;
        } else {
            first = std::max(first, scratch.ranking[e]);
        }
    }
    return std::min(difference(last, first), groupMargin);
}

void gateWeights(const RouterRule& rule, const float* scores, const int32_t* chosen, float* gates) {
    float sum = 0.0f;
    for (int64_t j = 0; j < rule.topK; ++j) {
        gates[j] = scores[chosen[j]];
        sum += gates[j];
    }
    for (int64_t j = 0; j < rule.topK; ++j) {
        if (rule.topK > 1) gates[j] /= sum + 1e-20f;
        gates[j] *= rule.scale;
    }
}

void plainGates(const RouterRule& rule, const float* scores, const int32_t* chosen, float* gates) {
    for (int64_t j = 0; j < rule.topK; ++j) gates[j] = scores[chosen[j]] * rule.scale;
}

}  // namespace moescope::cpu
#endif
