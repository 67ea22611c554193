// SPDX-License-Identifier: Apache-2.0
// Samplers of rectified flows: Euler and Heun from noise to data, with classifier-free guidance.
#pragma once

#include <vector>

#include "engine/sampling/sampler.h"

namespace moescope {

/// n+1 stops and the n step widths between them, fp32 as the published samplers compute them.
struct FlowSchedule {
    std::vector<float> times;   // noise at 0, data at 1
    std::vector<float> levels;  // noise levels: 1 - t
    std::vector<float> widths;
};

/// Data at 1, velocity predictions: t_i = i/n in double, rounded; every width 1/n. Clean-image predictions: linspace in fp32.
/// Data at 0, or a shift: noise levels (n-i)/n in double, shifted (see SamplingDefaults), rounded; widths are their differences.
FlowSchedule flowSchedule(Prediction prediction, int steps, double shift = 1, double dataTime = 1);

/// Both branches go through the network in one pass. Clean-image models always run both; velocity models run the
/// conditional one alone where the scale is 1. What the network means by time and velocity says its TimeConvention; velocities
/// here always point to the data. No allocation after construction (and the first unguided evaluation).
class FlowSampler final : public Sampler {
public:
    /// `classes`: one per image; `negativeClass`: what the unconditional branch is given, -1 for the null class. Throws
    /// EngineException for a class out of range.
    FlowSampler(const Denoiser& denoiser, const SamplerSettings& settings, const std::vector<int>& classes, int negativeClass = -1);

    int evaluationCount() const override;
    void run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop = {}) override;

private:
    EvaluationInfo infoAt(int evaluation, int step, int stage) const;
    void evaluate(const DeviceTensor& z, EvaluationInfo info, DeviceTensor& velocity, SamplerObserver* observer);

    const Denoiser& m_denoiser;
    Backend& m_backend;
    SamplerSettings m_settings;
    int64_t m_images;
    FlowSchedule m_schedule;
    bool m_heunEndsWithEuler;
    struct Pass {  // one size of forward pass
        std::unique_ptr<DenoiserWorkspace> workspace;
        DeviceTensor input, times, labels;
    };
    Pass makePass(bool guided) const;
    std::vector<int> m_classes;
    std::vector<float> m_times, m_flowTimes;  // one per sample of the pass: as the network receives it, and with data at 1
    int m_negativeClass;
    Pass m_guided, m_plain;
    DeviceTensor m_velocity, m_secondVelocity, m_middle, m_params, m_guide, m_width;
};

}  // namespace moescope
