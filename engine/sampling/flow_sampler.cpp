// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/flow_sampler.h"

#include <algorithm>

#include <fmt/format.h>

namespace moescope {
namespace {

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

FlowSchedule flowSchedule(Prediction prediction, int steps, double shift, double dataTime) {
    FlowSchedule schedule;
    if (shift != 1 || dataTime == 0) {
        for (int i = 0; i <= steps; ++i) {
            const double level = static_cast<double>(steps - i) / steps;
            schedule.levels.push_back(static_cast<float>(shift * level / (1 + (shift - 1) * level)));
            schedule.times.push_back(1.0f - schedule.levels.back());
            if (i > 0) schedule.widths.push_back(schedule.levels[static_cast<size_t>(i) - 1] - schedule.levels.back());
        }
        return schedule;
    }
    if (prediction == Prediction::CleanImage) {
        schedule.times = unitLinspace(steps);
        for (int i = 0; i < steps; ++i)
            schedule.widths.push_back(schedule.times[static_cast<size_t>(i) + 1] - schedule.times[static_cast<size_t>(i)]);
    } else {
        for (int i = 0; i <= steps; ++i) schedule.times.push_back(static_cast<float>(static_cast<double>(i) / steps));
        schedule.widths.assign(static_cast<size_t>(steps), static_cast<float>(1.0 / steps));
    }
    for (const float time : schedule.times) schedule.levels.push_back(1.0f - time);
    return schedule;
}

FlowSampler::FlowSampler(const Denoiser& denoiser, const SamplerSettings& settings, const std::vector<int>& classes,
                         int negativeClass)
    : m_denoiser(denoiser), m_backend(denoiser.backend()), m_settings(settings), m_images(static_cast<int64_t>(classes.size())),
      m_schedule(flowSchedule(denoiser.description().prediction, settings.steps, settings.shift, denoiser.description().time.dataTime)),
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
    m_guide = m_backend.tensor({2});
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
    return pass;
}

int FlowSampler::evaluationCount() const {
    return plannedEvaluations(m_denoiser.description().prediction, m_settings);
}

EvaluationInfo FlowSampler::infoAt(int evaluation, int step, int stage) const {
    const TimeConvention& time = m_denoiser.description().time;
    const auto stop = static_cast<size_t>(step + stage);
    EvaluationInfo info{evaluation, step, stage};
    info.noiseLevel = m_schedule.levels[stop];
    info.timestep = (time.dataTime == 0 ? m_schedule.levels[stop] : m_schedule.times[stop]) * static_cast<float>(time.timeScale);
    return info;
}

void FlowSampler::evaluate(const DeviceTensor& z, EvaluationInfo info, DeviceTensor& velocity, SamplerObserver* observer) {
    const TimeConvention& time = m_denoiser.description().time;
    const bool cleanImage = m_denoiser.description().prediction == Prediction::CleanImage;
    const float flowTime = m_schedule.times[static_cast<size_t>(info.step + info.stage)];
    const float scale = guidanceAt(m_settings, flowTime);
    info.cfgScale = scale;
    info.uncondRun = cleanImage || scale != 1.0f;
    Pass& pass = info.uncondRun ? m_guided : m_plain;
    if (!pass.workspace) pass = makePass(info.uncondRun);

    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const int64_t samples = pass.times.dim(0);
    m_times.assign(static_cast<size_t>(samples), info.timestep);
    m_backend.upload(pass.times, std::span<const float>(m_times));
    m_flowTimes.assign(static_cast<size_t>(samples), flowTime);
    const float span = std::max(info.noiseLevel, static_cast<float>(m_settings.tEps));
    const float params[3] = {cleanImage ? 1.0f : 0.0f, span, scale}, guide[2] = {scale, time.dataTime == 0 ? -1.0f : 1.0f};
    m_backend.upload(m_params, std::span<const float>(params));
    m_backend.upload(m_guide, std::span<const float>(guide));

    DenoiserObserver* follower = observer ? observer->beforeEvaluation(info, samples) : nullptr;
    m_backend.check(info.uncondRun ? ops.repeat_batch(context, z.get(), pass.input.get()) : ops.copy(context, z.get(), pass.input.get()));
    m_denoiser.forward(*pass.workspace, pass.input, pass.times, {pass.labels, info.uncondRun ? 2 : 1, m_settings.pool, nullptr, m_flowTimes},
                       follower);
    const DeviceTensor& prediction = pass.workspace->output();
    const int64_t guided = time.guidedChannels ? time.guidedChannels : z.dim(1);
    const bool plain = cleanImage || (time.dataTime != 0 && guided == z.dim(1));
    m_backend.check(plain ? ops.guided_velocity(context, prediction.get(), z.get(), m_params.get(), velocity.get())
                          : ops.guided_prediction(context, prediction.get(), m_guide.get(), guided, velocity.get()));
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
        evaluate(z, infoAt(evaluation++, step, 0), m_velocity, observer);
        const bool last = step + 1 == m_settings.steps;
        if (m_settings.sampler == SamplerKind::Heun && !(last && m_heunEndsWithEuler)) {
            m_backend.check(ops.advance(context, z.get(), m_velocity.get(), m_width.get(), m_middle.get()));
            evaluate(m_middle, infoAt(evaluation++, step, 1), m_secondVelocity, observer);
            m_backend.check(ops.mean(context, m_velocity.get(), m_secondVelocity.get(), m_velocity.get()));
        }
        m_backend.check(ops.advance(context, z.get(), m_velocity.get(), m_width.get(), z.get()));
        if (observer) observer->stepped(step, z);
    }
    m_backend.synchronize();
}

}  // namespace moescope
