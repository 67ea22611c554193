// SPDX-License-Identifier: Apache-2.0
#include "engine/train/training_pass.h"

namespace moescope::train {

TrainingPass::TrainingPass(TrainingDevice& device, TrainingNetwork& network, const FlowSettings& settings)
    : m_device(device), m_network(network), m_settings(settings), m_samples(network.samples()) {
    const TransformerConfig& c = network.description().config;
    m_values = c.inChannels * c.inputSide() * c.inputSide();
    for (float** each : {&m_pictures, &m_noise, &m_z}) m_plan.want(*each, m_samples * m_values);
    for (float** each : {&m_times, &m_perSample}) m_plan.want(*each, m_samples);
    m_plan.want(m_labels, m_samples);
    if (network.description().prompt.vocabulary) {
        m_plan.want(m_promptIds, m_samples * c.contextTokens);
        m_plan.want(m_promptWeights, m_samples * c.contextTokens);
    }
    m_plan.want(m_dOutput, network.outputValues());
}

void TrainingPass::allocate() { m_memory = m_plan.place(m_device); }

PassResult TrainingPass::forward(const float* values, const TrainingBatch& batch, float lossScale) {
    const TransformerConfig& c = m_network.description().config;
    const int64_t floats = m_samples * m_values * 4;
    m_device.upload(batch.pictures.data(), m_pictures, floats);
    m_device.upload(batch.noise.data(), m_noise, floats);
    m_device.upload(batch.times.data(), m_times, m_samples * 4);
    if (m_promptIds) {
        m_device.upload(batch.prompts.ids.data(), m_promptIds, m_samples * c.contextTokens * 4);
        m_device.upload(batch.prompts.weights.data(), m_promptWeights, m_samples * c.contextTokens * 4);
    } else {
        m_device.upload(batch.labels.data(), m_labels, m_samples * 4);
    }
    m_device.mixNoise(m_samples, m_values, m_pictures, m_noise, m_times, m_z);
    const float* output = m_network.forward(values, {m_z, m_times, m_labels, {m_promptIds, m_promptWeights}});
    m_device.flowLoss({m_settings.target, m_samples, c.inChannels, c.outChannels, c.inputSide() * c.inputSide(), m_settings.tEps}, output,
                      m_pictures, m_z, m_noise, m_times, lossScale, m_perSample, m_dOutput);
    PassResult result;
    result.perSample.resize(static_cast<size_t>(m_samples));
    m_device.download(m_perSample, result.perSample.data(), m_samples * 4);
    for (const float error : result.perSample) result.loss += error;
    result.loss /= static_cast<double>(m_samples);
    return result;
}

PassResult TrainingPass::run(const float* values, const TrainingBatch& batch, float lossScale, float* gradients,
                             const ParameterLayout& layout, std::vector<bool>& present) {
    PassResult result = forward(values, batch, lossScale);
    result.routerLosses = m_network.backward(values, m_dOutput, lossScale, gradients);
    markPresent(layout, present);
    return result;
}

PassResult TrainingPass::evaluate(const float* values, const TrainingBatch& batch) { return forward(values, batch, 0); }

void TrainingPass::markPresent(const ParameterLayout& layout, std::vector<bool>& present) const {
    const auto& parameters = layout.parameters();
    present.resize(parameters.size());
    std::vector<std::vector<int32_t>> offsets(static_cast<size_t>(m_network.description().config.depth));
    for (const LayerDecisions& layer : m_network.decisions()) {
        auto& of = offsets[static_cast<size_t>(layer.block)];
        of.resize(static_cast<size_t>(layer.experts) + 1);
        m_device.download(layer.offsets, of.data(), static_cast<int64_t>(of.size()) * 4);
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
        const Parameter& p = parameters[i];
        if (!p.learned) continue;
        if (p.expert < 0) {
            present[i] = true;
            continue;
        }
        const auto& of = offsets[static_cast<size_t>(p.block)];
        if (of[static_cast<size_t>(p.expert) + 1] > of[static_cast<size_t>(p.expert)]) present[i] = true;
    }
}

}  // namespace moescope::train
