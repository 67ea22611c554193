// SPDX-License-Identifier: Apache-2.0
// Samplers of rectified flows: Euler and Heun from t = 0 (noise) to t = 1 (data), with classifier-free guidance.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// How a run integrates; see SamplingDefaults for the meaning of the numbers.
using SamplerSettings = SamplingDefaults;

/// n+1 stops and the n step widths between them, fp32 as the published samplers compute them.
struct FlowSchedule {
    std::vector<float> times;
    std::vector<float> widths;
};

/// Velocity models (DSMoE): t_i = i/n in double, rounded; every width 1/n. Clean-image models (JiT): linspace in fp32.
FlowSchedule flowSchedule(Prediction prediction, int steps);

/// Network evaluations of a run: one per step; Heun makes two, but clean-image models end with an Euler step.
int plannedEvaluations(Prediction prediction, const SamplerSettings& settings);

/// The guidance scale at time t: `cfgScale` where low < t < high (from the start if low is 0, to the end if high is 1), else 1.
/// Compared in fp32, as the published code does.
float guidanceAt(const SamplerSettings& settings, float t);

/// One network evaluation, handed to the observer after it was queued. Tensors are valid during the call.
struct EvaluationView {
    const EvaluationInfo& info;
    const DeviceTensor& input;       // [B, C, H, W] what the network saw
    const DeviceTensor& prediction;  // [B or 2B, C', H, W] network output, conditional samples first
    const DeviceTensor& velocity;    // [B, C, H, W] guided
};

/// Follows a run on the calling thread.
class SamplerObserver {
public:
    virtual ~SamplerObserver() = default;
    /// Before an evaluation over `samples` samples (conditional ones first); the result follows the forward pass, may be null.
    virtual DenoiserObserver* beforeEvaluation(const EvaluationInfo&, int64_t /*samples*/) { return nullptr; }
    virtual void evaluated(const EvaluationView&) {}
    /// After step `step`: z is the state that the next step starts from.
    virtual void stepped(int /*step*/, const DeviceTensor& /*z*/) {}
};

/// Both branches go through the network in one pass. Clean-image models always run both; velocity models run the
/// conditional one alone where the scale is 1. No allocation after construction (and the first unguided evaluation).
class FlowSampler {
public:
    /// `classes`: one per image; `negativeClass`: what the unconditional branch is given, -1 for the null class. Throws
    /// EngineException for a class out of range.
    FlowSampler(const Denoiser& denoiser, const SamplerSettings& settings, const std::vector<int>& classes, int negativeClass = -1);

    /// What a mixture of networks is told besides the classes; stays alive while this is used. Call before `run`.
    void setNetworks(const NetworkRequest* networks) { m_networks = networks; }
    /// Evaluations that `run` will make.
    int evaluationCount() const;
    /// Integrates z [B, C, side, side] in place; on entry unit noise times the noise scale. Throws EngineException.
    void run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop = {});

private:
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
        HostTensor prompts;  // [samples, P], where they are given
    };
    Pass makePass(bool guided) const;
    const NetworkRequest* m_networks = nullptr;
    float m_nextTime = -1;  // of the evaluation after the one that runs
    std::vector<int> m_classes;
    std::vector<float> m_times;  // one per sample of the pass
    int m_negativeClass;
    Pass m_guided, m_plain;
    DeviceTensor m_velocity, m_secondVelocity, m_middle, m_params, m_width;
};

}  // namespace moescope
