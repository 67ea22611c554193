// SPDX-License-Identifier: Apache-2.0
// A whole run of a sampler, held against the states, predictions and choices of a reference trajectory.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/sampling/diffusion_schedule.h"
#include "engine/sampling/flow_sampler.h"
#include "engine/verify/golden_kind.h"
#include "engine/verify/trajectory_recorder.h"

namespace moescope::verify {
namespace {

// Against fp64 the published samplers reach 5e-7 with velocities and 5e-6 with clean images, where the velocity divides
// by 1 - t and guidance amplifies what is left.
constexpr double kVelocityLimit = 1e-5;
constexpr double kCleanImageLimit = 5e-5;
constexpr int kMaxSteps = 100000;

double number(const GoldenFile& file, const nlohmann::json& value, std::string_view key) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
        throw EngineException(ErrorCode::Format, fmt::format("case.json should give '{}' of '{}' as a number, found {}",
                                                             key, file.name, value.dump()));
    return value.get<double>();
}

/// `key` of the run, else of the whole case, else null.
nlohmann::json look(const CaseFolder& folder, const GoldenFile& file, const char* key) {
    for (const nlohmann::json* object : {&file.entry, &folder.contents()})
        if (const auto found = object->find(key); found != object->end()) return *found;
    return nullptr;
}

/// The sampler that case.json names. Families with one sampler leave the name out, of discrete diffusions eta tells
/// DDIM.
SamplerKind readSampler(const CaseFolder& folder, const GoldenFile& file, const ModelDescription& description) {
    nlohmann::json method = look(folder, file, "method");
    if (method.is_null()) method = look(folder, file, "mode");
    if (method.is_null() && description.prediction == Prediction::Noise)
        return look(folder, file, "eta").is_null() ? SamplerKind::Ddpm : SamplerKind::Ddim;
    if (method.is_null() && description.time.dataTime == 0) return SamplerKind::Euler;
    const auto sampler = samplerFromName(method.is_string() ? method.get<std::string>() : "");
    if (!sampler)
        throw EngineException(ErrorCode::Unsupported,
                              fmt::format("case.json should name the sampler of '{}' as \"euler\" or "
                                          "\"heun\" (`method` or `mode`), found {}",
                                          file.name, method.dump()));
    return *sampler;
}

void readSteps(const CaseFolder& folder, const GoldenFile& file, SamplerSettings& settings) {
    if (const auto respacing = look(folder, file, "respacing"); respacing.is_string()) {
        settings.respacing = respacing.get<std::string>();
        settings.steps = static_cast<int>(keptTimesteps(settings.respacing, 0).orThrow().size());
        return;
    }
    const double steps = number(file, look(folder, file, "steps"), "steps");
    if (steps < 1 || steps > kMaxSteps || steps != std::floor(steps))
        throw EngineException(ErrorCode::Format, fmt::format("case.json gives '{}' {} steps; expected 1 to {}",
                                                             file.name, steps, kMaxSteps));
    settings.steps = static_cast<int>(steps);
}

SamplerSettings readSettings(const CaseFolder& folder, const GoldenFile& file, const ModelDescription& description) {
    SamplerSettings settings = description.defaults;
    if (description.prediction == Prediction::Velocity) settings.cfgLow = 0, settings.cfgHigh = 1;
    settings.sampler = readSampler(folder, file, description);
    readSteps(folder, file, settings);
    settings.cfgScale = 1;  // what stands for one branch in some files is null
    for (const char* key : {"cfg", "cfg_scale"})
        if (const auto scale = look(folder, file, key); !scale.is_null()) settings.cfgScale = number(file, scale, key);
    if (const auto shift = look(folder, file, "sample_shift"); !shift.is_null())
        settings.shift = number(file, shift, "sample_shift");
    if (const auto eta = look(folder, file, "eta"); !eta.is_null()) settings.eta = number(file, eta, "eta");
    if (const auto scale = look(folder, file, "noise_scale"); !scale.is_null())
        settings.noiseScale = number(file, scale, "noise_scale");
    if (const auto eps = look(folder, file, "t_eps"); !eps.is_null()) settings.tEps = number(file, eps, "t_eps");
    if (const auto interval = look(folder, file, "interval"); !interval.is_null()) {
        if (!interval.is_array() || interval.size() != 2)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("case.json should give the guidance interval of '{}' as two "
                                              "numbers, found {}",
                                              file.name, interval.dump()));
        settings.cfgLow = number(file, interval[0], "interval");
        settings.cfgHigh = number(file, interval[1], "interval");
    }
    return settings;
}

/// Tokens choose and every one has as many experts: only such choices can be given from outside.
bool takesForcedChoices(const ModelDescription& description) {
    const RouterRule rule = description.config.moe.rule;
    return rule == RouterRule::SigmoidTokenChoice || rule == RouterRule::SoftmaxTokenChoice || rule == RouterRule::SoftmaxNormalised;
}

