// SPDX-License-Identifier: Apache-2.0
// Samplers of discrete diffusions: DDPM with learned variance (arXiv 2102.09672) and DDIM (arXiv 2010.02502).
#pragma once

#include <vector>

#include "engine/sampling/diffusion_schedule.h"
#include "engine/sampling/evaluation_queue.h"

namespace moescope {

/// Runs both branches in one pass, the conditional one alone where the scale is 1; guidance acts on the channels that the
/// model's TimeConvention names. Recorded velocities point from the noisy state to the clean estimate.
class DiffusionSampler final : public Sampler {
public:
    /// Settings as `checkSampler` accepts them. Throws EngineException for a class out of range.
    DiffusionSampler(const Denoiser& denoiser, const SamplerSettings& settings, SamplerInputs inputs);

    void setClasses(const std::vector<int>& classes) override;
    int evaluationCount() const override { return m_schedule.steps(); }
    void run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop = {}) override;

    const DiffusionSchedule& schedule() const { return m_schedule; }

private:
    struct Pass {  // one size of forward pass
        std::unique_ptr<DenoiserWorkspace> workspace;
        DeviceTensor input, times, labels;
    };
    Pass makePass(bool guided) const;
    void evaluate(DeviceTensor& state, int i, bool observed);
    void work(Pass& pass, bool guided, bool noise, bool observed, DeviceTensor& state, std::span<const float> flowTimes,
              DenoiserObserver* follower);
    bool drawNoise(int i);

    const Denoiser& m_denoiser;
    Backend& m_backend;
    SamplerSettings m_settings;
    SamplerInputs m_inputs;
    int64_t m_images, m_guidedChannels;
    DiffusionSchedule m_schedule;
    Pass m_guidedPass, m_plainPass;
    std::vector<float> m_times;
    DeviceTensor m_guide, m_params, m_span;          // scale and sign; coefficients of the step; for the velocity
    DeviceTensor m_guided, m_clean, m_next, m_noise, m_velocity;
    DeviceTensor m_state;     // where recordings have z; empty where none are made
    EvaluationQueue m_queue;  // after the tensors of its recordings
};

}  // namespace moescope
