// SPDX-License-Identifier: Apache-2.0
// Which experts the tokens go to: the choice of inference (engine/cpu/router.h), and the order of the pairs.
#include <utility>

#include "engine/cpu/router.h"
#include "engine/cpu/training/moe_scratch.h"

namespace moescope::cpu {
namespace {

/// Logits, affinities and choices of tokens [first, first + count); counts [E] of the choices.
void chooseRows(const train::MoeShape& s, const float* selectionBias, const float* x, const float* router,
                int64_t first, int64_t count, const train::MoeSaved& saved, int32_t* counts) {
    const int64_t experts = s.experts, k = s.topK;
    RowProduct product;
    product.left = x + first * s.width;
    product.leftStride = product.depth = s.width;
    product.rows = count;
    product.columns = product.outStride = experts;
    product.panels = router;
    product.out = saved.logits + first * experts;
    multiplyRows(product);
    float* scores = saved.scores + first * experts;
    if (s.affinity == train::Affinity::Sigmoid)
        affinities(product.out, count * experts, scores);
    else
        softmaxRows(product.out, count, experts, scores);
    const RouterRule rule{experts, k, s.groups, s.keptGroups, s.scale};
    std::vector<float> ranking(static_cast<size_t>(experts));
    std::vector<RankedValue> ranked(static_cast<size_t>(experts));
    std::fill_n(counts, experts, 0);
    for (int64_t token = first; token < first + count; ++token, scores += experts) {
        int32_t* chosen = saved.experts + token * k;
        chooseExperts(rule, scores, selectionBias, {ranking.data(), ranked.data()}, chosen);
        gateWeights(rule, scores, chosen, saved.gates + token * k);
        for (int64_t j = 0; j < k; ++j) ++counts[chosen[j]];
    }
}

}  // namespace

void routeTokens(ThreadPool& pool, const train::MoeShape& s, const float* router, const float* selectionBias,
                 const float* x, const train::MoeSaved& saved, const MoeScratch& scratch) {
    const WeightView view{router, s.experts, s.width, false};
    packWeights(pool, &view, 1, false, scratch.router, 0);
    pool.parallelFor(scratch.tokenTasks, [&](int64_t task, int) {
        const int64_t first = task * kTokenRows;
        chooseRows(s, selectionBias, x, scratch.router, first, std::min(kTokenRows, s.rows - first), saved,
                   scratch.counts + task * s.experts);
    });
    // Counts become the places where a task's pairs of an expert begin.
    int32_t next = 0;
    for (int64_t e = 0; e < s.experts; ++e) {
        saved.offsets[e] = next;
        for (int64_t task = 0; task < scratch.tokenTasks; ++task) {
            int32_t& count = scratch.counts[task * s.experts + e];
            next += std::exchange(count, next);
        }
    }
    saved.offsets[s.experts] = next;
    pool.parallelFor(scratch.tokenTasks, [&](int64_t task, int) {
        int32_t* place = scratch.counts + task * s.experts;
        const int64_t first = task * kTokenRows, end = std::min(s.rows, first + kTokenRows);
        for (int64_t token = first; token < end; ++token)
            for (int64_t choice = token * s.topK; choice < (token + 1) * s.topK; ++choice) {
                const int32_t pair = place[saved.experts[choice]]++;
                saved.pairRows[pair] = static_cast<int32_t>(token);
                saved.pairOf[choice] = pair;
            }
    });
}

}  // namespace moescope::cpu
