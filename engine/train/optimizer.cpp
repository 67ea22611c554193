// SPDX-License-Identifier: Apache-2.0
#include "engine/train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "engine/train/memory_plan.h"

namespace moescope::train {

Optimizer::Optimizer(TrainingDevice& device, const ParameterLayout& layout, const OptimizerOptions& options)
    : m_device(device), m_layout(layout), m_options(options), m_steps(layout.parameters().size()), m_averages(options.averageDecays.size()) {}

int64_t Optimizer::bytes() const {
    const auto whole = static_cast<int64_t>(1 + m_averages.size());
    return 4 * (whole * m_layout.allValues() + 3 * m_layout.learnedValues());
}

void Optimizer::allocate() {
    MemoryPlan plan;
    plan.want(m_values, m_layout.allValues());
    for (float** each : {&m_gradients, &m_moment1, &m_moment2}) plan.want(*each, m_layout.learnedValues());
    for (float*& average : m_averages) plan.want(average, m_layout.allValues());
    m_memory = plan.place(m_device);
}

bool Optimizer::trained(size_t parameter) const {
    return m_layout.parameters()[parameter].learned && (m_frozen.empty() || !m_frozen[parameter]);
}

void Optimizer::clearGradients() { m_device.zero(m_layout.learnedValues(), m_gradients); }

std::vector<Optimizer::Run> Optimizer::runs(const StepTensors& tensors) const {
    const auto& parameters = m_layout.parameters();
    const auto decays = [&](size_t i) { return m_options.weightDecay != 0 && parameters[i].shape.size() > 1; };
    std::vector<Run> made;
    bool open = false;
    for (size_t i = 0; i < parameters.size(); ++i) {
        if (!trained(i) || !tensors.present[i]) {
            open = false;
            continue;
        }
        const int64_t first = m_firstValue.empty() ? 0 : m_firstValue[i];
        if (open && first == 0 && m_steps[made.back().parameter] == m_steps[i] && decays(made.back().parameter) == decays(i))
            made.back().values += parameters[i].values;
        else
            made.push_back({parameters[i].offset + first, parameters[i].values - first, i});
        open = true;
    }
    return made;
}

StepResult Optimizer::step(const StepTensors& tensors, double rate, double gradientScale) {
    const auto& parameters = m_layout.parameters();
    const std::vector<Run> parts = runs(tensors);
    double squares = 0;
    for (const Run& run : parts) squares += m_device.squareSum(run.values, m_gradients + run.offset);
    StepResult result{std::sqrt(squares) * gradientScale};
    if (!std::isfinite(result.gradientNorm)) return result;
    double scale = gradientScale;
    // The small number keeps a gradient of zero from dividing by zero, as in PyTorch's clip_grad_norm_.
    if (m_options.clipNorm > 0) scale *= std::min(1.0, m_options.clipNorm / (result.gradientNorm + 1e-6));
    for (const Run& run : parts) {
        AdamSettings settings;
        settings.rate = rate;
        settings.beta1 = m_options.beta1;
        settings.beta2 = m_options.beta2;
        settings.eps = m_options.eps;
        settings.weightDecay = parameters[run.parameter].shape.size() > 1 ? m_options.weightDecay : 0;
        settings.gradientScale = static_cast<float>(scale);
        settings.step = m_steps[run.parameter] + 1;
        m_device.adam(run.values, settings, m_gradients + run.offset, m_values + run.offset, m_moment1 + run.offset, m_moment2 + run.offset);
    }
    for (size_t i = 0; i < parameters.size(); ++i)
        if (trained(i) && tensors.present[i]) ++m_steps[i];
    return result;
}

void Optimizer::startAverages() {
    for (float* average : m_averages) m_device.copy(m_layout.allValues(), m_values, average);
}

void Optimizer::updateAverages(int64_t step) {
    const int64_t learned = m_layout.learnedValues();
    const auto& parameters = m_layout.parameters();
    for (size_t i = 0; i < m_averages.size(); ++i) {
        double decay = m_options.averageDecays[i];
        if (m_options.rampAverages) decay = std::min(decay, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
        const auto move = [&](int64_t offset, int64_t values) {
            m_device.average(values, decay, m_values + offset, m_averages[i] + offset);
        };
        if (m_frozen.empty()) {
            move(0, learned);
        } else {
            for (size_t p = 0; p < parameters.size(); ++p)
                if (trained(p)) move(parameters[p].offset + m_firstValue[p], parameters[p].values - m_firstValue[p]);
        }
        // Selection biases move and are averaged where the layout does so; what is fixed would only gather rounding errors.
        for (size_t p = 0; p < parameters.size(); ++p) {
            const Parameter& buffer = parameters[p];
            if (buffer.learned) continue;
            if (m_options.averageBuffers && m_frozen.empty() && buffer.name.ends_with("e_score_correction_bias"))
                move(buffer.offset, buffer.values);
            else
                m_device.copy(buffer.values, m_values + buffer.offset, m_averages[i] + buffer.offset);
        }
    }
}

}  // namespace moescope::train
