// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/flow_sampler.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/model/network_request.h"

namespace moescope {
namespace {

/// [samples, P]: the prompts of the images, behind them the null prompt for each where both branches run.
HostTensor promptsOf(const NetworkRequest& request, int64_t images, bool guided) {
    HostTensor prompts = request.prompts;
    if (prompts.empty()) return prompts;
    for (int64_t image = 0; guided && image < images; ++image)
        prompts.data.insert(prompts.data.end(), request.nullPrompt.data.begin(), request.nullPrompt.data.end());
    prompts.shape[0] = guided ? 2 * images : images;
    return prompts;
}

/// torch.linspace(0, 1, n + 1) in fp32: the first half counts up from 0, the second down from 1.
std::vector<float> unitLinspace(int steps) {
    const float width = 1.0f / static_cast<float>(steps);
    std::vector<float> times(static_cast<size_t>(steps) + 1);
    for (int i = 0; i <= steps; ++i)
        times[static_cast<size_t>(i)] =
            i < (steps + 1) / 2 ? width * static_cast<float>(i) : 1.0f - width * static_cast<float>(steps - i);
    return times;
}

}  // namespace

FlowSchedule flowSchedule(Prediction prediction, int steps) {
    FlowSchedule schedule;
    if (prediction == Prediction::CleanImage) {
        schedule.times = unitLinspace(steps);
        for (int i = 0; i < steps; ++i)
            schedule.widths.push_back(schedule.times[static_cast<size_t>(i) + 1] - schedule.times[static_cast<size_t>(i)]);
        return schedule;
    }
    for (int i = 0; i <= steps; ++i) schedule.times.push_back(static_cast<float>(static_cast<double>(i) / steps));
    schedule.widths.assign(static_cast<size_t>(steps), static_cast<float>(1.0 / steps));
    return schedule;
}

int plannedEvaluations(Prediction prediction, const SamplerSettings& settings) {
    if (settings.sampler == SamplerKind::Euler) return settings.steps;
    return 2 * settings.steps - (prediction == Prediction::CleanImage ? 1 : 0);
}

float guidanceAt(const SamplerSettings& settings, float t) {
    const float low = static_cast<float>(settings.cfgLow), high = static_cast<float>(settings.cfgHigh);
    const bool inside = (t < high || settings.cfgHigh >= 1.0) && (settings.cfgLow == 0.0 || t > low);
    return inside ? static_cast<float>(settings.cfgScale) : 1.0f;
}

FlowSampler::FlowSampler(const Denoiser& denoiser, const SamplerSettings& settings, const std::vector<int>& classes,
                         int negativeClass)
    : m_denoiser(denoiser), m_backend(denoiser.backend()), m_settings(settings), m_images(static_cast<int64_t>(classes.size())),
      m_schedule(flowSchedule(denoiser.description().prediction, settings.steps)),
      m_heunEndsWithEuler(denoiser.description().prediction == Prediction::CleanImage), m_classes(classes),
      m_negativeClass(negativeClass) {
    const TransformerConfig& c = denoiser.description().config;
    std::vector<int> all = classes;
    if (negativeClass >= 0) all.push_back(negativeClass);
    for (const int label : all)
        if (label < 0 || label > c.classes)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("class {} is out of range: this model has classes 0 to {} ({} is the null class)", label,
                                              c.classes - 1, c.classes));
    const Shape shape{m_images, c.inChannels, c.inputSide(), c.inputSide()};
    m_velocity = m_backend.tensor(shape);
    if (settings.sampler == SamplerKind::Heun) {
        m_secondVelocity = m_backend.tensor(shape);
        m_middle = m_backend.tensor(shape);
    }
    m_params = m_backend.tensor({3});
    m_width = m_backend.tensor({1});
}