/// Runs the sampler once and leaves everything in `recorder`.
void runOnce(CaseContext& context, const Denoiser& denoiser, const SamplerSettings& settings, const GoldenFile& file,
             const HostTensor& start, const std::vector<int>& classes, TrajectoryRecorder& recorder) {
    int draw = 0;
    const auto storedNoise = [&](DeviceTensor& values) {
        const std::string key = fmt::format("step_noise.{:02}", draw++);
        const HostTensor noise = file.input(key);
        if (elementCount(noise.shape) != values.elements())
            throw EngineException(ErrorCode::Format, fmt::format("'{}': '{}' should be as large as 'noise', found {}",
                                                                 file.name, key, shapeText(noise.shape)));
        context.backend().upload(values, std::span<const float>(noise.data));
    };
    const auto sampler = makeSampler(denoiser, settings, {classes, -1, storedNoise});
    DeviceTensor z = context.backend().tensorFrom(start.shape, start.data);
    recorder.start(start);
    sampler->run(z, &recorder, context.stop());
    recorder.evaluationOf["final"] = sampler->evaluationCount() - 1;
    recorder.outputs.tensors.insert_or_assign("final", floatTensor(context.backend().fetch(z)));
}

/// The times and tables that a run went by.
void addSchedule(const ModelDescription& description, const SamplerSettings& settings, NamedTensors& outputs) {
    const auto add = [&](const char* key, const auto& values) {
        const std::vector<float> floats(values.begin(), values.end());
        outputs.tensors.insert_or_assign(key, floatTensor({static_cast<int64_t>(floats.size())}, floats));
    };
    if (description.prediction == Prediction::Noise) {
        DiffusionSchedule schedule =
            respacedSchedule(trainedAlphasCumprod(description), keptTimesteps(settings.respacing, settings.steps).orThrow());
        const std::vector<int64_t> kept(schedule.timesteps.rbegin(), schedule.timesteps.rend());
        outputs.tensors.insert_or_assign("timesteps", integerTensor({schedule.steps()}, kept));
        for (auto* table : {&schedule.alphasCumprod, &schedule.betas}) std::reverse(table->begin(), table->end());
        add("alphas_cumprod", schedule.alphasCumprod);  // the first evaluation first
        add("betas", schedule.betas);
        return;
    }
    FlowSchedule schedule =
        flowSchedule(description.prediction, settings.steps, settings.shift, description.time.dataTime);
    add("sigmas", schedule.levels);
    if (description.time.dataTime != 0) return add("timesteps", schedule.times);
    schedule.levels.pop_back();
    for (float& level : schedule.levels) level *= static_cast<float>(description.time.timeScale);
    add("timesteps", schedule.levels);
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    const Denoiser& denoiser = context.denoiser(file.weights, file.settings);
    const ModelDescription& description = denoiser.description();
    const TransformerConfig& config = description.config;
    const SamplerSettings settings = readSettings(context.folder(), file, description);
    HostTensor start = file.input("noise");
    const std::vector<int64_t> labels = file.integerInput("labels");
    const int64_t images = static_cast<int64_t>(labels.size());
    const Shape expected{images, config.inChannels, config.inputSide(), config.inputSide()};
    if (images < 1 || start.shape != expected)
        throw EngineException(ErrorCode::Format,
                              fmt::format("'{}': with {} labels this model starts from noise {}, found {}", file.name,
                                          images, shapeText(expected), shapeText(start.shape)));
    for (const int64_t label : labels)
        if (label < 0 || label > config.classes)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("'{}': the label {} is out of range, this model has 0 to {}", file.name,
                                              label, config.classes));
    for (float& value : start.data) value *= static_cast<float>(settings.noiseScale);
    const std::vector<int> classes(labels.begin(), labels.end());
    const StoredRouting stored = readStoredRouting(file, description, images);
    const auto wanted = [&](const std::string& key) { return file.find(key) != nullptr; };

    ComputedFile computed;
    computed.weights = context.weightSet();
    computed.dumpStem = file.stem();
    computed.limit = description.prediction == Prediction::CleanImage ? kCleanImageLimit : kVelocityLimit;
    TrajectoryRecorder free(context.backend(), description, images, wanted, stored, false);
    runOnce(context, denoiser, settings, file, start, classes, free);
    computed.routing = std::move(free.routing);
    computed.outputs = std::move(free.outputs);
    computed.evaluations = std::move(free.evaluations);
    computed.evaluationOf = std::move(free.evaluationOf);
    if (computed.routing.first &&
        takesForcedChoices(description)) {  // go on with the stored routing; the choices stay the engine's own
        TrajectoryRecorder replay(context.backend(), description, images, wanted, stored, true);
        runOnce(context, denoiser, settings, file, start, classes, replay);
        for (auto& [key, tensor] : replay.outputs.tensors)
            if (RoutingKey place; !parseRoutingKey(key, place)) computed.outputs.tensors[key] = std::move(tensor);
        computed.evaluations = std::move(replay.evaluations);
        computed.routing.overruled = std::move(replay.routing.overruled);
        computed.routing.replayed = true;
    }
    addSchedule(description, settings, computed.outputs);
    if (!file.find("final")) computed.problems.push_back("the reference lacks 'final', which every such file has");
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& trajectoryKind() {
    static const GoldenKind kind{"trajectory",
                                 [](const auto& keys) { return keys.contains("noise") && keys.contains("labels"); },
                                 {"noise", "labels", "step_noise."},
                                 run,
                                 false,
                                 nullptr,
                                 true};
    return kind;
}

}  // namespace moescope::verify
