// SPDX-License-Identifier: Apache-2.0
#include "engine/train/network_blocks.h"

#include <fmt/format.h>

#include <algorithm>

namespace moescope::train {
namespace {

constexpr int64_t kChunks = 6;  // of a block's modulation: shift, scale, gate of attention, then of the feed-forward layer

}  // namespace

LinearPlace linearPlace(const ParameterLayout& layout, const std::string& name, int64_t in, int64_t out) {
    LinearPlace place;
    place.weight = layout.at(name + ".weight").offset;
    if (const int bias = layout.find(name + ".bias"); bias >= 0) place.bias = layout.parameters()[static_cast<size_t>(bias)].offset;
    place.in = in;
    place.out = out;
    return place;
}

void linearForward(TrainingDevice& device, const LinearPlace& place, int64_t rows, const float* values, const float* x, float* y) {
    device.linear({rows, place.in, place.out}, x, at(values, place.weight), at(values, place.bias), y);
}

void linearBackward(TrainingDevice& device, const LinearPlace& place, int64_t rows, const float* values, const float* x, const float* dy,
                    float* dx, bool addToInput, float* gradients) {
    device.linearBackward({rows, place.in, place.out}, x, at(values, place.weight), dy, dx, addToInput, at(gradients, place.weight),
                          at(gradients, place.bias));
}

TrainingBlock::TrainingBlock(const ParameterLayout& layout, const NetworkShape& shape, int index, int64_t samples, int64_t tokens,
                             int64_t leadTokens)
    : m_shape(shape), m_index(index), m_samples(samples), m_tokens(tokens), m_leadTokens(leadTokens) {
    const TransformerConfig& c = shape.config;
    const std::string name = fmt::format("blocks.{}", index), mlp = name + ".mlp";
    const auto offset = [&](const std::string& tensor) {
        const int found = layout.find(tensor);
        return found < 0 ? int64_t{-1} : layout.parameters()[static_cast<size_t>(found)].offset;
    };
    m_norm1 = offset(name + ".norm1.weight");
    m_norm2 = offset(name + ".norm2.weight");
    m_queryNorm = offset(name + ".attn.q_norm.weight");
    m_keyNorm = offset(name + ".attn.k_norm.weight");
    m_modulation = linearPlace(layout, name + ".adaLN_modulation.1", c.width, kChunks * c.width);
    m_qkv = linearPlace(layout, name + ".attn.qkv", c.width, (c.heads + 2 * shape.keyHeads) * c.headWidth);
    m_proj = linearPlace(layout, name + ".attn.proj", c.heads * c.headWidth, c.width);
    if (!c.isMoe(index)) {
        const bool gated = shape.style.gatedDense;
        m_denseIn = linearPlace(layout, mlp + (gated ? ".w12" : ".fc1"), c.width, (gated ? 2 : 1) * c.denseWidth);
        m_denseOut = linearPlace(layout, mlp + (gated ? ".w3" : ".fc2"), c.denseWidth, c.width);
        return;
    }
    const MoeConfig& moe = c.moe;
    m_moe.rows = samples * tokens;
    m_moe.width = c.width;
    m_moe.experts = moe.experts;
    m_moe.topK = moe.topK;
    m_moe.groups = moe.groups;
    m_moe.keptGroups = moe.keptGroups;
    m_moe.expertWidth = moe.expertWidth;
    m_moe.sharedWidth = moe.sharedWidth;
    m_moe.biased = shape.style.biasedExperts;
    m_moe.addsInput = moe.addsInput;
    m_moe.affinity = moe.rule == RouterRule::SoftmaxNormalised ? Affinity::Softmax : Affinity::Sigmoid;
    m_moe.scale = static_cast<float>(moe.scale);
    m_moe.gradient = shape.routingGradient;
    m_router.weight = layout.at(mlp + ".gate.weight").offset;
    m_router.in = c.width;
    m_router.out = moe.experts;
    m_selectionBias = offset(mlp + ".gate.e_score_correction_bias");
    const std::string expert = mlp + ".experts.blocks.0.", common = mlp + ".shared_experts.";
    const std::string in = shape.style.stackedInput ? "w12" : "gate_proj", out = shape.style.stackedInput ? "w3" : "down_proj";
    m_experts = {offset(expert + in + ".weight"), offset(expert + in + ".bias"), offset(expert + out + ".weight"), offset(expert + out + ".bias"),
                 offset(common + in + ".weight"), offset(common + in + ".bias"), offset(common + out + ".weight"), offset(common + out + ".bias")};
}

NormShape TrainingBlock::normShape() const {
    return {m_shape.style.norm, m_samples, m_tokens, m_shape.config.width};
}

AttentionShape TrainingBlock::attentionShape() const {
    AttentionShape a;
    a.samples = m_samples;
    a.tokens = m_tokens;
    a.heads = m_shape.config.heads;
    a.keyHeads = m_shape.keyHeads;
    a.headWidth = m_shape.config.headWidth;
    a.normed = m_shape.style.queryKeyNorm;
    a.rope = m_shape.style.rope;
    a.leadTokens = m_leadTokens;
    return a;
}

template <class Float>
MoeParameters<Float> TrainingBlock::moeParameters(Float* base) const {
    return {at(base, m_router.weight),     at(base, m_experts.in),           at(base, m_experts.inBias),
            at(base, m_experts.out),       at(base, m_experts.outBias),      at(base, m_experts.sharedIn),
            at(base, m_experts.sharedInBias), at(base, m_experts.sharedOut), at(base, m_experts.sharedOutBias)};
}

void TrainingBlock::planSaved(const TrainingDevice& device, MemoryPlan& plan, BlockSaved& saved, bool withRouting) const {
    const TransformerConfig& c = m_shape.config;
    const int64_t size = rows() * c.width;
    plan.want(saved.modulation, m_samples * kChunks * c.width);
    for (float** each : {&saved.normed1, &saved.branch1, &saved.middle, &saved.normed2, &saved.branch2}) plan.want(*each, size);
    for (float** each : {&saved.rowScale1, &saved.mean1, &saved.rowScale2, &saved.mean2}) plan.want(*each, rows());
    plan.want(saved.qkv, rows() * m_qkv.out);
    plan.want(saved.attention, device.attentionSaved(attentionShape()));
    plan.want(saved.attended, rows() * m_proj.in);
    if (!sparse()) {
        plan.want(saved.hidden, rows() * m_denseIn.out);
        plan.want(saved.inner, rows() * m_denseOut.in);
        return;
    }
    const int64_t pairs = rows() * m_moe.topK;
    plan.want(saved.moe.pairRows, pairs);
    plan.want(saved.moe.pairOf, pairs);
    plan.want(saved.moe.hidden, pairs * 2 * m_moe.expertWidth);
    plan.want(saved.moe.inner, pairs * m_moe.expertWidth);
    plan.want(saved.moe.outputs, pairs * c.width);
    if (m_moe.sharedWidth) {
        plan.want(saved.moe.sharedHidden, rows() * 2 * m_moe.sharedWidth);
        plan.want(saved.moe.sharedInner, rows() * m_moe.sharedWidth);
    }
    if (m_moe.gradient == RoutingGradient::Dense) plan.want(saved.moe.allOutputs, m_moe.experts * size);
    if (withRouting) planRouting(plan, saved);
}

void TrainingBlock::planRouting(MemoryPlan& plan, BlockSaved& saved) const {
    if (!sparse()) return;
    plan.want(saved.moe.logits, rows() * m_moe.experts);
    plan.want(saved.moe.scores, rows() * m_moe.experts);
    plan.want(saved.moe.experts, rows() * m_moe.topK);
    plan.want(saved.moe.gates, rows() * m_moe.topK);
    plan.want(saved.moe.offsets, m_moe.experts + 1);
}

void TrainingBlock::planScratch(MemoryPlan& plan, BlockScratch& scratch) const {
    const int64_t width = m_shape.config.width;
    plan.want(scratch.branch, rows() * width);
    plan.want(scratch.normed, rows() * width);
    plan.want(scratch.attended, rows() * m_proj.in);
    plan.want(scratch.qkv, rows() * m_qkv.out);
    plan.want(scratch.hidden, rows() * m_denseIn.out);
    plan.want(scratch.inner, rows() * m_denseOut.in);
    plan.want(scratch.modulation, m_samples * kChunks * width);
}

int64_t TrainingBlock::deviceScratch(const TrainingDevice& device) const {
    int64_t most = device.scratchBytes(attentionShape());
    for (const LinearPlace* place : {&m_qkv, &m_proj, &m_denseIn, &m_denseOut})
        if (place->out) most = std::max(most, device.scratchBytes(LinearShape{rows(), place->in, place->out}));
    most = std::max(most, device.scratchBytes(LinearShape{m_samples, m_modulation.in, m_modulation.out}));
    if (sparse()) most = std::max(most, device.scratchBytes(m_moe));
    return most;
}

void TrainingBlock::feedForward(const BlockPass& pass, const BlockSaved& saved) const {
    if (sparse()) {
        pass.device.moe(m_moe, moeParameters(pass.values), at(pass.values, m_selectionBias), saved.normed2, saved.moe, saved.branch2);
        return;
    }
    linearForward(pass.device, m_denseIn, rows(), pass.values, saved.normed2, saved.hidden);
    if (m_shape.style.gatedDense)
        pass.device.gate(rows(), m_denseOut.in, saved.hidden, saved.inner);
    else
        pass.device.activate(Activation::Silu, rows() * m_denseOut.in, saved.hidden, saved.inner);
    linearForward(pass.device, m_denseOut, rows(), pass.values, saved.inner, saved.branch2);
}

RouterLossValues TrainingBlock::feedForwardBackward(const BlockPass& pass, const BlockSaved& saved, const BlockScratch& scratch,
                                                    const RouterLosses& losses, float lossScale, float* gradients) const {
    if (sparse())
        return pass.device.moeBackward(m_moe, moeParameters(pass.values), saved.normed2, saved.moe, scratch.branch, losses, lossScale,
                                       scratch.normed, moeParameters(gradients));
    linearBackward(pass.device, m_denseOut, rows(), pass.values, saved.inner, scratch.branch, scratch.inner, false, gradients);
    if (m_shape.style.gatedDense)
        pass.device.gateBackward(rows(), m_denseOut.in, saved.hidden, scratch.inner, scratch.hidden);
    else
        pass.device.activateBackward(Activation::Silu, rows() * m_denseOut.in, saved.hidden, scratch.inner, scratch.hidden);
    linearBackward(pass.device, m_denseIn, rows(), pass.values, saved.normed2, scratch.hidden, scratch.normed, false, gradients);
    return {};
}

void TrainingBlock::forward(const BlockPass& pass, const float* x, const BlockSaved& saved, float* y) const {
    TrainingDevice& device = pass.device;
    const int64_t width = m_shape.config.width, stride = kChunks * width;
    const float* m = saved.modulation;
    linearForward(device, m_modulation, m_samples, pass.values, pass.activated, saved.modulation);
    device.norm(normShape(), x, at(pass.values, m_norm1), {m, m + width, stride}, saved.rowScale1, saved.mean1, saved.normed1);
    linearForward(device, m_qkv, rows(), pass.values, saved.normed1, saved.qkv);
    device.attention(attentionShape(), saved.qkv, at(pass.values, m_queryNorm), at(pass.values, m_keyNorm), pass.angles, saved.attention,
                     saved.attended);
    linearForward(device, m_proj, rows(), pass.values, saved.attended, saved.branch1);
    device.gatedAdd(m_samples, m_tokens, width, x, saved.branch1, m + 2 * width, stride, saved.middle);
    device.norm(normShape(), saved.middle, at(pass.values, m_norm2), {m + 3 * width, m + 4 * width, stride}, saved.rowScale2, saved.mean2,
                saved.normed2);
    feedForward(pass, saved);
    device.gatedAdd(m_samples, m_tokens, width, saved.middle, saved.branch2, m + 5 * width, stride, y);
}

RouterLossValues TrainingBlock::backward(const BlockPass& pass, const float* x, const BlockSaved& saved, const BlockScratch& scratch,
                                         const RouterLosses& losses, float lossScale, float* dx, float* dActivated,
                                         float* gradients) const {
    TrainingDevice& device = pass.device;
    const int64_t width = m_shape.config.width, stride = kChunks * width;
    const float* m = saved.modulation;
    float* dm = scratch.modulation;
    device.zero(m_samples * stride, dm);

    device.gatedAddBackward(m_samples, m_tokens, width, saved.branch2, m + 5 * width, stride, dx, scratch.branch, dm + 5 * width);
    const RouterLossValues values = feedForwardBackward(pass, saved, scratch, losses, lossScale, gradients);
    device.normBackward(normShape(), saved.middle, at(pass.values, m_norm2), {m + 3 * width, m + 4 * width, stride}, saved.rowScale2,
                        saved.mean2, scratch.normed, dx, at(gradients, m_norm2), {dm + 3 * width, dm + 4 * width, stride});

    device.gatedAddBackward(m_samples, m_tokens, width, saved.branch1, m + 2 * width, stride, dx, scratch.branch, dm + 2 * width);
    linearBackward(device, m_proj, rows(), pass.values, saved.attended, scratch.branch, scratch.attended, false, gradients);
    device.attentionBackward(attentionShape(), saved.qkv, at(pass.values, m_queryNorm), at(pass.values, m_keyNorm), pass.angles,
                             saved.attention, saved.attended, scratch.attended, scratch.qkv, at(gradients, m_queryNorm),
                             at(gradients, m_keyNorm));
    linearBackward(device, m_qkv, rows(), pass.values, saved.normed1, scratch.qkv, scratch.normed, false, gradients);
    device.normBackward(normShape(), x, at(pass.values, m_norm1), {m, m + width, stride}, saved.rowScale1, saved.mean1, scratch.normed, dx,
                        at(gradients, m_norm1), {dm, dm + width, stride});

    linearBackward(device, m_modulation, m_samples, pass.values, pass.activated, dm, dActivated, true, gradients);
    return values;
}

}  // namespace moescope::train
