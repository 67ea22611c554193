// SPDX-License-Identifier: Apache-2.0
#include "engine/train/training_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/error.h"
#include "engine/model/position_tables.h"

namespace moescope::train {
namespace {

constexpr float kMaxPeriod = 10000.0f;

int64_t offsetOf(const ParameterLayout& layout, std::string_view name) {
    const int found = layout.find(name);
    return found < 0 ? -1 : layout.parameters()[static_cast<size_t>(found)].offset;
}

bool trainable(RouterRule rule) { return rule == RouterRule::SigmoidTokenChoice || rule == RouterRule::SoftmaxNormalised; }

}  // namespace

NetworkStyle styleOf(const ModelDescription& description, const ParameterLayout& layout) {
    const TransformerConfig& c = description.config;
    const auto has = [&](const std::string& name) { return layout.find(name) >= 0; };
    const bool pixels = has("x_embedder.proj1.weight"), latents = has("x_embedder.proj.weight");
    if ((!pixels && !latents) || !has("blocks.0.attn.qkv.weight") || (!c.moeBlocks.empty() && !trainable(c.moe.rule)))
        throw EngineException(ErrorCode::Unsupported,
                              fmt::format("training covers transformers whose tokens choose their experts, embedded as the DSMoE and JiT "
                                          "layouts do; found {}",
                                          description.family));
    NetworkStyle style;
    style.norm = has("blocks.0.norm1.weight") ? NormKind::Rms : NormKind::Layer;
    style.queryKeyNorm = has("blocks.0.attn.q_norm.weight");
    style.rope = c.rotary == Rotary::None                ? RopeKind::None
                 : pixels || c.rotary == Rotary::Line ? RopeKind::AdjacentPairs
                                                      : RopeKind::SplitHalves;
    style.gatedDense = style.stackedInput = style.biasedExperts = pixels;
    return style;
}

TrainingNetwork::TrainingNetwork(TrainingDevice& device, const ModelDescription& description, const ParameterLayout& layout,
                                 const NetworkOptions& options)
    : m_device(device), m_description(description), m_options(options) {
    const TransformerConfig& c = description.config;
    m_shape.config = c;
    m_shape.style = styleOf(description, layout);
    m_shape.keyHeads = c.keyValueHeads();
    m_shape.routingGradient = options.routingGradient;
    const int64_t patchValues = c.inChannels * c.patch * c.patch;
    if (c.bottleneck) {
        m_bottleneck = linearPlace(layout, "x_embedder.proj1", patchValues, c.bottleneck);
        m_patch = linearPlace(layout, "x_embedder.proj2", c.bottleneck, c.width);
    } else {
        m_patch = linearPlace(layout, "x_embedder.proj", patchValues, c.width);
    }
    m_time1 = linearPlace(layout, "t_embedder.mlp.0", c.waves, c.width);
    m_time2 = linearPlace(layout, "t_embedder.mlp.2", c.width, c.width);
    m_finalModulation = linearPlace(layout, "final_layer.adaLN_modulation.1", c.width, 2 * c.width);
    m_final = linearPlace(layout, "final_layer.linear", c.width, c.patch * c.patch * c.outChannels);
    m_labelTable = offsetOf(layout, "y_embedder.embedding_table.weight");
    m_finalNorm = offsetOf(layout, "final_layer.norm_final.weight");
    m_contextPositions = offsetOf(layout, "in_context_posemb");
    if (const int positions = layout.find("pos_embed"); positions >= 0) {
        m_positions = layout.parameters()[static_cast<size_t>(positions)].offset;
        m_learnedPositions = layout.parameters()[static_cast<size_t>(positions)].learned;
    }
    if (description.prompt.vocabulary) m_prompts.emplace(layout, description, options.samples);
    m_blocks.reserve(static_cast<size_t>(c.depth));
    for (int block = 0; block < c.depth; ++block) {
        const int64_t tokens = tokensAt(block);
        m_blocks.emplace_back(layout, m_shape, block, options.samples, tokens, tokens - c.imageTokens());
    }
    planMemory();
}

int64_t TrainingNetwork::tokensAt(int block) const {
    const TransformerConfig& c = m_shape.config;
    return c.imageTokens() + (c.contextTokens > 0 && block >= c.contextStart ? c.contextTokens : 0);
}

void TrainingNetwork::planMemory() {
    const TransformerConfig& c = m_shape.config;
    const int64_t samples = m_options.samples, image = samples * c.imageTokens(), most = samples * (c.imageTokens() + c.contextTokens);
    m_saved.resize(m_blocks.size());
    m_outputs.resize(m_blocks.size());
    MemoryPlan& plan = m_plan;
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        plan.want(m_outputs[i], m_blocks[i].rows() * c.width);
        if (m_options.checkpointing)
            m_blocks[i].planRouting(plan, m_saved[i]);
        else
            m_blocks[i].planSaved(m_device, plan, m_saved[i], true);
    }
    plan.want(m_patches, image * c.inChannels * c.patch * c.patch);
    if (c.bottleneck) {
        plan.want(m_low, image * c.bottleneck);
        plan.want(m_dLow, image * c.bottleneck);
    }
    plan.want(m_embedded, image * c.width);
    if (c.contextTokens) {
        for (float** each : {&m_front, &m_dFront}) plan.want(*each, samples * c.contextTokens * c.width);
        plan.want(m_joined, most * c.width);
    }
    plan.want(m_waves, samples * c.waves);
    for (float** each : {&m_timeHidden, &m_timeActive, &m_time, &m_label, &m_condition, &m_activated, &m_dActivated, &m_dLabel, &m_dTime})
        plan.want(*each, samples * c.width);
    for (float** each : {&m_finalMods, &m_dFinalMods}) plan.want(*each, samples * 2 * c.width);
    for (float** each : {&m_imageTokens, &m_finalNormed, &m_dFinalNormed, &m_dTokens}) plan.want(*each, image * c.width);
    for (float** each : {&m_finalScale, &m_finalMean}) plan.want(*each, image);
    for (float** each : {&m_finalTokens, &m_dFinalTokens, &m_picture}) plan.want(*each, image * m_final.out);
    plan.want(m_dx, most * c.width);
    if (m_shape.style.rope != RopeKind::None)
        for (float** each : {&m_ropeCos, &m_ropeSin}) plan.want(*each, c.imageTokens() * c.headWidth / 2);
    if (m_prompts) m_prompts->plan(m_device, plan);
    // Blocks take turns with temporary gradients and, where activations are computed again, with those.
    std::vector<MemoryPlan> scratch(m_blocks.size()), again(m_blocks.size());
    m_scratch.resize(m_blocks.size());
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        m_blocks[i].planScratch(scratch[i], m_scratch[i]);
        if (m_options.checkpointing) m_blocks[i].planSaved(m_device, again[i], m_saved[i], false);
    }
    plan.overlap(scratch);
    plan.overlap(again);
}

