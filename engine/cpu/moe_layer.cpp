// SPDX-License-Identifier: Apache-2.0
// The MoE layer: route, dispatch, two products per expert, combine.
#include <cstring>

#include "engine/cpu/gemm.h"
#include "engine/cpu/moe_checks.h"
#include "engine/cpu/moe_combine.h"
#include "engine/cpu/moe_dispatch.h"
#include "engine/cpu/ops.h"
#include "engine/cpu/router.h"

namespace moescope::cpu {
namespace {

// Working memory of a layer stays near this size: larger batches go through in chunks of tokens, which changes no bit.
constexpr int64_t kWorkingBytes = int64_t{32} << 20;
constexpr int64_t kLeastTokens = 128;  // of a chunk: below that the experts' weights would be fetched too often

/// The call's operands, checked.
struct Layer {
    MsContext& context;
    const MsMoeLayerDesc& desc;
    const MsRouting& routing;
    const float* x;
    float* out;
    int64_t tokens, width, expertWidth, sharedWidth;
    const float* bias;
    RouterRule rule;
};

/// Scratch of one chunk of tokens.
struct Chunk {
    int64_t first, tokens;
    const float* x;   // [tokens, D]
    float* out;       // [tokens, D]
    float* logits;    // [tokens, E]
    float* scores;    // [tokens, E]
    int32_t* chosen;  // [tokens, topK]
    float* gates;     // [tokens, topK]
    Dispatch dispatch;
    float* hidden;        // [pairs, I]
    float* sharedHidden;  // [tokens, I']
    float* pairs;         // [pairs, D]
};

int64_t chunkTokens(const Layer& layer) {
    const int64_t pairFloats = layer.width + layer.expertWidth + 4;
    const int64_t perToken = (layer.rule.topK * pairFloats + 2 * layer.rule.experts + layer.sharedWidth) * 4;
    return std::min(layer.tokens, std::max(kLeastTokens, kWorkingBytes / perToken));
}

Chunk makeChunk(const Layer& layer, int64_t first, int64_t tokens) {
    const int64_t experts = layer.rule.experts, pairs = tokens * layer.rule.topK;
    MsContext& context = layer.context;
    Chunk c{};
    c.first = first;
    c.tokens = tokens;
    c.x = layer.x + first * layer.width;
    c.out = layer.out + first * layer.width;
    // The router writes straight into the record where one is wanted.
    c.logits = layer.routing.logits ? layer.routing.logits->f32() + first * experts
                                    : context.scratch(MsContext::Logits, tokens * experts);
    c.scores = layer.routing.scores ? layer.routing.scores->f32() + first * experts
                                    : context.scratch(MsContext::Selection, tokens * experts);
    float* lists = context.scratch(MsContext::Misc, 5 * pairs + experts + 1);
    c.gates = lists;
    c.dispatch.gate = lists + pairs;
    auto* indices = reinterpret_cast<int32_t*>(lists + 2 * pairs);
    c.chosen = indices;
    c.dispatch.token = indices + pairs;
    c.dispatch.place = indices + 2 * pairs;
    c.dispatch.start = indices + 3 * pairs;
    c.dispatch.tokens = tokens;
    c.dispatch.topK = layer.rule.topK;
    c.dispatch.experts = experts;
    c.dispatch.chosen = c.chosen;
    c.dispatch.gates = c.gates;
    c.hidden = context.scratch(MsContext::Hidden, pairs * layer.expertWidth);
    c.sharedHidden = layer.sharedWidth ? context.scratch(MsContext::GatheredRows, tokens * layer.sharedWidth) : nullptr;
    c.pairs = context.scratch(MsContext::PairOutput, pairs * layer.width);
    return c;
}

GemmJob denseJob(const float* rows, int64_t columns, int64_t rowCount, float* out, int64_t outColumns) {
    GemmJob job;
    job.rows = {rows, columns, nullptr};
    job.rowCount = rowCount;
    job.out = out;
    job.outStride = outColumns;
    return job;
}

/// Logits of all tokens, and the first product of the shared expert, which needs nobody's decision.
MsStatus multiplyDense(const Layer& layer, const Chunk& c) {
    const GemmJob jobs[] = {denseJob(c.x, layer.width, c.tokens, c.logits, layer.rule.experts),
                            denseJob(c.x, layer.width, c.tokens, c.sharedHidden, layer.sharedWidth)};
    const GemmCall calls[] = {{layer.desc.router, jobs, 1, MS_ACT_NONE},
                              {layer.desc.sharedIn, jobs + 1, 1, MS_ACT_NONE}};
    return gemm(layer.context, calls, layer.desc.sharedIn ? 2 : 1);
}

MsStatus route(const Layer& layer, const Chunk& c) {
    const RouterRule& rule = layer.rule;
    const int64_t experts = rule.experts, topK = rule.topK;
    const int64_t workers = layer.context.pool.threads();
    float* memory = layer.context.scratch(MsContext::Ranking, workers * experts * 3);
    const int32_t* forced = layer.desc.forcedExperts ? layer.desc.forcedExperts->i32() + c.first * topK : nullptr;
    float* margins = layer.routing.margin ? layer.routing.margin->f32() + c.first : nullptr;
    return layer.context.forRows(c.tokens, 32, [&](int64_t begin, int64_t end, int worker) {
        float* mine = memory + worker * experts * 3;
        const RouterScratch scratch{mine, reinterpret_cast<RankedValue*>(mine + experts)};
        affinities(c.logits + begin * experts, (end - begin) * experts, c.scores + begin * experts);
        for (int64_t t = begin; t < end; ++t) {
            const float* scores = c.scores + t * experts;
            int32_t* chosen = c.chosen + t * topK;
            if (forced) {
                std::copy(forced + t * topK, forced + (t + 1) * topK, chosen);
                if (margins) margins[t] = marginOf(rule, scores, layer.bias, scratch, chosen);
            } else {
                const float margin = chooseExperts(rule, scores, layer.bias, scratch, chosen);
                if (margins) margins[t] = margin;
            }
            gateWeights(rule, scores, chosen, c.gates + t * topK);
        }
    });
}

/// First products of the experts: gathered tokens -> hidden.
MsStatus multiplyIn(const Layer& layer, const Chunk& c, std::vector<GemmJob>& jobs) {
    jobs.clear();
    for (int64_t e = 0; e < layer.rule.experts; ++e) {
        const int64_t begin = c.dispatch.start[e], count = c.dispatch.start[e + 1] - begin;
        if (count == 0) continue;
        GemmJob job = denseJob(c.x, layer.width, count, c.hidden + begin * layer.expertWidth, layer.expertWidth);
        job.rows.gather = c.dispatch.token + begin;
        job.index = e;
        jobs.push_back(job);
    }
    return gemm(layer.context, *layer.desc.expertIn, jobs.data(), static_cast<int64_t>(jobs.size()), MS_ACT_NONE);
}

/// Second products: hidden -> gated outputs of the pairs; the shared expert's output goes to where the sum will be.
MsStatus multiplyOut(const Layer& layer, const Chunk& c, std::vector<GemmJob>& jobs) {
    jobs.clear();
    for (int64_t e = 0; e < layer.rule.experts; ++e) {
        const int64_t begin = c.dispatch.start[e], count = c.dispatch.start[e + 1] - begin;
        if (count == 0) continue;
        GemmJob job = denseJob(c.hidden + begin * layer.expertWidth, layer.expertWidth, count,
                               c.pairs + begin * layer.width, layer.width);
        job.rowScale = c.dispatch.gate + begin;
        job.index = e;
        jobs.push_back(job);
    }
    const GemmJob shared = denseJob(c.sharedHidden, layer.sharedWidth, c.tokens, c.out, layer.width);
    const GemmCall calls[] = {{layer.desc.expertOut, jobs.data(), static_cast<int64_t>(jobs.size()), MS_ACT_NONE},
                              {layer.desc.sharedOut, &shared, 1, MS_ACT_NONE}};
    return gemm(layer.context, calls, layer.desc.sharedOut ? 2 : 1);
}

MsStatus combine(const Layer& layer, const Chunk& c) {
    const MsRouting& routing = layer.routing;
    Combine all;
    all.pairs = c.pairs;
    all.place = c.dispatch.place;
    all.topK = layer.rule.topK;
    all.width = layer.width;
    all.added = layer.desc.sharedOut ? c.out : c.x;
    all.input = c.x;
    all.out = c.out;
    all.inputNorm = routing.inputNorm ? routing.inputNorm->f32() + c.first : nullptr;
    all.routedNorm = routing.routedNorm ? routing.routedNorm->f32() + c.first : nullptr;
    all.addedNorm = routing.sharedNorm ? routing.sharedNorm->f32() + c.first : nullptr;
    const int64_t rowsPerTask = std::max<int64_t>(1, 65536 / (layer.width * (layer.rule.topK + 2)));
    return layer.context.forRows(c.tokens, rowsPerTask,
                                 [&](int64_t begin, int64_t end, int) { combineTokens(all, begin, end); });
}

MsStatus runChunk(const Layer& layer, int64_t first, int64_t tokens) {
    thread_local std::vector<GemmJob> jobs;  // keeps its memory from call to call
    const Chunk chunk = makeChunk(layer, first, tokens);
    MsStatus status = multiplyDense(layer, chunk);
    if (status == MS_OK) status = route(layer, chunk);
    if (status != MS_OK) return status;
    sortByExpert(chunk.dispatch);
    recordRouting(chunk.dispatch, first, layer.tokens / layer.desc.samples, layer.routing);
    status = multiplyIn(layer, chunk, jobs);
    if (status == MS_OK) status = multiplyOut(layer, chunk, jobs);
    if (status == MS_OK) status = combine(layer, chunk);
    return status;
}

}  // namespace

MsStatus moeLayer(MsContext* context, const MsTensor* x, const MsMoeLayerDesc* desc, const MsRouting* routing,
                  MsTensor* out) {
    const MsRouting none{};
    Layer layer{*context, *desc, routing ? *routing : none, x->f32(), out->f32(), x->rows(), x->lastDim(), 0, 0,
                nullptr,  {}};
    const MsStatus checked = checkMoeLayer(context, x, *desc, layer.routing, out);
    if (checked != MS_OK) return checked;
    layer.expertWidth = desc->expertIn->desc.out;
    layer.sharedWidth = desc->sharedIn ? desc->sharedIn->desc.out : 0;
    layer.bias = desc->selectionBias ? desc->selectionBias->f32() : nullptr;
    layer.rule = {desc->experts, desc->topK, desc->groups, desc->keptGroups, desc->scale};
    return withScratch(*context, [&] {
        const MsRouting& r = layer.routing;
        if (r.counts) std::memset(r.counts->memory.data(), 0, static_cast<size_t>(desc->samples * desc->experts) * 4);
        if (r.mass) std::memset(r.mass->memory.data(), 0, static_cast<size_t>(desc->samples * desc->experts) * 4);
        if (r.rowPtr && layer.tokens == 0) r.rowPtr->i32()[0] = 0;
        const int64_t step = chunkTokens(layer);
        for (int64_t first = 0; first < layer.tokens; first += step) {
            const MsStatus status = runChunk(layer, first, std::min(step, layer.tokens - first));
            if (status != MS_OK) return status;
        }
        return MS_OK;
    });
}

}  // namespace moescope::cpu
