// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/dispatch.cuh"
#include "engine/cuda/linear.h"
#include "engine/cuda/moe_checks.h"
#include "engine/cuda/pools.cuh"
#include "engine/cuda/router.cuh"
#include "engine/cuda/routing.h"

namespace moescope::cuda {
namespace {

constexpr size_t kRouterShared = 48 * 1024;
constexpr size_t kPlacesShared = 47 * 1024;  // beside what the kernel declares itself
constexpr int64_t kOneBlockLoads = 512;      // loads that are no work for more than a block

template <class T>
T* dataOf(MsTensor* tensor) {
    return tensor ? static_cast<T*>(tensor->start) : nullptr;
}

/// Memory for the lists of a call; rowPtr and gates stand in the record where they are wanted.
Pairs makePairs(MsContext& context, const MsMoeLayerDesc& desc, const MsRouting& routing, int64_t tokens,
                int32_t tileRows, int32_t** choices, float** choiceGates, int32_t** counts) {
    Pairs p{};
    p.tokens = tokens;
    p.experts = static_cast<int32_t>(desc.experts);
    p.most = mostPairs(desc, tokens);
    p.rowsPerTile = tileRows;
    p.chunks = std::max(1, static_cast<int32_t>((p.most + kChunkPairs - 1) / kChunkPairs));
    const int64_t chosen = choosesFromPools(desc.policy) ? 0 : tokens * desc.topK;
    const int64_t starts = paddedTo(tokens + 1, 4), table = paddedTo(desc.experts + 1, 4), most = paddedTo(p.most, 4);
    const int64_t places = desc.experts * p.chunks;
    auto* next = context.scratch<int32_t>(Slot::Lists, 2 * starts + 2 * table + 6 * most + 2 * chosen + places);
    const auto take = [&next](int64_t count) {
        int32_t* own = next;
        next += count;
        return own;
    };
    p.rowPtr = take(starts);
    *counts = take(starts);
    p.start = take(table);
    p.tileStart = take(table);
    p.expert = take(most);
    p.tokenOf = take(most);
    p.gate = reinterpret_cast<float*>(take(most));
    p.slot = take(most);
    p.sortedToken = take(most);
    p.sortedGate = reinterpret_cast<float*>(take(most));
    *choices = take(chosen);
    *choiceGates = reinterpret_cast<float*>(take(chosen));
    p.places = take(places);
    if (routing.rowPtr) p.rowPtr = routing.rowPtr->i32();
    if (routing.gate) p.gate = routing.gate->f32();
    return p;
}

/// The router's products [tokens, outputs of the router] in fp32.
void routerProducts(MsContext& context, const MsTensor* x, const MsLinear& router, float* out) {
    const Operand rows{MS_F32, x->f32(), x->lastDim()};
    denseLinear(context, rows, x->rows(), router, MS_ACT_NONE, MS_F32, out, router.desc.out);
}

void chooseByToken(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                   const Pairs& p, int32_t* choices, float* gates, int32_t* counts) {
    TokenChoice c{};
    c.policy = desc.policy;
    c.softmax =
        desc.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX || desc.policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED;
    c.divides = normalisesGates(desc.policy);
    c.tokens = p.tokens;
    c.experts = p.experts;
    c.ranked = static_cast<int32_t>(desc.router->desc.out);
    c.topK = static_cast<int32_t>(desc.topK);
    c.groups = static_cast<int32_t>(desc.groups);
    c.keptGroups = static_cast<int32_t>(desc.keptGroups);
    c.scale = desc.scale;
    float* products = context.scratch<float>(Slot::Logits, p.tokens * c.ranked);
    routerProducts(context, x, *desc.router, products);
    c.products = products;
    c.selectionBias = desc.selectionBias ? desc.selectionBias->f32() : nullptr;
    c.x = x->f32();
    c.width = x->lastDim();
    c.forced = desc.forcedExperts ? desc.forcedExperts->i32() : nullptr;
    c.bypass = desc.bypass ? desc.bypass->i32() : nullptr;
    c.tokensPerSample = p.tokens / desc.samples;
    c.logits = dataOf<float>(routing.logits);
    c.scores = dataOf<float>(routing.scores);
    c.margin = dataOf<float>(routing.margin);
    const bool uneven = c.bypass != nullptr;  // then the pairs are listed once it is known how many each token has
    c.chosen = uneven ? choices : p.expert;
    c.gates = uneven ? gates : p.gate;
    c.count = uneven ? counts : nullptr;
    c.rowPtr = p.rowPtr;
    c.tokenOf = p.tokenOf;
    c.record = dataOf<uint16_t>(routing.expert);
    const size_t own = RouterMemory::bytes(c.experts);
    const int warps = std::clamp(static_cast<int>(kRouterShared / own), 1, 4);
    context.launch(chooseExpertsKernel, dim3(blocksFor(p.tokens, warps)),
                   dim3(static_cast<unsigned>(warps * kWarpSize)), own * static_cast<size_t>(warps), c);
    if (!uneven) return;
    context.launch(rowStartsKernel, dim3(1), dim3(kDispatchThreads), 0, p, static_cast<const int32_t*>(c.count));
    context.launch(listPairsKernel, dim3(blocksFor(p.tokens * c.topK)), dim3(kThreads), 0, p,
                   static_cast<const int32_t*>(choices), static_cast<const float*>(gates), c.topK,
                   dataOf<uint16_t>(routing.expert));
}

void chooseByExpert(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                    const Pairs& p, int32_t* counts) {
    const int64_t tokens = p.tokens, cells = tokens * desc.experts, pools = desc.samples / desc.samplesPerPool;
    PoolChoice c{};
    c.tokens = tokens;
    c.poolTokens = tokens / pools;
    c.experts = p.experts;
    c.capacity = static_cast<int32_t>(desc.capacity);
    c.scale = desc.scale;
    c.logits = routing.logits ? routing.logits->f32() : context.scratch<float>(Slot::Logits, cells);
    c.scores = routing.scores ? routing.scores->f32() : context.scratch<float>(Slot::Scores, cells);
    c.margin = dataOf<float>(routing.margin);
    c.count = counts;
    const bool decides = desc.policy == MS_POLICY_POOL_THRESHOLD, predicts = decides || routing.capacityLogits;
    const int64_t hidden = predicts ? desc.predictorIn->desc.out : 0, flags = paddedTo(cells, 8);
    // Ranked values, predictions, the predictor's hidden layer, flags.
    auto* memory = static_cast<char*>(context.scratchBytes(
        Slot::Selection, static_cast<size_t>(cells) * (sizeof(RankedValue) + 4) +
                             static_cast<size_t>(tokens * hidden) * 4 + static_cast<size_t>(flags)));
    c.ranked = reinterpret_cast<RankedValue*>(memory);
    auto* predictions = reinterpret_cast<float*>(c.ranked + cells);
    float* hiddenRows = predictions + cells;
    c.taken = reinterpret_cast<uint8_t*>(hiddenRows + tokens * hidden);
    routerProducts(context, x, *desc.router, c.logits);
    if (predicts) {
        if (routing.capacityLogits) predictions = routing.capacityLogits->f32();
        const Operand in = operandOf(context, x, desc.predictorIn->type);
        denseLinear(context, in, tokens, *desc.predictorIn, MS_ACT_SILU, MS_F32, hiddenRows, hidden);
        const Operand out = operandOf(context, hiddenRows, tokens, hidden, desc.predictorOut->type, Slot::Rounded);
        denseLinear(context, out, tokens, *desc.predictorOut, MS_ACT_NONE, MS_F32, predictions, desc.experts);
        if (decides) c.predictions = predictions;
        c.thresholds = desc.thresholds->f32();
    }
    const dim3 perToken(blocksFor(tokens, kThreads / kWarpSize));
    context.launch(poolScoresKernel, perToken, dim3(kThreads), 0, c);
    context.launch(takeTokensKernel, dim3(static_cast<unsigned>(pools * desc.experts)), dim3(kPoolThreads), 0, c);
    context.launch(countTakenKernel, perToken, dim3(kThreads), 0, c);
    context.launch(rowStartsKernel, dim3(1), dim3(kDispatchThreads), 0, p, static_cast<const int32_t*>(counts));
    context.launch(listTakenPairsKernel, perToken, dim3(kThreads), 0, c, p, dataOf<uint16_t>(routing.expert));
}

/// Sorts the pairs by expert and records the loads.
void dispatchPairs(MsContext& context, const Pairs& p, const MsMoeLayerDesc& desc, const MsRouting& routing) {
    const size_t perExpert = static_cast<size_t>(p.experts) * sizeof(int32_t);
    const int64_t cells = routing.counts || routing.mass ? desc.samples * p.experts : 0;
    const SampleLoads loads{desc.samples, p.tokens / desc.samples, dataOf<int32_t>(routing.counts),
                            dataOf<float>(routing.mass)};
    const bool oneBlock = p.most <= context.oneBlockPairs, joined = oneBlock && cells <= kOneBlockLoads;
    if (oneBlock) {
        const auto sorters =
            static_cast<int32_t>(std::min<size_t>(kDispatchThreads / kWarpSize, kPlacesShared / perExpert));
        context.launch(dispatchInOneBlockKernel, dim3(1), dim3(kDispatchThreads),
                       perExpert * static_cast<size_t>(sorters), p, sorters,
                       joined && cells > 0 ? loads : SampleLoads{});
    } else {
        const dim3 chunks(static_cast<unsigned>(p.chunks));
        context.launch(countPairsKernel, chunks, dim3(kWarpSize), perExpert, p);
        context.launch(placePairsKernel, dim3(1), dim3(kDispatchThreads), 0, p);
        context.launch(sortPairsKernel, chunks, dim3(kWarpSize), perExpert, p);
    }
    if (!joined)
        context.launch(sampleLoadsKernel, dim3(blocksFor(cells, kThreads / kWarpSize)), dim3(kThreads), 0, p, loads);
}

}  // namespace

Pairs routeTokens(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                  int32_t tileRows) {
    int32_t *choices = nullptr, *counts = nullptr;
    float* choiceGates = nullptr;
    const Pairs p = makePairs(context, desc, routing, x->rows(), tileRows, &choices, &choiceGates, &counts);
    if (choosesFromPools(desc.policy))
        chooseByExpert(context, x, desc, routing, p, counts);
    else
        chooseByToken(context, x, desc, routing, p, choices, choiceGates, counts);
    dispatchPairs(context, p, desc, routing);
    return p;
}

}  // namespace moescope::cuda
