// SPDX-License-Identifier: Apache-2.0
#include "engine/train/prompt_encoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/prompt_tokenizer.h"

namespace moescope::train {

void PromptRows::add(const ModelDescription& description, std::string_view text) {
    const int64_t places = description.config.contextTokens;
    const TokenizedPrompt prompt = description.prompt.tokenizer->encode(text, places);
    const std::vector<float> mean = poolWeights(prompt.pieces, places);
    ids.insert(ids.end(), prompt.ids.begin(), prompt.ids.end());
    weights.insert(weights.end(), mean.begin(), mean.end());
}

TrainingPromptEncoder::TrainingPromptEncoder(const ParameterLayout& layout, const ModelDescription& description,
                                             int64_t samples)
    : m_samples(samples),
      m_places(description.config.contextTokens),
      m_width(description.config.width),
      m_heads(description.config.heads),
      m_embedding(layout.at("prompt_encoder.embedding.weight").offset),
      m_positions(layout.at("prompt_encoder.positions").offset),
      m_norm(layout.at("prompt_encoder.norm.weight").offset),
      m_pooledPlace(linearPlace(layout, "prompt_encoder.pooled", m_width, m_width)) {
    const int64_t inner = description.prompt.inner;
    for (int64_t i = 0; i < description.prompt.layers; ++i) {
        const std::string name = fmt::format("prompt_encoder.layers.{}", i);
        Layer layer;
        layer.norm1 = layout.at(name + ".norm1.weight").offset;
        layer.norm2 = layout.at(name + ".norm2.weight").offset;
        layer.qkv = linearPlace(layout, name + ".attn.qkv", m_width, 3 * m_width);
        layer.proj = linearPlace(layout, name + ".attn.proj", m_width, m_width);
        layer.in = linearPlace(layout, name + ".mlp.w12", m_width, 2 * inner);
        layer.out = linearPlace(layout, name + ".mlp.w3", inner, m_width);
        m_layers.push_back(layer);
    }
}

NormShape TrainingPromptEncoder::normShape() const {
    return {NormKind::Rms, m_samples, m_places, m_width};
}

AttentionShape TrainingPromptEncoder::attentionShape() const {
    AttentionShape shape;
    shape.samples = m_samples;
    shape.tokens = m_places;
    shape.heads = shape.keyHeads = m_heads;
    shape.headWidth = m_width / m_heads;
    return shape;
}

void TrainingPromptEncoder::plan(const TrainingDevice& device, MemoryPlan& plan) {
    const int64_t size = rows() * m_width;
    int64_t inner = 0;
    for (Layer& layer : m_layers) {
        for (float** each : {&layer.normed1, &layer.attended, &layer.middle, &layer.normed2, &layer.output})
            plan.want(*each, size);
        for (float** each : {&layer.scale1, &layer.scale2}) plan.want(*each, rows());
        plan.want(layer.qkvRows, 3 * size);
        plan.want(layer.attention, device.attentionSaved(attentionShape()));
        plan.want(layer.hidden, rows() * layer.in.out);
        plan.want(layer.inner, rows() * layer.out.in);
        inner = std::max(inner, layer.out.in);
    }
    for (float** each : {&m_embedded, &m_branch, &m_tokens, &m_dx, &m_dRows}) plan.want(*each, size);
    plan.want(m_scale, rows());
    for (float** each : {&m_mean, &m_pooled, &m_dMean}) plan.want(*each, m_samples * m_width);
    plan.want(m_dQkv, 3 * size);
    plan.want(m_dHidden, rows() * 2 * inner);
    plan.want(m_dInner, rows() * inner);
}

int64_t TrainingPromptEncoder::deviceScratch(const TrainingDevice& device) const {
    int64_t most =
        std::max(device.scratchBytes(attentionShape()), device.scratchBytes(LinearShape{m_samples, m_width, m_width}));
    for (const Layer& layer : m_layers)
        for (const LinearPlace* place : {&layer.qkv, &layer.proj, &layer.in, &layer.out})
            most = std::max(most, device.scratchBytes(LinearShape{rows(), place->in, place->out}));
    return most;
}

void TrainingPromptEncoder::forward(TrainingDevice& device, const float* values, const PromptInput& input) {
    const int64_t size = rows() * m_width;
    device.gatherRows(rows(), m_width, values + m_embedding, input.ids, m_embedded);
    device.addRows(m_samples, m_places, m_width, m_embedded, values + m_positions, m_embedded);
    for (size_t i = 0; i < m_layers.size(); ++i) {
        const Layer& layer = m_layers[i];
        device.norm(normShape(), inputOf(i), values + layer.norm1, {}, layer.scale1, nullptr, layer.normed1);
        linearForward(device, layer.qkv, rows(), values, layer.normed1, layer.qkvRows);
        device.attention(attentionShape(), layer.qkvRows, nullptr, nullptr, {}, layer.attention, layer.attended);
        linearForward(device, layer.proj, rows(), values, layer.attended, m_branch);
        device.add(size, inputOf(i), m_branch, layer.middle);
        device.norm(normShape(), layer.middle, values + layer.norm2, {}, layer.scale2, nullptr, layer.normed2);
        linearForward(device, layer.in, rows(), values, layer.normed2, layer.hidden);
        device.gate(rows(), layer.out.in, layer.hidden, layer.inner);
        linearForward(device, layer.out, rows(), values, layer.inner, m_branch);
        device.add(size, layer.middle, m_branch, layer.output);
    }
    device.norm(normShape(), inputOf(m_layers.size()), values + m_norm, {}, m_scale, nullptr, m_tokens);
    device.pool(m_samples, m_places, m_width, m_tokens, input.weights, m_mean);
    linearForward(device, m_pooledPlace, m_samples, values, m_mean, m_pooled);
}

void TrainingPromptEncoder::backward(TrainingDevice& device, const float* values, const PromptInput& input,
                                     const float* dTokens, const float* dPooled, float* gradients) {
    const int64_t size = rows() * m_width;
    linearBackward(device, m_pooledPlace, m_samples, values, m_mean, dPooled, m_dMean, false, gradients);
    device.poolBackward(m_samples, m_places, m_width, input.weights, m_dMean, m_dRows);
    device.add(size, m_dRows, dTokens, m_dRows);
    device.zero(size, m_dx);
    device.normBackward(normShape(), inputOf(m_layers.size()), values + m_norm, {}, m_scale, nullptr, m_dRows, m_dx,
                        gradients + m_norm, {});
    for (size_t i = m_layers.size(); i-- > 0;) layerBackward(device, values, i, gradients);
    device.addRowsBackward(m_samples, m_places, m_width, m_dx, gradients + m_positions);
    device.gatherRowsBackward(rows(), m_width, input.ids, m_dx, gradients + m_embedding);
}

/// m_dx holds the gradient of the layer's output and leaves with that of its input: what a sum passes on unchanged, and
/// what comes through its branch.
void TrainingPromptEncoder::layerBackward(TrainingDevice& device, const float* values, size_t index, float* gradients) {
    const Layer& layer = m_layers[index];
    linearBackward(device, layer.out, rows(), values, layer.inner, m_dx, m_dInner, false, gradients);
    device.gateBackward(rows(), layer.out.in, layer.hidden, m_dInner, m_dHidden);
    linearBackward(device, layer.in, rows(), values, layer.normed2, m_dHidden, m_dRows, false, gradients);
    device.normBackward(normShape(), layer.middle, values + layer.norm2, {}, layer.scale2, nullptr, m_dRows, m_dx,
                        gradients + layer.norm2, {});
    linearBackward(device, layer.proj, rows(), values, layer.attended, m_dx, m_dRows, false, gradients);
    device.attentionBackward(attentionShape(), layer.qkvRows, nullptr, nullptr, {}, layer.attention, layer.attended,
                             m_dRows, m_dQkv, nullptr, nullptr);
    linearBackward(device, layer.qkv, rows(), values, layer.normed1, m_dQkv, m_dRows, false, gradients);
    device.normBackward(normShape(), inputOf(index), values + layer.norm1, {}, layer.scale1, nullptr, m_dRows, m_dx,
                        gradients + layer.norm1, {});
}

}  // namespace moescope::train
