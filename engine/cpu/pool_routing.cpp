// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/pool_routing.h"

#include <algorithm>
#include <limits>

#include "engine/cpu/router.h"

namespace moescope::cpu {
namespace {

constexpr int64_t kPredictorTokens = 2048;  // whose hidden layer is held at a time

/// Tokens and experts of a call, and the memory that its decisions need.
struct Pools {
    const MoeOperands& layer;
    int64_t experts, poolTokens, count;
    float* logits;    // [T, E]
    float* scores;    // [T, E]
    int32_t* wanted;  // [pools, E] tokens that an expert takes of a pool
    uint8_t* taken;   // [E, T] 1 where an expert takes a token: a row is written by one thread at a time
    int32_t* start;   // [T + 1]
};

Pools makePools(const MoeOperands& layer) {
    MsContext& context = layer.context;
    const MsMoeLayerDesc& desc = layer.desc;
    const int64_t cells = layer.tokens * desc.experts, pools = desc.samples / desc.samplesPerPool;
    Pools p{layer,   desc.experts, layer.tokensPerSample() * desc.samplesPerPool, pools, nullptr, nullptr, nullptr,
            nullptr, nullptr};
    p.logits = layer.routing.logits ? layer.routing.logits->f32() : context.scratch(MsContext::Logits, cells);
    p.scores = layer.routing.scores ? layer.routing.scores->f32() : context.scratch(MsContext::Selection, cells);
    auto* memory = reinterpret_cast<int32_t*>(
        context.scratch(MsContext::PoolMarks, layer.tokens + 1 + pools * desc.experts + (cells + 3) / 4));
    p.start = memory;
    p.wanted = memory + layer.tokens + 1;
    p.taken = reinterpret_cast<uint8_t*>(p.wanted + pools * desc.experts);
    return p;
}

MsStatus scoreTokens(const Pools& p) {
    const MoeOperands& layer = p.layer;
    const GemmJob job = denseJob(layer.x, layer.width, layer.tokens, p.logits, p.experts);
    const MsStatus status = gemm(layer.context, *layer.desc.router, &job, 1, MS_ACT_NONE);
    if (status != MS_OK) return status;
    return layer.context.forRows(layer.tokens, 256, [&](int64_t begin, int64_t end, int) {
        softmaxRows(p.logits + begin * p.experts, end - begin, p.experts, p.scores + begin * p.experts);
    });
}

/// How many tokens of each pool the predictor gives to each expert: those with sigmoid(prediction) > threshold.
MsStatus predictCapacities(const Pools& p) {
    const MoeOperands& layer = p.layer;
    const MsMoeLayerDesc& desc = layer.desc;
    MsContext& context = layer.context;
    float* record = layer.routing.capacityLogits ? layer.routing.capacityLogits->f32() : nullptr;
    const int64_t hiddenWidth = desc.predictorIn->desc.out, step = std::min(layer.tokens, kPredictorTokens);
    float* memory = context.scratch(MsContext::Hidden, step * (hiddenWidth + 2 * p.experts));
    float* chances = memory + step * hiddenWidth;
    const float* thresholds = desc.thresholds->f32();
    std::fill_n(p.wanted, p.count * p.experts, 0);
    for (int64_t first = 0; first < layer.tokens; first += step) {
        const int64_t tokens = std::min(step, layer.tokens - first);
        float* predicted = record ? record + first * p.experts : chances + step * p.experts;
        const GemmJob in = denseJob(layer.x + first * layer.width, layer.width, tokens, memory, hiddenWidth);
        MsStatus status = gemm(context, *desc.predictorIn, &in, 1, MS_ACT_SILU);
        const GemmJob out = denseJob(memory, hiddenWidth, tokens, predicted, p.experts);
        if (status == MS_OK) status = gemm(context, *desc.predictorOut, &out, 1, MS_ACT_NONE);
        if (status != MS_OK) return status;
        affinities(predicted, tokens * p.experts, chances);
        for (int64_t t = 0; t < tokens; ++t) {
            int32_t* wanted = p.wanted + (first + t) / p.poolTokens * p.experts;
            for (int64_t e = 0; e < p.experts; ++e) wanted[e] += chances[t * p.experts + e] > thresholds[e] ? 1 : 0;
        }
    }
    return MS_OK;
}

/// Every expert takes its best tokens of every pool. Equal scores are decided as in router.h.
MsStatus takeTokens(const Pools& p) {
    const MoeOperands& layer = p.layer;
    MsContext& context = layer.context;
    float* memory = context.scratch(MsContext::Ranking, context.pool.threads() * p.poolTokens * 4);
    float* margins = layer.routing.margin ? layer.routing.margin->f32() : nullptr;
    return context.forEachTask(p.count * p.experts, [&](int64_t task, int worker) {
        const int64_t first = task / p.experts * p.poolTokens, expert = task % p.experts, wanted = p.wanted[task];
        uint8_t* taken = p.taken + expert * layer.tokens + first;
        std::fill_n(taken, p.poolTokens, uint8_t{0});
        float margin = std::numeric_limits<float>::infinity();
        if (wanted > 0) {
            float* column = memory + worker * p.poolTokens * 4;
            auto* ranked = reinterpret_cast<RankedValue*>(column + p.poolTokens);
            auto* chosen = reinterpret_cast<int32_t*>(column + 3 * p.poolTokens);
            for (int64_t t = 0; t < p.poolTokens; ++t) column[t] = p.scores[(first + t) * p.experts + expert];
            margin = chooseLargest(column, p.poolTokens, wanted, ranked, chosen);
            for (int64_t i = 0; i < wanted; ++i) taken[chosen[i]] = 1;
        }
        if (margins) margins[task] = margin;
    });
}

/// The taken tokens as a list, token by token.
PairList listPairs(const Pools& p) {
    const int64_t tokens = p.layer.tokens;
    std::fill_n(p.start, tokens + 1, 0);
    for (int64_t e = 0; e < p.experts; ++e)
        for (int64_t t = 0; t < tokens; ++t) p.start[t + 1] += p.taken[e * tokens + t];
    for (int64_t t = 0; t < tokens; ++t) p.start[t + 1] += p.start[t];
    const int64_t pairs = p.start[tokens];
    float* gate = p.layer.context.scratch(MsContext::PoolPairs, 2 * pairs);
    auto* expert = reinterpret_cast<int32_t*>(gate + pairs);
    for (int64_t e = 0; e < p.experts; ++e)
        for (int64_t t = 0; t < tokens; ++t) {
            if (!p.taken[e * tokens + t]) continue;
            const int32_t pair = p.start[t]++;
            expert[pair] = static_cast<int32_t>(e);
            gate[pair] = p.scores[t * p.experts + e] * p.layer.desc.scale;
        }
    // Every start now stands where the next token begins.
    std::copy_backward(p.start, p.start + tokens, p.start + tokens + 1);
    p.start[0] = 0;
    return {tokens, p.start, expert, gate};
}

}  // namespace

MsStatus routePools(const MoeOperands& layer, PairList& pairs) {
    const Pools p = makePools(layer);
    MsStatus status = scoreTokens(p);
    const bool predicted = layer.desc.policy == MS_POLICY_POOL_THRESHOLD;
    if (status == MS_OK && (predicted || layer.routing.capacityLogits)) status = predictCapacities(p);
    if (!predicted) std::fill_n(p.wanted, p.count * p.experts, static_cast<int32_t>(layer.desc.capacity));
    if (status == MS_OK) status = takeTokens(p);
    if (status == MS_OK) pairs = listPairs(p);
    return status;
}

}  // namespace moescope::cpu
