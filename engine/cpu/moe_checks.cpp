// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/moe_checks.h"

#include "engine/cpu/gemm.h"
#include "engine/cpu/pool_routing.h"

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

/// Pairs that a call can have at most.
int64_t mostPairs(const MsMoeLayerDesc& desc, int64_t tokens) {
    if (desc.policy == MS_POLICY_EXPERT_CHOICE)
        return desc.samples / desc.samplesPerPool * desc.experts * desc.capacity;
    return tokens * (desc.policy == MS_POLICY_POOL_THRESHOLD ? desc.experts : desc.topK);
}

MsStatus checkRouting(MsContext* context, const MsMoeLayerDesc& desc, const MsRouting& r, int64_t tokens) {
    const int64_t cells = desc.samples * desc.experts, pairs = mostPairs(desc, tokens);
    const bool pools = choosesFromPools(desc.policy);
    const int64_t margins = pools ? desc.samples / desc.samplesPerPool * desc.experts : tokens;
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
                   {"margin", r.margin, MS_F32, margins},
                   {"inputNorm", r.inputNorm, MS_F32, tokens},
                   {"routedNorm", r.routedNorm, MS_F32, tokens},
                   {"sharedNorm", r.sharedNorm, MS_F32, tokens},
                   {"capacityLogits", r.capacityLogits, MS_F32, tokens * desc.experts}};
    MS_REQUIRE(context, !r.capacityLogits || (choosesFromPools(desc.policy) && desc.predictorIn),
               "[moe_layer] predicted capacities are wanted of a policy that has none");
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

/// Weights of a feed-forward layer D -> I -> D: gated, or plain with an activation.
MsStatus checkMlp(MsContext* context, const char* inName, const char* outName, const MsLinear* in, const MsLinear* out,
                  int64_t count, int64_t width, MsActivation activation) {
    const int64_t hidden = in->desc.out;
    MS_REQUIRE(context, in->desc.layout == MS_LINEAR_PLAIN || activation == MS_ACT_NONE,
               "[moe_layer] {}: gated weights bring their own activation", inName);
    const MsStatus status = checkWeights(context, inName, in, count, width, hidden, in->desc.layout);
    return status == MS_OK ? checkWeights(context, outName, out, count, hidden, width, MS_LINEAR_PLAIN) : status;
}

/// Policies that choose by affinity + bias, within groups, and divide a token's gates by their sum.
bool normalisesGates(MsPolicy policy) {
    return policy == MS_POLICY_TOKEN_CHOICE_SIGMOID || policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED;
}

MsStatus checkTokenPolicy(MsContext* context, const MsMoeLayerDesc& desc, int64_t tokens) {
    const bool selects = normalisesGates(desc.policy), prototype = desc.policy == MS_POLICY_PROTOTYPE;
    MS_REQUIRE(context, desc.topK > 0 && desc.topK <= desc.router->desc.out, "[moe_layer] {} of {} experts per token",
               desc.topK, desc.router->desc.out);
    MS_REQUIRE(
        context,
        desc.groups > 0 && desc.experts % desc.groups == 0 && desc.keptGroups > 0 && desc.keptGroups <= desc.groups,
        "[moe_layer] {} of {} groups over {} experts", desc.keptGroups, desc.groups, desc.experts);
    MS_REQUIRE(context, selects || (desc.keptGroups == desc.groups && !desc.selectionBias),
               "[moe_layer] groups and selection biases belong to policies that normalise their gates");
    MS_REQUIRE(
        context,
        !desc.selectionBias || (desc.selectionBias->dtype == MS_F32 && desc.selectionBias->elements() == desc.experts),
        "[moe_layer] {} selection biases for {} experts", desc.selectionBias->elements(), desc.experts);
    MS_REQUIRE(context, !desc.forcedExperts || !prototype, "[moe_layer] choices are forced on token choice only");
    MS_REQUIRE(context,
               !desc.bypass || (prototype && desc.bypass->dtype == MS_I32 && desc.bypass->elements() == desc.samples &&
                                desc.router->desc.out == desc.experts - 1),
               "[moe_layer] samples bypass the router only to an expert without a prototype, one value per sample");
    return desc.forcedExperts ? checkForced(context, desc, tokens) : MS_OK;
}

