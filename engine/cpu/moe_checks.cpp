// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/moe_checks.h"

#include "engine/cpu/gemm.h"

namespace moescope::cpu {
namespace {

MsStatus checkWeights(MsContext* context, const char* name, const MsLinear* weights, int64_t count, int64_t in,
                      int64_t out, MsLinearLayout layout) {
    const MsLinearDesc& d = weights->desc;
    MS_REQUIRE(context, d.count == count && d.in == in && d.out == out && d.layout == layout,
               "[moe_layer] {}: {} matrices {} -> {} where {} matrices {} -> {} of the {} layout are needed", name,
               d.count, d.in, d.out, count, in, out, layout == MS_LINEAR_GATED ? "gated" : "plain");
    return MS_OK;
}

MsStatus checkRecord(MsContext* context, const char* name, const MsTensor* tensor, MsDType dtype, int64_t elements) {
    if (!tensor) return MS_OK;
    MS_REQUIRE(context, tensor->dtype == dtype && tensor->elements() >= elements,
               "[moe_layer] {} holds {} values of type {} where {} of type {} are needed", name, tensor->elements(),
               static_cast<int>(tensor->dtype), elements, static_cast<int>(dtype));
    return MS_OK;
}

MsStatus checkRouting(MsContext* context, const MsMoeLayerDesc& desc, const MsRouting& r, int64_t tokens) {
    const int64_t pairs = tokens * desc.topK, cells = desc.samples * desc.experts;
    MS_REQUIRE(context, !r.expert || desc.experts <= 65536,
               "[moe_layer] {} experts do not fit a record of 16-bit numbers", desc.experts);
    const struct {
        const char* name;
        const MsTensor* tensor;
        MsDType dtype;
        int64_t elements;
    } records[] = {{"rowPtr", r.rowPtr, MS_I32, tokens + 1},
                   {"expert", r.expert, MS_U16, pairs},
                   {"gate", r.gate, MS_F32, pairs},
                   {"counts", r.counts, MS_I32, cells},
                   {"mass", r.mass, MS_F32, cells},
                   {"logits", r.logits, MS_F32, tokens * desc.experts},
                   {"scores", r.scores, MS_F32, tokens * desc.experts},
                   {"margin", r.margin, MS_F32, tokens},
                   {"inputNorm", r.inputNorm, MS_F32, tokens},
                   {"routedNorm", r.routedNorm, MS_F32, tokens},
                   {"sharedNorm", r.sharedNorm, MS_F32, tokens}};
    for (const auto& record : records) {
        const MsStatus status = checkRecord(context, record.name, record.tensor, record.dtype, record.elements);
        if (status != MS_OK) return status;
    }
    return MS_OK;
}

MsStatus checkForced(MsContext* context, const MsMoeLayerDesc& desc, int64_t tokens) {
    const MsTensor* forced = desc.forcedExperts;
    MS_REQUIRE(context, forced->dtype == MS_I32 && forced->elements() == tokens * desc.topK,
               "[moe_layer] {} forced choices where {} are needed", forced->elements(), tokens * desc.topK);
    for (int64_t p = 0; p < tokens * desc.topK; ++p) {
        const int32_t expert = forced->i32()[p];
        MS_REQUIRE(context, expert >= 0 && expert < desc.experts, "[moe_layer] expert {} is forced, there are {}",
                   expert, desc.experts);
        MS_REQUIRE(context, p % desc.topK == 0 || expert > forced->i32()[p - 1],
                   "[moe_layer] the forced experts of a token must ascend, {} follows {}", expert,
                   forced->i32()[p - 1]);
    }
    return MS_OK;
}

}  // namespace

MsStatus checkMoeLayer(MsContext* context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                       const MsTensor* out) {
    const int64_t tokens = x->rows(), width = x->lastDim();
    MS_REQUIRE(context, desc.policy == MS_POLICY_TOKEN_CHOICE_SIGMOID, "[moe_layer] unknown policy {}",
               static_cast<int>(desc.policy));
    MS_REQUIRE(context, x->dtype == MS_F32 && out->dtype == MS_F32, "[moe_layer] activations must be F32");
    MS_REQUIRE(context, out->rows() == tokens && out->lastDim() == width,
               "[moe_layer] output [{}, {}] where [{}, {}] is needed", out->rows(), out->lastDim(), tokens, width);
    MS_REQUIRE(context, desc.experts > 0 && desc.topK > 0 && desc.topK <= desc.experts,
               "[moe_layer] {} of {} experts per token", desc.topK, desc.experts);
    MS_REQUIRE(
        context,
        desc.groups > 0 && desc.experts % desc.groups == 0 && desc.keptGroups > 0 && desc.keptGroups <= desc.groups,
        "[moe_layer] {} of {} groups over {} experts", desc.keptGroups, desc.groups, desc.experts);
    MS_REQUIRE(context, desc.samples > 0 && tokens % desc.samples == 0, "[moe_layer] {} tokens in {} samples", tokens,
               desc.samples);
    // Pairs of a call are numbered with 32 bits.
    MS_REQUIRE(context, tokens <= INT32_MAX / desc.topK, "[moe_layer] {} tokens with {} experts each", tokens,
               desc.topK);
    MS_REQUIRE(context, desc.router && desc.expertIn && desc.expertOut && !desc.sharedIn == !desc.sharedOut,
               "[moe_layer] weights are missing");
    const int64_t expertWidth = desc.expertIn->desc.out;
    MsStatus status = checkWeights(context, "router", desc.router, 1, width, desc.experts, MS_LINEAR_PLAIN);
    if (status == MS_OK)
        status = checkWeights(context, "expertIn", desc.expertIn, desc.experts, width, expertWidth, MS_LINEAR_GATED);
    if (status == MS_OK)
        status = checkWeights(context, "expertOut", desc.expertOut, desc.experts, expertWidth, width, MS_LINEAR_PLAIN);
    if (status == MS_OK && desc.sharedIn) {
        const int64_t sharedWidth = desc.sharedIn->desc.out;
        status = checkWeights(context, "sharedIn", desc.sharedIn, 1, width, sharedWidth, MS_LINEAR_GATED);
        if (status == MS_OK)
            status = checkWeights(context, "sharedOut", desc.sharedOut, 1, sharedWidth, width, MS_LINEAR_PLAIN);
    }
    if (status != MS_OK) return status;
    MS_REQUIRE(
        context,
        !desc.selectionBias || (desc.selectionBias->dtype == MS_F32 && desc.selectionBias->elements() == desc.experts),
        "[moe_layer] {} selection biases for {} experts", desc.selectionBias->elements(), desc.experts);
    status = checkRouting(context, desc, routing, tokens);
    return status == MS_OK && desc.forcedExperts ? checkForced(context, desc, tokens) : status;
}

}  // namespace moescope::cpu
