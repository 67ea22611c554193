// SPDX-License-Identifier: Apache-2.0
// The MoE layer: route, dispatch, two products per expert, combine.
#include <cstring>

#include "engine/cpu/gemm.h"
#include "engine/cpu/moe_checks.h"
#include "engine/cpu/moe_combine.h"
#include "engine/cpu/moe_dispatch.h"
#include "engine/cpu/ops.h"
#include "engine/cpu/pool_routing.h"
#include "engine/cpu/token_routing.h"

namespace moescope::cpu {
namespace {

// Working memory of a layer stays near this size: larger batches go through in chunks of tokens, which changes no bit.
constexpr int64_t kWorkingBytes = int64_t{32} << 20;
constexpr int64_t kLeastTokens = 128;  // of a chunk: below that the experts' weights would be fetched too often

/// Scratch of one chunk of tokens.
struct Chunk {
    int64_t first;
    const float* x;  // [tokens, D]
    float* out;      // [tokens, D]
    PairList list;
    Dispatch dispatch;
    float* hidden;        // [pairs, I]
    float* sharedHidden;  // [tokens, I']
    float* pairs;         // [pairs, D]
};

/// Floats of working memory for a pair, and for a token beside its pairs.
int64_t pairFloats(const MoeOperands& layer) {
    return layer.width + layer.expertWidth + 5;
}

int64_t tokenFloats(const MoeOperands& layer) {
    return 2 * layer.desc.experts + layer.sharedWidth + 1;
}

/// Memory for at most `pairs` pairs of `tokens` tokens.
Chunk makeChunk(const MoeOperands& layer, int64_t first, int64_t tokens, int64_t pairs) {
    MsContext& context = layer.context;
    Chunk c{};
    c.first = first;
    c.x = layer.x + first * layer.width;
    c.out = layer.out + first * layer.width;
    auto* lists = reinterpret_cast<int32_t*>(context.scratch(MsContext::Misc, 3 * pairs + layer.desc.experts + 1));
    c.dispatch = {layer.desc.experts, lists + 3 * pairs, lists, reinterpret_cast<float*>(lists + pairs),
                  lists + 2 * pairs};
    c.hidden = context.scratch(MsContext::Hidden, pairs * layer.expertWidth);
    c.sharedHidden = layer.sharedWidth ? context.scratch(MsContext::GatheredRows, tokens * layer.sharedWidth) : nullptr;
    c.pairs = context.scratch(MsContext::PairOutput, pairs * layer.width);
    return c;
}

/// Memory for the decisions about a chunk's tokens. The router writes straight into the record where one is wanted.
TokenChoices makeChoices(const MoeOperands& layer, int64_t first, int64_t tokens) {
    const int64_t experts = layer.desc.experts, pairs = tokens * layer.desc.topK;
    MsContext& context = layer.context;
    TokenChoices c{first, tokens, nullptr, nullptr, nullptr, nullptr, nullptr};
    c.logits = layer.routing.logits ? layer.routing.logits->f32() + first * experts
                                    : context.scratch(MsContext::Logits, tokens * experts);
    c.scores = layer.routing.scores ? layer.routing.scores->f32() + first * experts
                                    : context.scratch(MsContext::Selection, tokens * experts);
    c.gate = context.scratch(MsContext::TokenPairs, 2 * pairs + tokens + 1);
    c.expert = reinterpret_cast<int32_t*>(c.gate + pairs);
    c.start = c.expert + pairs;
    return c;
}

/// The first product of the shared expert, which needs nobody's decision, beside the logits where they are wanted.
MsStatus multiplyDense(const MoeOperands& layer, const Chunk& c, int64_t tokens, float* logits) {
    const GemmJob shared = denseJob(c.x, layer.width, tokens, c.sharedHidden, layer.sharedWidth);
    const GemmJob router = denseJob(c.x, layer.width, tokens, logits, layer.desc.experts);
    GemmCall calls[2];
    int64_t count = 0;
    if (logits) calls[count++] = {layer.desc.router, &router, 1, MS_ACT_NONE};
    if (layer.desc.sharedIn) calls[count++] = {layer.desc.sharedIn, &shared, 1, layer.desc.sharedActivation};
    return count ? gemm(layer.context, calls, count) : MS_OK;
}

/// First products of the experts: gathered tokens -> hidden.
MsStatus multiplyIn(const MoeOperands& layer, const Chunk& c, std::vector<GemmJob>& jobs) {
    jobs.clear();
    for (int64_t e = 0; e < layer.desc.experts; ++e) {
        const int64_t begin = c.dispatch.start[e], count = c.dispatch.start[e + 1] - begin;
        if (count == 0) continue;
        GemmJob job = denseJob(c.x, layer.width, count, c.hidden + begin * layer.expertWidth, layer.expertWidth);
        job.rows.gather = c.dispatch.token + begin;
        job.index = e;
        jobs.push_back(job);
    }
    return gemm(layer.context, *layer.desc.expertIn, jobs.data(), static_cast<int64_t>(jobs.size()),
                layer.desc.expertActivation);
}

/// Second products: hidden -> gated outputs of the pairs; the shared expert's output goes to where the sum will be.
MsStatus multiplyOut(const MoeOperands& layer, const Chunk& c, std::vector<GemmJob>& jobs) {
    jobs.clear();
    for (int64_t e = 0; e < layer.desc.experts; ++e) {
        const int64_t begin = c.dispatch.start[e], count = c.dispatch.start[e + 1] - begin;
        if (count == 0) continue;
        GemmJob job = denseJob(c.hidden + begin * layer.expertWidth, layer.expertWidth, count,
                               c.pairs + begin * layer.width, layer.width);
        job.rowScale = c.dispatch.gate + begin;
        job.index = e;
        jobs.push_back(job);
    }
    const GemmJob shared = denseJob(c.sharedHidden, layer.sharedWidth, c.list.tokens, c.out, layer.width);
    const GemmCall calls[] = {{layer.desc.expertOut, jobs.data(), static_cast<int64_t>(jobs.size()), MS_ACT_NONE},
                              {layer.desc.sharedOut, &shared, 1, MS_ACT_NONE}};
    return gemm(layer.context, calls, layer.desc.sharedOut ? 2 : 1);
}

MsStatus combine(const MoeOperands& layer, const Chunk& c) {
    const MsRouting& routing = layer.routing;
    Combine all;
    all.pairs = c.pairs;
    all.start = c.list.start;
    all.place = c.dispatch.place;
    all.width = layer.width;
    all.added = layer.desc.sharedOut ? c.out : layer.desc.addNothing ? nullptr : c.x;
    all.input = c.x;
    all.out = c.out;
    all.inputNorm = routing.inputNorm ? routing.inputNorm->f32() + c.first : nullptr;
    all.routedNorm = routing.routedNorm ? routing.routedNorm->f32() + c.first : nullptr;
    all.addedNorm = routing.sharedNorm ? routing.sharedNorm->f32() + c.first : nullptr;
    const int64_t perToken = c.list.pairs() / std::max<int64_t>(1, c.list.tokens);
    const int64_t rowsPerTask = std::max<int64_t>(1, 65536 / (layer.width * (perToken + 2)));
    return layer.context.forRows(c.list.tokens, rowsPerTask,
                                 [&](int64_t begin, int64_t end, int) { combineTokens(all, begin, end); });
}

/// What follows once the pairs of a chunk are known.
MsStatus runExperts(const MoeOperands& layer, const Chunk& chunk) {
    thread_local std::vector<GemmJob> jobs;  // keeps its memory from call to call
    sortByExpert(chunk.list, chunk.dispatch);
    recordRouting(chunk.list, chunk.first, layer.tokensPerSample(), layer.desc.experts, layer.routing);
    MsStatus status = multiplyIn(layer, chunk, jobs);
    if (status == MS_OK) status = multiplyOut(layer, chunk, jobs);
    if (status == MS_OK) status = combine(layer, chunk);
    return status;
}

/// Tokens that decide for themselves: chunk by chunk.
MsStatus runTokenwise(const MoeOperands& layer) {
    const int64_t topK = layer.desc.topK;
    const int64_t perToken = (topK * pairFloats(layer) + tokenFloats(layer)) * 4;
    const int64_t step = std::min(layer.tokens, std::max(kLeastTokens, kWorkingBytes / perToken));
    int64_t pairs = 0;
    for (int64_t first = 0; first < layer.tokens; first += step) {
        const int64_t tokens = std::min(step, layer.tokens - first);
        const TokenChoices choices = makeChoices(layer, first, tokens);
        Chunk chunk = makeChunk(layer, first, tokens, tokens * topK);
        MsStatus status = multiplyDense(layer, chunk, tokens, choices.logits);
        if (status == MS_OK) status = routeTokens(layer, choices, pairs);
        chunk.list = {tokens, choices.start, choices.expert, choices.gate};
        if (status == MS_OK) status = runExperts(layer, chunk);
        if (status != MS_OK) return status;
        pairs += chunk.list.pairs();
    }
    return MS_OK;
}

/// Experts that choose among the tokens of a pool: all pairs first, then chunk by chunk.
MsStatus runPools(const MoeOperands& layer) {
    PairList all;
    MsStatus status = routePools(layer, all);
    for (int64_t first = 0; status == MS_OK && first < layer.tokens;) {
        int64_t end = first;
        for (int64_t bytes = 0; end < layer.tokens && (bytes < kWorkingBytes || end < first + kLeastTokens); ++end)
            bytes += ((all.start[end + 1] - all.start[end]) * pairFloats(layer) + tokenFloats(layer)) * 4;
        const PairList list = all.part(first, end - first);
        Chunk chunk = makeChunk(layer, first, list.tokens, list.pairs());
        chunk.list = list;
        status = multiplyDense(layer, chunk, list.tokens, nullptr);
        if (status == MS_OK) status = runExperts(layer, chunk);
        first = end;
    }
    return status;
}

}  // namespace

MsStatus moeLayer(MsContext* context, const MsTensor* x, const MsMoeLayerDesc* desc, const MsRouting* routing,
                  MsTensor* out) {
    const MsRouting none{};
    const MsRouting& r = routing ? *routing : none;
    const MsStatus checked = checkMoeLayer(context, x, *desc, r, out);
    if (checked != MS_OK) return checked;
    const MoeOperands layer{*context,
                            *desc,
                            r,
                            x->f32(),
                            out->f32(),
                            x->rows(),
                            x->lastDim(),
                            desc->expertIn->desc.out,
                            desc->sharedIn ? desc->sharedIn->desc.out : 0};
    return withScratch(*context, [&] {
        if (r.counts) std::memset(r.counts->data(), 0, static_cast<size_t>(desc->samples * desc->experts) * 4);
        if (r.mass) std::memset(r.mass->data(), 0, static_cast<size_t>(desc->samples * desc->experts) * 4);
        if (r.rowPtr && layer.tokens == 0) r.rowPtr->i32()[0] = 0;
        return choosesFromPools(desc->policy) ? runPools(layer) : runTokenwise(layer);
    });
}

}  // namespace moescope::cpu
