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
    : m_denoiser(denoiser), m_backend(denoiser.backend()), m_settings(settings), m_inputs{classes, negativeClass, {}, nullptr, {}, {}},
      m_images(static_cast<int64_t>(classes.size())),
      m_schedule(flowSchedule(denoiser.description().prediction, settings.steps, settings.shift, denoiser.description().time.dataTime)),
      m_heunEndsWithEuler(denoiser.description().prediction == Prediction::CleanImage), m_queue(m_backend, denoiser.recordable()) {
    const TransformerConfig& c = denoiser.description().config;
    static_cast<void>(branchLabels(c, m_inputs, true));
    const Shape shape{m_images, c.inChannels, c.inputSide(), c.inputSide()};
    m_velocity = m_backend.tensor(shape);
    if (settings.sampler == SamplerKind::Heun) {
        m_secondVelocity = m_backend.tensor(shape);
        m_middle = m_backend.tensor(shape);
    }
    m_params = m_backend.tensor({3});
    m_guide = m_backend.tensor({2});
    m_width = m_backend.tensor({1});
    if (m_queue.replays()) m_state = m_backend.tensor(shape);
}

void FlowSampler::setClasses(const std::vector<int>& classes) {
    const TransformerConfig& c = m_denoiser.description().config;
    SamplerInputs wanted = m_inputs;
    wanted.classes = classes;
    static_cast<void>(branchLabels(c, wanted, true));
    if (classes.size() != m_inputs.classes.size())
        throw EngineException(ErrorCode::Internal, fmt::format("{} classes for a sampler of {} images", classes.size(), m_images));
    m_inputs.classes = classes;
    for (const bool guided : {true, false}) {
        Pass& pass = guided ? m_guided : m_plain;
        if (pass.workspace) m_backend.upload(pass.labels, std::span<const int32_t>(branchLabels(c, m_inputs, guided)));
    }
}

FlowSampler::Pass FlowSampler::makePass(bool guided) const {
    const TransformerConfig& c = m_denoiser.description().config;
    const std::vector<int32_t> labels = branchLabels(c, m_inputs, guided);
    const int64_t samples = static_cast<int64_t>(labels.size());
    Pass pass;
    pass.workspace = m_denoiser.makeWorkspace(samples);
    pass.input = m_backend.tensor({samples, c.inChannels, c.inputSide(), c.inputSide()});
    pass.times = m_backend.tensor({samples});
    pass.labels = m_backend.tensor({samples}, MS_I32);
    m_backend.upload(pass.labels, std::span<const int32_t>(labels));
    if (m_networks) pass.prompts = promptsOf(*m_networks, m_images, guided);
    readPrompts(pass, guided);
    return pass;
}

void FlowSampler::setPrompts(std::vector<std::string> prompts) {
    prompts.resize(m_inputs.classes.size());
    m_inputs.prompts = std::move(prompts);
    for (const bool guided : {true, false}) {
        Pass& pass = guided ? m_guided : m_plain;
        if (pass.workspace) readPrompts(pass, guided);
    }
}