int64_t TrainingNetwork::bytes() const {
    int64_t temporary = m_prompts ? m_prompts->deviceScratch(m_device) : 0;
    for (const TrainingBlock& block : m_blocks) temporary = std::max(temporary, block.deviceScratch(m_device));
    return m_plan.bytes() + temporary;
}

void TrainingNetwork::allocate() {
    m_memory = m_plan.place(m_device);
    if (m_shape.style.rope == RopeKind::None) return;
    const TransformerConfig& c = m_shape.config;
    const RopeTables tables = ropeTables(c);
    const auto bytes = static_cast<int64_t>(tables.cos.data.size() * sizeof(float));
    m_device.upload(tables.cos.data.data(), m_ropeCos, bytes);
    m_device.upload(tables.sin.data.data(), m_ropeSin, bytes);
}

BlockPass TrainingNetwork::pass(const float* values) const {
    return {m_device, m_shape, values, m_activated, {m_ropeCos, m_ropeSin}, m_options.samples};
}

float* TrainingNetwork::outputOf(int block) const { return m_outputs[static_cast<size_t>(block)]; }

const float* TrainingNetwork::inputOf(int block) const {
    if (joinsAt(block)) return m_joined;
    return block == 0 ? m_embedded : outputOf(block - 1);
}

int64_t TrainingNetwork::outputValues() const {
    const TransformerConfig& c = m_shape.config;
    return m_options.samples * c.outChannels * c.inputSide() * c.inputSide();
}

