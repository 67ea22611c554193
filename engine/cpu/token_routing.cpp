// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/token_routing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/cpu/router.h"

namespace moescope::cpu {
namespace {

/// What sets one policy apart from the others: affinities of tokens [begin, end) of the choices, and one token's gates.
struct TokenPolicy {
    void (*affinities)(const MoeOperands&, const TokenChoices&, int64_t begin, int64_t end);
    void (*gates)(const RouterRule&, const float* scores, const int32_t* chosen, float* gates);
};

void sigmoidAffinities(const MoeOperands& layer, const TokenChoices& c, int64_t begin, int64_t end) {
    const int64_t experts = layer.desc.experts;
    affinities(c.logits + begin * experts, (end - begin) * experts, c.scores + begin * experts);
}

void softmaxAffinities(const MoeOperands& layer, const TokenChoices& c, int64_t begin, int64_t end) {
    const int64_t experts = layer.desc.experts;
    softmaxRows(c.logits + begin * experts, end - begin, experts, c.scores + begin * experts);
}

/// Length of a row. The partial sums stand in a fixed order on every instruction level.
float lengthOf(const float* row, int64_t width) {
    float sums[16] = {};
    int64_t i = 0;
    for (; i + 16 <= width; i += 16)
        for (int64_t lane = 0; lane < 16; ++lane) sums[lane] += row[i + lane] * row[i + lane];
    float sum = 0.0f;
    for (const float part : sums) sum += part;
    for (; i < width; ++i) sum += row[i] * row[i];
    return std::sqrt(sum);
}

/// The router's rows have length 1, so its product over the token's length is the cosine.
void cosineAffinities(const MoeOperands& layer, const TokenChoices& c, int64_t begin, int64_t end) {
    const int64_t experts = layer.desc.experts, prototypes = layer.desc.router->desc.out;
    for (int64_t t = begin; t < end; ++t) {
        float* row = c.logits + t * experts;
        const int64_t sample = (c.first + t) / layer.tokensPerSample();
        if (layer.desc.bypass && layer.desc.bypass->i32()[sample] != 0) {
            std::fill_n(row, experts, 0.0f);
        } else {
            const float length = std::max(lengthOf(layer.x + (c.first + t) * layer.width, layer.width), 1e-12f);
            for (int64_t e = 0; e < prototypes; ++e) row[e] /= length;
            std::fill(row + prototypes, row + experts, 0.0f);
        }
        std::copy_n(row, experts, c.scores + t * experts);
    }
}

const TokenPolicy& policyOf(const MsMoeLayerDesc& desc) {
    static constexpr TokenPolicy kSigmoid{sigmoidAffinities, gateWeights};
    static constexpr TokenPolicy kSoftmax{softmaxAffinities, plainGates};
    static constexpr TokenPolicy kPrototype{cosineAffinities, plainGates};
    static constexpr TokenPolicy kNormalised{softmaxAffinities, gateWeights};
    return desc.policy == MS_POLICY_TOKEN_CHOICE_SIGMOID              ? kSigmoid
           : desc.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX            ? kSoftmax
           : desc.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED ? kNormalised
                                                                      : kPrototype;
}

/// A token's pairs: topK, or the one of a sample that goes round the router.
void countPairs(const MoeOperands& layer, const TokenChoices& c, int64_t firstPair) {
    const MsTensor* bypass = layer.desc.bypass;
    int64_t pair = firstPair;
    for (int64_t t = 0; t < c.tokens; ++t) {
        c.start[t] = static_cast<int32_t>(pair);
        pair += bypass && bypass->i32()[(c.first + t) / layer.tokensPerSample()] != 0 ? 1 : layer.desc.topK;
    }
    c.start[c.tokens] = static_cast<int32_t>(pair);
}

}  // namespace

MsStatus routeTokens(const MoeOperands& layer, const TokenChoices& c, int64_t firstPair) {
    const MsMoeLayerDesc& desc = layer.desc;
    const TokenPolicy& policy = policyOf(desc);
    const int64_t experts = desc.experts, topK = desc.topK, choosable = desc.router->desc.out;
    const RouterRule rule{choosable, topK, desc.groups, desc.keptGroups, desc.scale};
    const float* bias = desc.selectionBias ? desc.selectionBias->f32() : nullptr;
    const int32_t* forced = desc.forcedExperts ? desc.forcedExperts->i32() + c.first * topK : nullptr;
    float* margins = layer.routing.margin ? layer.routing.margin->f32() + c.first : nullptr;
    float* memory = layer.context.scratch(MsContext::Ranking, layer.context.pool.threads() * experts * 3);
    countPairs(layer, c, firstPair);
    return layer.context.forRows(c.tokens, 32, [&](int64_t begin, int64_t end, int worker) {
        float* mine = memory + worker * experts * 3;
        const RouterScratch scratch{mine, reinterpret_cast<RankedValue*>(mine + experts)};
        policy.affinities(layer, c, begin, end);
        for (int64_t t = begin; t < end; ++t) {
            const float* scores = c.scores + t * experts;
            const int64_t pair = c.start[t] - firstPair;
            int32_t* chosen = c.expert + pair;
            float margin = std::numeric_limits<float>::infinity();
            if (desc.bypass && desc.bypass->i32()[(c.first + t) / layer.tokensPerSample()] != 0) {
                *chosen = static_cast<int32_t>(experts - 1);
                c.gate[pair] = 1.0f;
            } else {
                if (forced) {
                    std::copy(forced + t * topK, forced + (t + 1) * topK, chosen);
                    if (margins) margin = marginOf(rule, scores, bias, scratch, chosen);
                } else {
                    margin = chooseExperts(rule, scores, bias, scratch, chosen);
                }
                policy.gates(rule, scores, chosen, c.gate + pair);
            }
            if (margins) margins[t] = margin;
        }
    });
}

}  // namespace moescope::cpu
