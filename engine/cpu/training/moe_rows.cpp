// SPDX-License-Identifier: Apache-2.0
// What sparse layers do to single tokens: sums over their pairs, and the gradient of the router's logits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/training/moe_rows.cpp"
// The order matters: everything below foreach_target is compiled once per instruction level.
// clang-format off
#include "engine/cpu/vector_targets.h"
#include "hwy/foreach_target.h"

#include <cmath>

#include "engine/cpu/training/moe_scratch.h"
#include "engine/cpu/training/vector_loops-inl.h"
#include "engine/cpu/vector_math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace moescope::cpu {
namespace HWY_NAMESPACE {

void addPairRows(const train::MoeShape& shape, const train::MoeSaved& saved, int64_t first, int64_t count,
                 const float* gates, const float* outputs, float* y) {
    const FloatTag d;
    const int64_t width = shape.width, k = shape.topK;
    for (int64_t token = first; token < first + count; ++token, y += width) {
        const int32_t* pairs = saved.pairOf + token * k;
        forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            auto sum = loadPart(y + i, lanes);
            for (int64_t j = 0; j < k; ++j) {
                const auto own = loadPart(outputs + pairs[j] * width + i, lanes);
                sum = gates ? hn::MulAdd(hn::Set(d, gates[token * k + j]), own, sum) : hn::Add(sum, own);
            }
            storePart(sum, y + i, lanes);
        });
    }
}

void addRouterRows(int64_t count, int64_t experts, int64_t width, const float* factors, const float* router, float* y) {
    const FloatTag d;
    for (int64_t row = 0; row < count; ++row, y += width, factors += experts)
        forVectors(width, [&](int64_t i, int64_t lanes) HWY_ATTR {
            auto sum = loadPart(y + i, lanes);
            for (int64_t e = 0; e < experts; ++e)
                sum = hn::MulAdd(hn::Set(d, factors[e]), loadPart(router + e * width + i, lanes), sum);
            storePart(sum, y + i, lanes);
        });
}

void rowDots(int64_t count, int64_t width, const float* a, const int32_t* gather, const float* b, float* out) {
    const FloatTag d;
    for (int64_t row = 0; row < count; ++row, b += width) {
        const float* own = a + (gather ? gather[row] : row) * width;
        FloatVector s0 = hn::Zero(d), s1 = s0;
        int64_t i = 0;
        for (; i + 2 * kFloatLanes <= width; i += 2 * kFloatLanes) {
            s0 = hn::MulAdd(hn::LoadU(d, own + i), hn::LoadU(d, b + i), s0);
            s1 = hn::MulAdd(hn::LoadU(d, own + i + kFloatLanes), hn::LoadU(d, b + i + kFloatLanes), s1);
        }
        for (; i < width; i += kFloatLanes)
            s0 = hn::MulAdd(loadPart(own + i, width - i), loadPart(b + i, width - i), s0);
        out[row] = sumLanes(hn::Add(s0, s1));
    }
}

