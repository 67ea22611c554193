// SPDX-License-Identifier: Apache-2.0
// What all samplers share: their settings, how a run is followed, and the choice of the sampler that fits a model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// How a run integrates; see SamplingDefaults for the meaning of the numbers.
using SamplerSettings = SamplingDefaults;

/// Network evaluations of a run: one per step; Heun makes two, but clean-image models end with an Euler step.
int plannedEvaluations(Prediction prediction, const SamplerSettings& settings);

/// The guidance scale at flow time t (noise at 0, data at 1): `cfgScale` where low < t < high (from the start if low is 0, to the
/// end if high is 1), else 1. Compared in fp32, as the published code does.
float guidanceAt(const SamplerSettings& settings, float t);

/// One network evaluation, handed to the observer after it was queued. Tensors are valid during the call.
struct EvaluationView {
    const EvaluationInfo& info;
    const DeviceTensor& input;       // [B or 2B, C, H, W] what the network saw; the two branches see the same
    const DeviceTensor& prediction;  // [B or 2B, C', H, W] network output, conditional samples first
    const DeviceTensor& velocity;    // [B, C, H, W] guided, towards the data: clean estimate = input + noiseLevel velocity
    /// Discrete diffusions: the prediction after guidance [B, C', H, W] and the clean estimate [B, C, H, W].
    const DeviceTensor* guided = nullptr;
    const DeviceTensor* clean = nullptr;
};

/// Follows a run on the calling thread.
class SamplerObserver {
public:
    virtual ~SamplerObserver() = default;
    /// Before an evaluation over `samples` samples (conditional ones first); the result follows the forward pass, may be null.
    virtual DenoiserObserver* beforeEvaluation(const EvaluationInfo&, int64_t /*samples*/) { return nullptr; }
    /// 0 or more: the forward pass may be replayed from a recording of another evaluation with the same number, without calls of
    /// the observer that follows it, which outlives the sampler then. Below 0: each pass has to be followed by itself.
    virtual int form(const EvaluationInfo&) { return -1; }
    /// The evaluation is queued; what it leaves may be downloaded.
    virtual void evaluated(const EvaluationView&) {}
    /// The downloads of the oldest evaluation that this was not called for are there. The next evaluation may be running.
    virtual void arrived() {}
    /// After step `step`: z is the state that the next step starts from.
    virtual void stepped(int /*step*/, const DeviceTensor& /*z*/) {}
};

/// Both guidance branches go through the network in one pass. Used by one thread.
class Sampler {
public:
    virtual ~Sampler() = default;
    /// Other classes for as many images: the next run is about them. Throws EngineException as makeSampler does.
    virtual void setClasses(const std::vector<int>& classes) = 0;
    /// Other prompts for as many images, where the network reads prompts.
    virtual void setPrompts(std::vector<std::string> /*prompts*/) {}
    /// Evaluations that `run` will make.
    virtual int evaluationCount() const = 0;
    /// Integrates z [B, C, side, side] in place; on entry unit noise times the noise scale. Throws EngineException.
    virtual void run(DeviceTensor& z, SamplerObserver* observer, std::stop_token stop = {}) = 0;
};

/// Fills a tensor [B, C, side, side] of the run's device with the standard normal numbers of the next step; called once
/// per step that could add noise, in order, and never while a graph is recorded.
using StepNoise = std::function<void(DeviceTensor&)>;

/// What the pictures of a batch are to show, and where fresh noise comes from.
struct SamplerInputs {
    std::vector<int> classes;  // one per image
    int negativeClass = -1;    // what the unconditional branch is given; -1: the null class
    StepNoise stepNoise;       // needed where `drawsStepNoise`
    const NetworkRequest* networks = nullptr;  // what a mixture of networks is told besides; outlives the sampler
    std::vector<std::string> prompts;  // one per image, for networks that read prompts; none: empty prompts
    std::string negativePrompt;        // what their unconditional branch is given
};

/// Whether steps add noise of their own: DDPM, and DDIM with an eta above 0.
bool drawsStepNoise(const SamplerSettings& settings);

/// Whether the settings fit the model: a sampler for its prediction, steps, shift, eta and respacing in range. A sentence.
Status checkSampler(const ModelDescription& description, const SamplerSettings& settings);

/// The sampler for the model's prediction. Throws EngineException for settings that do not fit and classes out of range.
std::unique_ptr<Sampler> makeSampler(const Denoiser& denoiser, const SamplerSettings& settings, SamplerInputs inputs);

/// Labels [images] or, guided, [2 images] with the unconditional ones behind. Throws EngineException for a class out of range.
std::vector<int32_t> branchLabels(const TransformerConfig& config, const SamplerInputs& inputs, bool guided);

}  // namespace moescope
