// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/sampler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "engine/sampling/diffusion_sampler.h"
#include "engine/sampling/flow_sampler.h"

namespace moescope {
namespace {

constexpr int kLargestStepCount = 10000;
constexpr double kLargestShift = 1000;

bool isDiscrete(SamplerKind sampler) {
    return sampler == SamplerKind::Ddpm || sampler == SamplerKind::Ddim;
}

}  // namespace

int plannedEvaluations(Prediction prediction, const SamplerSettings& settings) {
    if (settings.sampler != SamplerKind::Heun) return settings.steps;
    return 2 * settings.steps - (prediction == Prediction::CleanImage ? 1 : 0);
}

float guidanceAt(const SamplerSettings& settings, float t) {
    const float low = static_cast<float>(settings.cfgLow), high = static_cast<float>(settings.cfgHigh);
    const bool inside = (t < high || settings.cfgHigh >= 1.0) && (settings.cfgLow == 0.0 || t > low);
    return inside ? static_cast<float>(settings.cfgScale) : 1.0f;
}

bool drawsStepNoise(const SamplerSettings& settings) {
    return settings.sampler == SamplerKind::Ddpm || (settings.sampler == SamplerKind::Ddim && settings.eta > 0);
}

Status checkSampler(const ModelDescription& description, const SamplerSettings& s) {
    const auto refuse = [](std::string message) { return Status(ErrorCode::InvalidArgument, std::move(message)); };
    if (std::find(description.samplers.begin(), description.samplers.end(), s.sampler) == description.samplers.end()) {
        std::vector<std::string_view> names;
        for (const SamplerKind kind : description.samplers) names.push_back(samplerName(kind));
        return refuse(fmt::format("the sampler {} does not fit what this model predicts; choose {}",
                                  samplerName(s.sampler), fmt::join(names, " or ")));
    }
    if (s.steps < 1 || s.steps > kLargestStepCount)
        return refuse(fmt::format("steps should be 1 to {}, found {}", kLargestStepCount, s.steps));
    if (isDiscrete(s.sampler)) {
        if (!(s.eta >= 0 && s.eta <= 1))
            return refuse(
                fmt::format("eta should be between 0 (no noise in the steps) and 1 (as much as ddpm), found {}", s.eta));
        const auto kept = keptTimesteps(s.respacing, s.steps);
        if (!kept.ok()) return kept.error();
        if (static_cast<int>(kept->size()) != s.steps)
            return refuse(fmt::format("the respacing '{}' keeps {} timesteps and the run has {} steps; leave one of the "
                                      "two out",
                                      s.respacing, kept->size(), s.steps));
        return {};
    }
    if (!s.respacing.empty())
        return refuse(fmt::format("a respacing ('{}') is for discrete diffusions; this model is a flow, give the number of "
                                  "steps instead",
                                  s.respacing));
    if (!(s.shift > 0 && s.shift <= kLargestShift))
        return refuse(fmt::format("the shift should be above 0 and at most {}, found {}", kLargestShift, s.shift));
    return {};
}

std::unique_ptr<Sampler> makeSampler(const Denoiser& denoiser, const SamplerSettings& settings, SamplerInputs inputs) {
    checkSampler(denoiser.description(), settings).orThrow();
    if (isDiscrete(settings.sampler))
        return std::make_unique<DiffusionSampler>(denoiser, settings, std::move(inputs));
    auto sampler = std::make_unique<FlowSampler>(denoiser, settings, inputs.classes, inputs.negativeClass);
    sampler->setNetworks(inputs.networks);
    sampler->setNegativePrompt(std::move(inputs.negativePrompt));
    sampler->setPrompts(std::move(inputs.prompts));
    return sampler;
}

std::vector<int32_t> branchLabels(const TransformerConfig& config, const SamplerInputs& inputs, bool guided) {
    std::vector<int32_t> labels(inputs.classes.begin(), inputs.classes.end());
    const int32_t negative = inputs.negativeClass < 0 ? static_cast<int32_t>(config.classes) : inputs.negativeClass;
    if (guided) labels.insert(labels.end(), inputs.classes.size(), negative);
    for (const int32_t label : labels)
        if (label < 0 || label > config.classes)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("class {} is out of range: this model has classes 0 to {} ({} is the null class)",
                                              label, config.classes - 1, config.classes));
    return labels;
}

}  // namespace moescope