MsStatus checkPoolPolicy(MsContext* context, const MsMoeLayerDesc& desc, int64_t tokens, int64_t width) {
    MS_REQUIRE(context, desc.samplesPerPool > 0 && desc.samples % desc.samplesPerPool == 0,
               "[moe_layer] {} samples in pools of {}", desc.samples, desc.samplesPerPool);
    MS_REQUIRE(context, !desc.forcedExperts && !desc.bypass && !desc.selectionBias,
               "[moe_layer] forced choices, bypass and selection biases belong to token choice");
    const int64_t poolTokens = tokens / desc.samples * desc.samplesPerPool;
    if (desc.policy == MS_POLICY_EXPERT_CHOICE) {
        MS_REQUIRE(context, desc.capacity >= 0 && desc.capacity <= poolTokens,
                   "[moe_layer] an expert takes {} tokens of a pool of {}", desc.capacity, poolTokens);
        if (!desc.predictorIn) return MS_OK;  // with one it is run for the record only
    }
    MS_REQUIRE(context, desc.predictorIn && desc.predictorOut && desc.thresholds,
               "[moe_layer] the capacity predictor or its thresholds are missing");
    MS_REQUIRE(context, desc.thresholds->dtype == MS_F32 && desc.thresholds->elements() == desc.experts,
               "[moe_layer] {} thresholds for {} experts", desc.thresholds->elements(), desc.experts);
    const int64_t hidden = desc.predictorIn->desc.out;
    const MsStatus status = checkWeights(context, "predictorIn", desc.predictorIn, 1, width, hidden, MS_LINEAR_PLAIN);
    return status == MS_OK
               ? checkWeights(context, "predictorOut", desc.predictorOut, 1, hidden, desc.experts, MS_LINEAR_PLAIN)
               : status;
}

}  // namespace

MsStatus checkMoeLayer(MsContext* context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                       const MsTensor* out) {
    const int64_t tokens = x->rows(), width = x->lastDim();
    MS_REQUIRE(context, desc.policy >= MS_POLICY_TOKEN_CHOICE_SIGMOID && desc.policy <= MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED,
               "[moe_layer] unknown policy {}", static_cast<int>(desc.policy));
    MS_REQUIRE(context, x->dtype == MS_F32 && out->dtype == MS_F32, "[moe_layer] activations must be F32");
    MS_REQUIRE(context, out->rows() == tokens && out->lastDim() == width,
               "[moe_layer] output [{}, {}] where [{}, {}] is needed", out->rows(), out->lastDim(), tokens, width);
    MS_REQUIRE(context, desc.experts > 0 && desc.samples > 0 && tokens % desc.samples == 0,
               "[moe_layer] {} tokens in {} samples, {} experts", tokens, desc.samples, desc.experts);
    MS_REQUIRE(context, desc.router && desc.expertIn && desc.expertOut && !desc.sharedIn == !desc.sharedOut,
               "[moe_layer] weights are missing");
    // The last expert of prototypes may have none: it is for the samples that bypass the router.
    const bool unconditional = desc.policy == MS_POLICY_PROTOTYPE && desc.router->desc.out == desc.experts - 1;
    MsStatus status =
        checkWeights(context, "router", desc.router, 1, width, desc.experts - (unconditional ? 1 : 0), MS_LINEAR_PLAIN);
    if (status == MS_OK)
        status = checkMlp(context, "expertIn", "expertOut", desc.expertIn, desc.expertOut, desc.experts, width,
                          desc.expertActivation);
    if (status == MS_OK && desc.sharedIn)
        status =
            checkMlp(context, "sharedIn", "sharedOut", desc.sharedIn, desc.sharedOut, 1, width, desc.sharedActivation);
    if (status == MS_OK)
        status = choosesFromPools(desc.policy) ? checkPoolPolicy(context, desc, tokens, width)
                                               : checkTokenPolicy(context, desc, tokens);
    if (status != MS_OK) return status;
    // Pairs of a call are numbered with 32 bits.
    const int64_t perToken = choosesFromPools(desc.policy) ? desc.experts : desc.topK;
    MS_REQUIRE(context, tokens <= INT32_MAX / perToken, "[moe_layer] {} tokens with {} experts each", tokens, perToken);
    return checkRouting(context, desc, routing, tokens);
}

}  // namespace moescope::cpu