FlowSampler::Pass FlowSampler::makePass(bool guided) const {
    const TransformerConfig& c = m_denoiser.description().config;
    const int64_t samples = guided ? 2 * m_images : m_images;
    Pass pass;
    pass.workspace = m_denoiser.makeWorkspace(samples);
    pass.input = m_backend.tensor({samples, c.inChannels, c.inputSide(), c.inputSide()});
    pass.times = m_backend.tensor({samples});
    pass.labels = m_backend.tensor({samples}, MS_I32);
    std::vector<int32_t> labels(m_classes.begin(), m_classes.end());
    if (guided) labels.insert(labels.end(), static_cast<size_t>(m_images), static_cast<int32_t>(m_negativeClass < 0 ? c.classes : m_negativeClass));
    m_backend.upload(pass.labels, std::span<const int32_t>(labels));
    if (m_networks) pass.prompts = promptsOf(*m_networks, m_images, guided);
    return pass;
}

int FlowSampler::evaluationCount() const {
    return plannedEvaluations(m_denoiser.description().prediction, m_settings);
}

void FlowSampler::evaluate(const DeviceTensor& z, EvaluationInfo info, DeviceTensor& velocity, SamplerObserver* observer) {
    const bool cleanImage = m_denoiser.description().prediction == Prediction::CleanImage;
    const float scale = guidanceAt(m_settings, info.timestep);
    info.cfgScale = scale;
    info.uncondRun = cleanImage || scale != 1.0f;
    info.noiseLevel = 1.0f - info.timestep;
    Pass& pass = info.uncondRun ? m_guided : m_plain;
    if (!pass.workspace) pass = makePass(info.uncondRun);

    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const int64_t samples = pass.times.dim(0);
    m_times.assign(static_cast<size_t>(samples), info.timestep);
    m_backend.upload(pass.times, std::span<const float>(m_times));
    const float span = std::max(1.0f - info.timestep, static_cast<float>(m_settings.tEps));
    const float params[3] = {cleanImage ? 1.0f : 0.0f, span, scale};
    m_backend.upload(m_params, std::span<const float>(params));

    DenoiserObserver* follower = observer ? observer->beforeEvaluation(info, samples) : nullptr;
    m_backend.check(info.uncondRun ? ops.repeat_batch(context, z.get(), pass.input.get()) : ops.copy(context, z.get(), pass.input.get()));
    Condition condition{pass.labels, info.uncondRun ? 2 : 1};
    condition.prompt = pass.prompts.empty() ? nullptr : &pass.prompts;
    condition.flowTimes = m_times;
    condition.networks = m_networks;
    condition.step = info.step;
    condition.nextFlowTime = m_nextTime;
    m_denoiser.forward(*pass.workspace, pass.input, pass.times, condition, follower);
    const DeviceTensor& prediction = pass.workspace->output();
    m_backend.check(ops.guided_velocity(context, prediction.get(), z.get(), m_params.get(), velocity.get()));
    if (observer) observer->evaluated({info, z, prediction, velocity});
}

void FlowSampler::run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop) {
    const Backend::CancelScope cancel(m_backend, stop);
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    int evaluation = 0;
    for (int step = 0; step < m_settings.steps; ++step) {
        const size_t i = static_cast<size_t>(step);
        m_backend.upload(m_width, std::span<const float>(&m_schedule.widths[i], 1));
        const bool last = step + 1 == m_settings.steps;
        const bool twice = m_settings.sampler == SamplerKind::Heun && !(last && m_heunEndsWithEuler);
        m_nextTime = last && !twice ? -1.0f : m_schedule.times[i + 1];
        evaluate(z, {evaluation++, step, 0, m_schedule.times[i]}, m_velocity, observer);
        if (twice) {
            m_nextTime = last ? -1.0f : m_schedule.times[i + 1];
            m_backend.check(ops.advance(context, z.get(), m_velocity.get(), m_width.get(), m_middle.get()));
            evaluate(m_middle, {evaluation++, step, 1, m_schedule.times[i + 1]}, m_secondVelocity, observer);
            m_backend.check(ops.mean(context, m_velocity.get(), m_secondVelocity.get(), m_velocity.get()));
        }
        m_backend.check(ops.advance(context, z.get(), m_velocity.get(), m_width.get(), z.get()));
        if (observer) observer->stepped(step, z);
    }
    m_backend.synchronize();
}

}  // namespace moescope