/// e^(logit - largest) -> out; returns their sum.
float exponentiateLogits(const float* logits, int64_t experts, float largest, float* out) {
    const FloatTag d;
    forVectors(experts, [&](int64_t i, int64_t lanes) HWY_ATTR {
        storePart(exponential(d, hn::Sub(loadPart(logits + i, lanes), hn::Set(d, largest))), out + i, lanes);
    });
    float sum = 0.0f;
    for (int64_t e = 0; e < experts; ++e) sum += out[e];
    return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace moescope::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moescope::cpu {

HWY_EXPORT(addPairRows);
HWY_EXPORT(addRouterRows);
HWY_EXPORT(rowDots);
HWY_EXPORT(exponentiateLogits);

namespace {

constexpr float kLeastSum = 1e-20f;  // added to sums of affinities, as in the forward

/// dScores of the chosen gates. With g = scale s / S over the chosen: ds = (scale dg - the sum of dg g) / S.
void chosenScores(const RouterGradient& g, int64_t token, float* dScores) {
    const train::MoeShape& shape = *g.shape;
    const int64_t k = shape.topK;
    const int32_t* chosen = g.saved->experts + token * k;
    const int32_t* pairs = g.saved->pairOf + token * k;
    const float* scores = g.saved->scores + token * shape.experts;
    float sum = kLeastSum, along = 0.0f;
    for (int64_t j = 0; j < k; ++j) {
        sum += scores[chosen[j]];
        along += g.dGates[pairs[j]] * g.saved->gates[token * k + j];
    }
    std::fill_n(dScores, shape.experts, 0.0f);
    for (int64_t j = 0; j < k; ++j) {
        const float direct = shape.scale * g.dGates[pairs[j]];
        dScores[chosen[j]] = k > 1 ? (direct - along) / sum : direct;
    }
}

/// Of shares p = s / S over all experts: ds += (dp - the sum of dp p) / S.
void addShares(const float* scores, int64_t experts, const float* dShares, float* dScores) {
    float sum = kLeastSum, along = 0.0f;
    for (int64_t e = 0; e < experts; ++e) sum += scores[e];
    for (int64_t e = 0; e < experts; ++e) along += dShares[e] * (scores[e] / sum);
    for (int64_t e = 0; e < experts; ++e) dScores[e] += (dShares[e] - along) / sum;
}

/// dScores through the weights q over all experts. `dq` is working memory.
void surrogateScores(const RouterGradient& g, int64_t token, float* dq, float* dScores) {
    const train::MoeShape& shape = *g.shape;
    std::fill_n(dScores, shape.experts, 0.0f);
    if (shape.gradient == train::RoutingGradient::Dense) {
        for (int64_t e = 0; e < shape.experts; ++e)
            dotRows(1, shape.width, g.dy + token * shape.width, nullptr,
                    g.saved->allOutputs + (e * shape.rows + token) * shape.width, dq + e);
    } else {
        std::fill_n(dq, shape.experts, 0.0f);
        for (int64_t j = token * shape.topK; j < (token + 1) * shape.topK; ++j)
            dq[g.saved->experts[j]] = g.dGates[g.saved->pairOf[j]];
    }
    for (int64_t e = 0; e < shape.experts; ++e) dq[e] *= shape.scale;
    if (shape.topK > 1)
        addShares(g.saved->scores + token * shape.experts, shape.experts, dq, dScores);
    else
        std::copy_n(dq, shape.experts, dScores);
}

/// dLogits of the affinities of one token, in the place of dScores.
void throughAffinity(train::Affinity affinity, const float* scores, int64_t experts, float* d) {
    if (affinity == train::Affinity::Sigmoid) {
        for (int64_t e = 0; e < experts; ++e) d[e] *= scores[e] * (1.0f - scores[e]);
        return;
    }
    float along = 0.0f;
    for (int64_t e = 0; e < experts; ++e) along += d[e] * scores[e];
    for (int64_t e = 0; e < experts; ++e) d[e] = scores[e] * (d[e] - along);
}

}  // namespace

void routerRows(const RouterGradient& g, int64_t first, int64_t count, float* dLogits, double* losses, float* work) {
    const train::MoeShape& shape = *g.shape;
    const int64_t experts = shape.experts;
    const float rows = static_cast<float>(shape.rows), pairs = static_cast<float>(shape.rows * shape.topK);
    float* balance = work;  // E f_e: the slope of the auxiliary loss of one token
    float* shares = work + experts;
    float* exponentials = work + 2 * experts;
    for (int64_t e = 0; e < experts; ++e)
        balance[e] =
            static_cast<float>(experts) * static_cast<float>(g.saved->offsets[e + 1] - g.saved->offsets[e]) / pairs;
    for (int64_t token = first; token < first + count; ++token, dLogits += experts) {
        const float* scores = g.saved->scores + token * experts;
        const float* logits = g.saved->logits + token * experts;
        if (shape.gradient == train::RoutingGradient::Chosen)
            chosenScores(g, token, dLogits);
        else
            surrogateScores(g, token, shares, dLogits);
        float sum = kLeastSum, loss = 0.0f;
        for (int64_t e = 0; e < experts; ++e) {
            sum += scores[e];
            loss += balance[e] * scores[e];
            shares[e] = g.auxiliary / rows * balance[e];
        }
        losses[0] += static_cast<double>(loss / sum);
        if (g.auxiliary != 0) addShares(scores, experts, shares, dLogits);
        throughAffinity(shape.affinity, scores, experts, dLogits);
        const float largest = *std::max_element(logits, logits + experts);
        const float total = HWY_DYNAMIC_DISPATCH(exponentiateLogits)(logits, experts, largest, exponentials);
        const float logSum = largest + std::log(total);
        losses[1] += static_cast<double>(logSum) * static_cast<double>(logSum);
        const float slope = 2.0f / rows * g.z * logSum / total;
        if (g.z != 0)
            for (int64_t e = 0; e < experts; ++e) dLogits[e] += slope * exponentials[e];
    }
}

void addPairs(const train::MoeShape& shape, const train::MoeSaved& saved, int64_t first, int64_t count,
              const float* gates, const float* outputs, float* y) {
    HWY_DYNAMIC_DISPATCH(addPairRows)(shape, saved, first, count, gates, outputs, y);
}

void addRouter(int64_t count, int64_t experts, int64_t width, const float* factors, const float* router, float* y) {
    HWY_DYNAMIC_DISPATCH(addRouterRows)(count, experts, width, factors, router, y);
}

void dotRows(int64_t count, int64_t width, const float* a, const int32_t* gather, const float* b, float* out) {
    HWY_DYNAMIC_DISPATCH(rowDots)(count, width, a, gather, b, out);
}

}  // namespace moescope::cpu
#endif