void FlowSampler::readPrompts(Pass& pass, bool guided) const {
    if (m_denoiser.description().conditioning != Conditioning::Prompt) return;
    std::vector<std::string> prompts = m_inputs.prompts;
    const auto images = static_cast<size_t>(m_images);
    prompts.resize(images);
    prompts.resize(guided ? 2 * images : images, m_inputs.negativePrompt);
    m_denoiser.encodePrompts(prompts, pass.read);
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

/// Numbers that change from one evaluation to the next are read from tensors, so that this can be recorded.
void FlowSampler::work(Pass& pass, bool guided, Move move, DeviceTensor& state, DenoiserObserver* follower) {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const TimeConvention& time = m_denoiser.description().time;
    const DeviceTensor& z = move == Move::Correct ? m_middle : state;
    const DeviceTensor& velocity = move == Move::Correct ? m_secondVelocity : m_velocity;
    m_backend.check(guided ? ops.repeat_batch(context, z.get(), pass.input.get()) : ops.copy(context, z.get(), pass.input.get()));
    Condition condition{pass.labels, guided ? 2 : 1, m_settings.pool, pass.prompts.empty() ? nullptr : &pass.prompts, m_flowTimes};
    condition.networks = m_networks;
    condition.step = m_step;
    condition.nextFlowTime = m_nextTime;
    condition.prompts = pass.read.tokens.empty() ? nullptr : &pass.read;
    m_denoiser.forward(*pass.workspace, pass.input, pass.times, condition, follower);
    const DeviceTensor& prediction = pass.workspace->output();
    const int64_t channels = time.guidedChannels ? time.guidedChannels : z.dim(1);
    const bool plain = m_denoiser.description().prediction == Prediction::CleanImage || (time.dataTime != 0 && channels == z.dim(1));
    m_backend.check(plain ? ops.guided_velocity(context, prediction.get(), z.get(), m_params.get(), velocity.get())
                          : ops.guided_prediction(context, prediction.get(), m_guide.get(), channels, velocity.get()));
    if (move == Move::Correct) m_backend.check(ops.mean(context, m_velocity.get(), m_secondVelocity.get(), m_velocity.get()));
    m_backend.check(ops.advance(context, state.get(), m_velocity.get(), m_width.get(), move == Move::Predict ? m_middle.get() : state.get()));
}

void FlowSampler::evaluate(DeviceTensor& state, EvaluationInfo info, Move move) {
    const TimeConvention& time = m_denoiser.description().time;
    const bool cleanImage = m_denoiser.description().prediction == Prediction::CleanImage;
    const float flowTime = m_schedule.times[static_cast<size_t>(info.step + info.stage)];
    const float scale = guidanceAt(m_settings, flowTime);
    info.cfgScale = scale;
    info.uncondRun = cleanImage || scale != 1.0f;
    const bool guided = info.uncondRun;
    Pass& pass = guided ? m_guided : m_plain;
    if (!pass.workspace) pass = makePass(guided);

    m_step = info.step;
    m_queue.prepare();
    const int64_t samples = pass.times.dim(0);
    m_times.assign(static_cast<size_t>(samples), info.timestep);
    m_backend.upload(pass.times, std::span<const float>(m_times));
    m_flowTimes.assign(static_cast<size_t>(samples), flowTime);
    const float span = std::max(info.noiseLevel, static_cast<float>(m_settings.tEps));
    const float params[3] = {cleanImage ? 1.0f : 0.0f, span, scale}, guide[2] = {scale, time.dataTime == 0 ? -1.0f : 1.0f};
    m_backend.upload(m_params, std::span<const float>(params));
    m_backend.upload(m_guide, std::span<const float>(guide));
    m_backend.upload(m_width, std::span<const float>(&m_schedule.widths[static_cast<size_t>(info.step)], 1));
    m_queue.queue(static_cast<int>(move), info, samples, [&](DenoiserObserver* follower) { work(pass, guided, move, state, follower); });
    m_queue.queued({info, pass.input, pass.workspace->output(), move == Move::Correct ? m_secondVelocity : m_velocity});
}

void FlowSampler::integrate(DeviceTensor& state, SamplerObserver* observer) {
    int evaluation = 0;
    for (int step = 0; step < m_settings.steps; ++step) {
        const bool last = step + 1 == m_settings.steps;
        const bool corrected = m_settings.sampler == SamplerKind::Heun && !(last && m_heunEndsWithEuler);
        const float next = m_schedule.times[static_cast<size_t>(step) + 1];
        m_nextTime = last && !corrected ? -1.0f : next;
        evaluate(state, infoAt(evaluation++, step, 0), corrected ? Move::Predict : Move::Step);
        m_nextTime = last ? -1.0f : next;
        if (corrected) evaluate(state, infoAt(evaluation++, step, 1), Move::Correct);
        if (observer) observer->stepped(step, state);
    }
}

void FlowSampler::run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop) {
    const Backend::CancelScope cancel(m_backend, stop);
    m_queue.run(z, m_state, observer, stop, [&](DeviceTensor& state) { integrate(state, observer); });
}

}  // namespace moescope
