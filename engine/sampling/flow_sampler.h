// SPDX-License-Identifier: Apache-2.0
// Samplers of rectified flows: Euler and Heun from noise to data, with classifier-free guidance.
#pragma once

#include <vector>

#include "engine/sampling/evaluation_queue.h"

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
/// here always point to the data. No allocation after the first evaluations.
class FlowSampler final : public Sampler {
public:
    /// `classes`: one per image; `negativeClass`: what the unconditional branch is given, -1 for the null class. Throws
    /// EngineException for a class out of range.
    FlowSampler(const Denoiser& denoiser, const SamplerSettings& settings, const std::vector<int>& classes, int negativeClass = -1);

    /// What a mixture of networks is told besides the classes; stays alive while this is used. Call before `run`.
    void setNetworks(const NetworkRequest* networks) { m_networks = networks; }
    /// What the unconditional branch of a network that reads prompts is given. Call before `run`.
    void setNegativePrompt(std::string prompt) { m_inputs.negativePrompt = std::move(prompt); }
    void setClasses(const std::vector<int>& classes) override;
    void setPrompts(std::vector<std::string> prompts) override;
    int evaluationCount() const override;
    void run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop = {}) override;

private:
    /// What follows an evaluation: a whole step, Heun's look ahead, or the step that corrects it.
    enum class Move : uint8_t { Step, Predict, Correct };
    struct Pass {  // one size of forward pass
        std::unique_ptr<DenoiserWorkspace> workspace;
        DeviceTensor input, times, labels;
        HostTensor prompts;  // [samples, P], where they are given
        PromptStates read;   // of networks that read prompts
    };
    Pass makePass(bool guided) const;
    void readPrompts(Pass& pass, bool guided) const;
    EvaluationInfo infoAt(int evaluation, int step, int stage) const;
    void integrate(DeviceTensor& state, SamplerObserver* observer);
    void evaluate(DeviceTensor& state, EvaluationInfo info, Move move);
    void work(Pass& pass, bool guided, Move move, DeviceTensor& state, DenoiserObserver* follower);

    const Denoiser& m_denoiser;
    Backend& m_backend;
    SamplerSettings m_settings;
    SamplerInputs m_inputs;
    int64_t m_images;
    FlowSchedule m_schedule;
    bool m_heunEndsWithEuler;
    std::vector<float> m_times, m_flowTimes;  // one per sample of the pass: as the network receives it, and with data at 1
    const NetworkRequest* m_networks = nullptr;
    int m_step = 0;         // of the evaluation that runs
    float m_nextTime = -1;  // of the evaluation after it; below 0: there is none
    Pass m_guided, m_plain;
    DeviceTensor m_velocity, m_secondVelocity, m_middle, m_params, m_guide, m_width;
    DeviceTensor m_state;     // where recordings have z; empty where none are made
    EvaluationQueue m_queue;  // after the tensors of its recordings
};

}  // namespace moescope
