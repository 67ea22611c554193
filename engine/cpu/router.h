// SPDX-License-Identifier: Apache-2.0
// What routing is made of: affinities, the choice of the largest, gates. Token choice by sigmoid affinities:
//
// affinity = sigmoid(logit); ranking = affinity + selection bias; of all groups but the strongest `keptGroups` (by the
// sum of a group's two best) the ranking is set to 0.0; the topK largest are chosen; gate = affinity / (sum of the
// chosen affinities
// + 1e-20) * scale, the division only if topK > 1. Equal rankings are decided as the published models' framework does:
// the result of std::nth_element (std::partial_sort where 64 topK <= E) over (value, index) by value, descending, NaN
// first.
#pragma once

#include <cstdint>

namespace moescope::cpu {

struct RouterRule {
    int64_t experts = 0, topK = 0;
    int64_t groups = 1, keptGroups = 1;
    float scale = 1.0f;
};

struct RankedValue {
    float value;
    int32_t index;
};

/// Working memory of one thread, `experts` of each.
struct RouterScratch {
    float* ranking;
    RankedValue* ranked;
};

/// scores = sigmoid(logits), elementwise; a value's bits do not depend on its place.
void affinities(const float* logits, int64_t count, float* scores);

/// scores = softmax of each row of logits [rows, experts]; a row's bits do not depend on its place. A row with a NaN
/// becomes NaN.
void softmaxRows(const float* logits, int64_t rows, int64_t experts, float* scores);

/// Chooses the k largest of n values (0 < k <= n); their indices, ascending, go to `chosen`. `ranked` holds n. Returns
/// the last chosen minus the first refused value; +inf if none is refused, 0 where a NaN leaves it undefined.
float chooseLargest(const float* values, int64_t n, int64_t k, RankedValue* ranked, int32_t* chosen);

/// The experts of one token, ascending. `bias` [E] or null. Returns the margin of the decision: that of the experts, or
/// that between the kept and the refused groups where it is smaller.
float chooseExperts(const RouterRule& rule, const float* scores, const float* bias, RouterScratch scratch,
                    int32_t* chosen);

/// The same margin for a choice that was given from outside (negative where the router would have chosen otherwise).
float marginOf(const RouterRule& rule, const float* scores, const float* bias, RouterScratch scratch,
               const int32_t* chosen);

/// The gates of one token's chosen experts, normalised to their sum (in the order of `chosen`).
void gateWeights(const RouterRule& rule, const float* scores, const int32_t* chosen, float* gates);

/// The gates of policies that do not normalise: affinity * scale.
void plainGates(const RouterRule& rule, const float* scores, const int32_t* chosen, float* gates);

}  // namespace moescope::cpu