const float* TrainingNetwork::forward(const float* values, const NetworkInput& input) {
    const TransformerConfig& c = m_shape.config;
    const int64_t samples = m_options.samples, image = samples * c.imageTokens(), width = c.width;
    m_input = input;
    m_device.patchify(samples, c.inChannels, c.grid, c.patch, input.z, m_patches);
    if (c.bottleneck) linearForward(m_device, m_bottleneck, image, values, m_patches, m_low);
    linearForward(m_device, m_patch, image, values, c.bottleneck ? m_low : m_patches, m_embedded);
    if (m_positions >= 0) m_device.addRows(samples, c.imageTokens(), width, m_embedded, values + m_positions, m_embedded);

    m_device.timestepWaves(samples, c.waves, kMaxPeriod, input.t, m_waves);
    linearForward(m_device, m_time1, samples, values, m_waves, m_timeHidden);
    m_device.activate(Activation::Silu, samples * width, m_timeHidden, m_timeActive);
    linearForward(m_device, m_time2, samples, values, m_timeActive, m_time);
    if (m_prompts)
        m_prompts->forward(m_device, values, input.prompts);
    else
        m_device.gatherRows(samples, width, values + m_labelTable, input.labels, m_label);
    m_device.add(samples * width, m_time, m_prompts ? m_prompts->pooled() : m_label, m_condition);
    m_device.activate(Activation::Silu, samples * width, m_condition, m_activated);

    for (int block = 0; block < static_cast<int>(c.depth); ++block) {
        if (joinsAt(block)) {
            if (m_prompts)
                m_device.addRows(samples, c.contextTokens, width, m_prompts->tokens(), values + m_contextPositions, m_front);
            else
                m_device.repeatRows(samples, c.contextTokens, width, m_label, values + m_contextPositions, m_front);
            m_device.joinTokens(samples, c.contextTokens, c.imageTokens(), width, m_front, block == 0 ? m_embedded : outputOf(block - 1),
                                m_joined);
        }
        m_blocks[static_cast<size_t>(block)].forward(pass(values), inputOf(block), m_saved[static_cast<size_t>(block)], outputOf(block));
    }

    const int64_t lead = tokensAt(static_cast<int>(c.depth) - 1) - c.imageTokens();
    m_device.splitTokens(samples, lead, c.imageTokens(), width, outputOf(static_cast<int>(c.depth) - 1), nullptr, m_imageTokens);
    linearForward(m_device, m_finalModulation, samples, values, m_activated, m_finalMods);
    m_device.norm({m_shape.style.norm, samples, c.imageTokens(), width}, m_imageTokens, at(values, m_finalNorm),
                  {m_finalMods, m_finalMods + width, 2 * width}, m_finalScale, m_finalMean, m_finalNormed);
    linearForward(m_device, m_final, image, values, m_finalNormed, m_finalTokens);
    m_device.unpatchify(samples, c.outChannels, c.grid, c.patch, m_finalTokens, m_picture);
    return m_picture;
}

