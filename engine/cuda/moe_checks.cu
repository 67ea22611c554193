// SPDX-License-Identifier: Apache-2.0
#include <climits>
#include <string>

#include "engine/cuda/moe_checks.h"

namespace moescope::cuda {
namespace {

constexpr int64_t kMostExperts = 2048;  // the router keeps 24 bytes of each in shared memory

std::string shapeOf(const MsLinear& weights) {
    const MsLinearDesc& d = weights.desc;
    return sentence(d.count, d.layout == MS_LINEAR_GATED ? " gated" : " plain", " matrices ", d.in, " -> ", d.out);
}

void checkWeights(const char* name, const MsLinear* weights, int64_t count, int64_t in, int64_t out,
                  MsLinearLayout layout) {
    const MsLinearDesc& d = weights->desc;
    MS_CUDA_REQUIRE(d.count == count && d.in == in && d.out == out && d.layout == layout, "[moe_layer] ", name, ": ",
                    shapeOf(*weights), " where ", count, layout == MS_LINEAR_GATED ? " gated" : " plain", " matrices ",
                    in, " -> ", out, " are needed");
}

/// Weights of a feed-forward layer D -> I -> D: gated, or plain with an activation.
void checkMlp(const char* inName, const char* outName, const MsLinear* in, const MsLinear* out, int64_t count,
              int64_t width, MsActivation activation) {
    MS_CUDA_REQUIRE(in->desc.layout == MS_LINEAR_PLAIN || activation == MS_ACT_NONE, "[moe_layer] ", inName,
                    ": gated weights bring their own activation");
    checkWeights(inName, in, count, width, in->desc.out, in->desc.layout);
    checkWeights(outName, out, count, in->desc.out, width, MS_LINEAR_PLAIN);
    MS_CUDA_REQUIRE(in->type == out->type, "[moe_layer] ", inName, " and ", outName, " must be stored alike");
}

void checkRecord(const char* name, const MsTensor* tensor, MsDType dtype, int64_t elements) {
    if (!tensor) return;
    MS_CUDA_REQUIRE(tensor->dtype == dtype && tensor->elements() >= elements, "[moe_layer] ", name, " holds ",
                    tensor->elements(), " values of type ", static_cast<int>(tensor->dtype), " where ", elements,
                    " of type ", static_cast<int>(dtype), " are needed");
}

void checkRouting(const MsMoeLayerDesc& desc, const MsRouting& r, int64_t tokens) {
    const int64_t cells = desc.samples * desc.experts, pairs = mostPairs(desc, tokens), scores = tokens * desc.experts;
    const int64_t margins = choosesFromPools(desc.policy) ? desc.samples / desc.samplesPerPool * desc.experts : tokens;
    checkRecord("rowPtr", r.rowPtr, MS_I32, tokens + 1);
    checkRecord("expert", r.expert, MS_U16, pairs);
    checkRecord("gate", r.gate, MS_F32, pairs);
    checkRecord("counts", r.counts, MS_I32, cells);
    checkRecord("mass", r.mass, MS_F32, cells);
    checkRecord("logits", r.logits, MS_F32, scores);
    checkRecord("scores", r.scores, MS_F32, scores);
    checkRecord("margin", r.margin, MS_F32, margins);
    checkRecord("inputNorm", r.inputNorm, MS_F32, tokens);
    checkRecord("routedNorm", r.routedNorm, MS_F32, tokens);
    checkRecord("sharedNorm", r.sharedNorm, MS_F32, tokens);
    checkRecord("capacityLogits", r.capacityLogits, MS_F32, scores);
    MS_CUDA_REQUIRE(!r.capacityLogits || (choosesFromPools(desc.policy) && desc.predictorIn),
                    "[moe_layer] predicted capacities are wanted of a policy that has none");
}

void checkTokenPolicy(const MsMoeLayerDesc& desc, int64_t tokens) {
    const bool selects = normalisesGates(desc.policy), prototype = desc.policy == MS_POLICY_PROTOTYPE;
    MS_CUDA_REQUIRE(desc.topK > 0 && desc.topK <= desc.router->desc.out, "[moe_layer] ", desc.topK, " of ",
                    desc.router->desc.out, " experts per token");
    MS_CUDA_REQUIRE(
        desc.groups > 0 && desc.experts % desc.groups == 0 && desc.keptGroups > 0 && desc.keptGroups <= desc.groups,
        "[moe_layer] ", desc.keptGroups, " of ", desc.groups, " groups over ", desc.experts, " experts");
    MS_CUDA_REQUIRE(selects || (desc.keptGroups == desc.groups && !desc.selectionBias),
                    "[moe_layer] groups and selection biases belong to policies that normalise their gates");
    MS_CUDA_REQUIRE(
        !desc.selectionBias || (desc.selectionBias->dtype == MS_F32 && desc.selectionBias->elements() == desc.experts),
        "[moe_layer] ", desc.selectionBias->elements(), " selection biases for ", desc.experts, " experts");
    MS_CUDA_REQUIRE(!desc.forcedExperts || !prototype, "[moe_layer] choices are forced on token choice only");
    MS_CUDA_REQUIRE(!desc.forcedExperts ||
                        (desc.forcedExperts->dtype == MS_I32 && desc.forcedExperts->elements() == tokens * desc.topK),
                    "[moe_layer] ", desc.forcedExperts->elements(), " forced choices where ", tokens * desc.topK,
                    " are needed");
    MS_CUDA_REQUIRE(
        !desc.bypass || (prototype && desc.bypass->dtype == MS_I32 && desc.bypass->elements() == desc.samples &&
                         desc.router->desc.out == desc.experts - 1),
        "[moe_layer] samples bypass the router only to an expert without a prototype, one value per sample");
}

void checkPoolPolicy(const MsMoeLayerDesc& desc, int64_t tokens, int64_t width) {
    MS_CUDA_REQUIRE(desc.samplesPerPool > 0 && desc.samples % desc.samplesPerPool == 0, "[moe_layer] ", desc.samples,
                    " samples in pools of ", desc.samplesPerPool);
    MS_CUDA_REQUIRE(!desc.forcedExperts && !desc.bypass && !desc.selectionBias,
                    "[moe_layer] forced choices, bypass and selection biases belong to token choice");
    const int64_t poolTokens = tokens / desc.samples * desc.samplesPerPool;
    if (desc.policy == MS_POLICY_EXPERT_CHOICE) {
        MS_CUDA_REQUIRE(desc.capacity >= 0 && desc.capacity <= poolTokens, "[moe_layer] an expert takes ",
                        desc.capacity, " tokens of a pool of ", poolTokens);
        if (!desc.predictorIn) return;  // with one it is run for the record only
    }
    MS_CUDA_REQUIRE(desc.predictorIn && desc.predictorOut && desc.thresholds,
                    "[moe_layer] the capacity predictor or its thresholds are missing");
    MS_CUDA_REQUIRE(desc.thresholds->dtype == MS_F32 && desc.thresholds->elements() == desc.experts, "[moe_layer] ",
                    desc.thresholds->elements(), " thresholds for ", desc.experts, " experts");
    const int64_t hidden = desc.predictorIn->desc.out;
    checkWeights("predictorIn", desc.predictorIn, 1, width, hidden, MS_LINEAR_PLAIN);
    checkWeights("predictorOut", desc.predictorOut, 1, hidden, desc.experts, MS_LINEAR_PLAIN);
}

}  // namespace

int64_t mostPairs(const MsMoeLayerDesc& desc, int64_t tokens) {
    if (desc.policy == MS_POLICY_EXPERT_CHOICE)
        return desc.samples / desc.samplesPerPool * desc.experts * desc.capacity;
    return tokens * (desc.policy == MS_POLICY_POOL_THRESHOLD ? desc.experts : desc.topK);
}

void checkMoeLayer(const MsContext&, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                   const MsTensor* out) {
    const int64_t tokens = x->rows(), width = x->lastDim();
    MS_CUDA_REQUIRE(desc.policy >= MS_POLICY_TOKEN_CHOICE_SIGMOID && desc.policy <= MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED,
                    "[moe_layer] unknown policy ", static_cast<int>(desc.policy));
    MS_CUDA_REQUIRE(x->dtype == MS_F32 && out->dtype == MS_F32 && x != out,
                    "[moe_layer] input and output must be two different F32 tensors");
    MS_CUDA_REQUIRE(out->rows() == tokens && out->lastDim() == width, "[moe_layer] output [", out->rows(), ", ",
                    out->lastDim(), "] where [", tokens, ", ", width, "] is needed");
    MS_CUDA_REQUIRE(desc.experts > 0 && desc.samples > 0 && tokens % desc.samples == 0, "[moe_layer] ", tokens,
                    " tokens in ", desc.samples, " samples, ", desc.experts, " experts");
    if (desc.experts > kMostExperts)
        fail(MS_UNSUPPORTED, sentence("this model has ", desc.experts, " experts in a layer, the GPU code routes to ",
                                      kMostExperts, " at most; run it on the CPU"));
    MS_CUDA_REQUIRE(desc.router && desc.expertIn && desc.expertOut && !desc.sharedIn == !desc.sharedOut,
                    "[moe_layer] weights are missing");
    MS_CUDA_REQUIRE(desc.router->type == MS_F32, "[moe_layer] the router's weights must be stored as F32");
    // The last expert of prototypes may have none: it is for the samples that bypass the router.
    const bool unconditional = desc.policy == MS_POLICY_PROTOTYPE && desc.router->desc.out == desc.experts - 1;
    checkWeights("router", desc.router, 1, width, desc.experts - (unconditional ? 1 : 0), MS_LINEAR_PLAIN);
    checkMlp("expertIn", "expertOut", desc.expertIn, desc.expertOut, desc.experts, width, desc.expertActivation);
    if (desc.sharedIn)
        checkMlp("sharedIn", "sharedOut", desc.sharedIn, desc.sharedOut, 1, width, desc.sharedActivation);
    if (choosesFromPools(desc.policy))
        checkPoolPolicy(desc, tokens, width);
    else
        checkTokenPolicy(desc, tokens);
    // Pairs of a call are numbered with 32 bits.
    const int64_t perToken = choosesFromPools(desc.policy) ? desc.experts : desc.topK;
    MS_CUDA_REQUIRE(tokens <= INT_MAX / perToken, "[moe_layer] ", tokens, " tokens with ", perToken, " experts each");
    checkRouting(desc, routing, tokens);
}

}  // namespace moescope::cuda
