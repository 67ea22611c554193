// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/diffusion_sampler.h"

namespace moescope {

DiffusionSampler::DiffusionSampler(const Denoiser& denoiser, const SamplerSettings& settings, SamplerInputs inputs)
    : m_denoiser(denoiser), m_backend(denoiser.backend()), m_settings(settings), m_inputs(std::move(inputs)),
      m_images(static_cast<int64_t>(m_inputs.classes.size())),
      m_schedule(respacedSchedule(trainedAlphasCumprod(denoiser.description()), keptTimesteps(settings.respacing, settings.steps).orThrow())),
      m_queue(m_backend, denoiser.recordable()) {
    const ModelDescription& d = denoiser.description();
    const TransformerConfig& c = d.config;
    m_guidedChannels = d.time.guidedChannels ? d.time.guidedChannels : c.outChannels;
    static_cast<void>(branchLabels(c, m_inputs, true));
    const Shape shape{m_images, c.inChannels, c.inputSide(), c.inputSide()};
    m_guided = m_backend.tensor({m_images, c.outChannels, c.inputSide(), c.inputSide()});
    for (DeviceTensor* tensor : {&m_clean, &m_next, &m_velocity}) *tensor = m_backend.tensor(shape);
    if (drawsStepNoise(settings)) m_noise = m_backend.tensor(shape);
    m_guide = m_backend.tensor({2});
    m_params = m_backend.tensor({8});
    m_span = m_backend.tensor({3});
    if (m_queue.replays()) m_state = m_backend.tensor(shape);
}

void DiffusionSampler::setClasses(const std::vector<int>& classes) {
    const TransformerConfig& c = m_denoiser.description().config;
    SamplerInputs wanted = m_inputs;
    wanted.classes = classes;
    static_cast<void>(branchLabels(c, wanted, true));
    if (classes.size() != m_inputs.classes.size())
        throw EngineException(ErrorCode::Internal, "a sampler was given classes for another number of images");
    m_inputs = std::move(wanted);
    for (const bool guided : {true, false}) {
        Pass& pass = guided ? m_guidedPass : m_plainPass;
        if (pass.workspace) m_backend.upload(pass.labels, std::span<const int32_t>(branchLabels(c, m_inputs, guided)));
    }
}

DiffusionSampler::Pass DiffusionSampler::makePass(bool guided) const {
    const TransformerConfig& c = m_denoiser.description().config;
    const std::vector<int32_t> labels = branchLabels(c, m_inputs, guided);
    const int64_t samples = static_cast<int64_t>(labels.size());
    Pass pass;
    pass.workspace = m_denoiser.makeWorkspace(samples);
    pass.input = m_backend.tensor({samples, c.inChannels, c.inputSide(), c.inputSide()});
    pass.times = m_backend.tensor({samples});
    pass.labels = m_backend.tensor({samples}, MS_I32);
    m_backend.upload(pass.labels, std::span<const int32_t>(labels));
    return pass;
}

/// Whether the step adds what was drawn.
bool DiffusionSampler::drawNoise(int i) {
    if (m_noise.empty()) return false;
    m_inputs.stepNoise(m_noise);  // in the last step, too: its numbers are drawn and not used
    return i > 0;
}

/// Numbers that change from one step to the next are read from tensors, so that this can be recorded.
void DiffusionSampler::work(Pass& pass, bool guided, bool noise, bool observed, DeviceTensor& state, std::span<const float> flowTimes,
                            DenoiserObserver* follower) {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    m_backend.check(guided ? ops.repeat_batch(context, state.get(), pass.input.get()) : ops.copy(context, state.get(), pass.input.get()));
    m_denoiser.forward(*pass.workspace, pass.input, pass.times, {pass.labels, guided ? 2 : 1, m_settings.pool, nullptr, flowTimes}, follower);
    const DeviceTensor& prediction = pass.workspace->output();
    m_backend.check(ops.guided_prediction(context, prediction.get(), m_guide.get(), m_guidedChannels, m_guided.get()));
    m_backend.check(ops.diffusion_step(context, m_guided.get(), state.get(), noise ? m_noise.get() : nullptr, m_params.get(), m_clean.get(),
                                       m_next.get()));
    if (observed) m_backend.check(ops.guided_velocity(context, m_clean.get(), state.get(), m_span.get(), m_velocity.get()));
    m_backend.check(ops.copy(context, m_next.get(), state.get()));
}

void DiffusionSampler::evaluate(DeviceTensor& state, int i, bool observed) {
    EvaluationInfo info;
    info.index = info.step = m_schedule.steps() - 1 - i;
    info.timestep = static_cast<float>(m_schedule.timesteps[static_cast<size_t>(i)]);
    info.noiseLevel = m_schedule.noiseLevel(i);
    const float scale = guidanceAt(m_settings, 1.0f - info.noiseLevel);
    info.cfgScale = scale;
    info.uncondRun = scale != 1.0f;
    const bool guided = info.uncondRun;
    Pass& pass = guided ? m_guidedPass : m_plainPass;
    if (!pass.workspace) pass = makePass(guided);

    m_queue.prepare();
    const int64_t samples = pass.times.dim(0);
    m_times.assign(static_cast<size_t>(samples), info.timestep);
    m_backend.upload(pass.times, std::span<const float>(m_times));
    const float guide[2] = {scale, 1.0f}, span[3] = {1.0f, info.noiseLevel, 1.0f};
    m_backend.upload(m_guide, std::span<const float>(guide));
    m_backend.upload(m_span, std::span<const float>(span));
    const auto coefficients = m_settings.sampler == SamplerKind::Ddpm ? ddpmStep(m_schedule, i) : ddimStep(m_schedule, i, m_settings.eta);
    m_backend.upload(m_params, std::span<const float>(coefficients));
    const bool noise = drawNoise(i);
    const std::vector<float> flowTimes(static_cast<size_t>(samples), 1.0f - info.noiseLevel);
    m_queue.queue((noise ? 1 : 0) + (observed ? 2 : 0), info, samples, [&](DenoiserObserver* follower) {
        work(pass, guided, noise, observed, state, flowTimes, follower);
    });
    m_queue.queued({info, pass.input, pass.workspace->output(), m_velocity, &m_guided, &m_clean});
}

void DiffusionSampler::run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop) {
    const Backend::CancelScope cancel(m_backend, stop);
    m_queue.run(z, m_state, observer, stop, [&](DeviceTensor& state) {
        for (int i = m_schedule.steps() - 1; i >= 0; --i) {
            evaluate(state, i, observer != nullptr);
            if (observer) observer->stepped(m_schedule.steps() - 1 - i, state);
        }
    });
}

}  // namespace moescope