RouterLossValues TrainingNetwork::backward(const float* values, const float* dOutput, float lossScale, float* gradients) {
    const TransformerConfig& c = m_shape.config;
    const int64_t samples = m_options.samples, image = samples * c.imageTokens(), width = c.width;
    m_device.unpatchifyBackward(samples, c.outChannels, c.grid, c.patch, dOutput, m_dFinalTokens);
    linearBackward(m_device, m_final, image, values, m_finalNormed, m_dFinalTokens, m_dFinalNormed, false, gradients);
    m_device.zero(image * width, m_dTokens);
    m_device.zero(samples * 2 * width, m_dFinalMods);
    m_device.zero(samples * width, m_dActivated);
    m_device.zero(samples * width, m_dLabel);
    m_device.normBackward({m_shape.style.norm, samples, c.imageTokens(), width}, m_imageTokens, at(values, m_finalNorm),
                          {m_finalMods, m_finalMods + width, 2 * width}, m_finalScale, m_finalMean, m_dFinalNormed, m_dTokens,
                          at(gradients, m_finalNorm), {m_dFinalMods, m_dFinalMods + width, 2 * width});
    linearBackward(m_device, m_finalModulation, samples, values, m_activated, m_dFinalMods, m_dActivated, true, gradients);
    const int64_t lead = tokensAt(static_cast<int>(c.depth) - 1) - c.imageTokens();
    if (lead) {
        m_device.zero(samples * lead * width, m_dFront);
        m_device.joinTokens(samples, lead, c.imageTokens(), width, m_dFront, m_dTokens, m_dx);
    } else {
        m_device.copy(image * width, m_dTokens, m_dx);
    }

    RouterLossValues total;
    for (int block = static_cast<int>(c.depth) - 1; block >= 0; --block) {
        const TrainingBlock& part = m_blocks[static_cast<size_t>(block)];
        const BlockSaved& saved = m_saved[static_cast<size_t>(block)];
        if (m_options.checkpointing) part.forward(pass(values), inputOf(block), saved, outputOf(block));
        const RouterLossValues losses = part.backward(pass(values), inputOf(block), saved, m_scratch[static_cast<size_t>(block)],
                                                      m_options.losses, lossScale, m_dx, m_dActivated, gradients);
        total.auxiliary += losses.auxiliary;
        total.z += losses.z;
        if (!joinsAt(block)) continue;
        m_device.splitTokens(samples, c.contextTokens, c.imageTokens(), width, m_dx, m_dFront, m_dTokens);
        if (m_prompts)
            m_device.addRowsBackward(samples, c.contextTokens, width, m_dFront, gradients + m_contextPositions);
        else
            m_device.repeatRowsBackward(samples, c.contextTokens, width, m_dFront, m_dLabel, gradients + m_contextPositions);
        m_device.copy(image * width, m_dTokens, m_dx);
    }

    if (m_learnedPositions) m_device.addRowsBackward(samples, c.imageTokens(), width, m_dx, gradients + m_positions);
    linearBackward(m_device, m_patch, image, values, c.bottleneck ? m_low : m_patches, m_dx, c.bottleneck ? m_dLow : nullptr, false,
                   gradients);
    if (c.bottleneck) linearBackward(m_device, m_bottleneck, image, values, m_patches, m_dLow, nullptr, false, gradients);

    m_device.activateBackward(Activation::Silu, samples * width, m_condition, m_dActivated, m_dActivated);  // of the condition now
    m_device.add(samples * width, m_dLabel, m_dActivated, m_dLabel);
    if (m_prompts)
        m_prompts->backward(m_device, values, m_input.prompts, m_dFront, m_dLabel, gradients);
    else
        m_device.gatherRowsBackward(samples, width, m_input.labels, m_dLabel, gradients + m_labelTable);
    linearBackward(m_device, m_time2, samples, values, m_timeActive, m_dActivated, m_dTime, false, gradients);
    m_device.activateBackward(Activation::Silu, samples * width, m_timeHidden, m_dTime, m_dTime);
    linearBackward(m_device, m_time1, samples, values, m_waves, m_dTime, nullptr, false, gradients);
    const auto layers = static_cast<float>(std::max<size_t>(1, c.moeBlocks.size()));
    return {total.auxiliary / layers, total.z / layers};
}

std::vector<LayerDecisions> TrainingNetwork::decisions() const {
    std::vector<LayerDecisions> layers;
    for (size_t i = 0; i < m_blocks.size(); ++i) {
        const TrainingBlock& block = m_blocks[i];
        if (!block.sparse()) continue;
        const MoeSaved& moe = m_saved[i].moe;
        const int64_t tokens = tokensAt(static_cast<int>(i));
        layers.push_back({static_cast<int>(i), block.rows(), block.moe().experts, block.moe().topK, tokens,
                          tokens - m_shape.config.imageTokens(), moe.experts, moe.gates, moe.scores, moe.offsets});
    }
    return layers;
}

}  // namespace moescope::train
