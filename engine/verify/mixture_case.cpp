// SPDX-License-Identifier: Apache-2.0
// Mixtures of whole networks: single evaluations with every network forced to run and every number of chosen ones, and runs of the
// sampler, held against the reference.
#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "engine/ensemble/ensemble.h"
#include "engine/ensemble/json_fields.h"
#include "engine/ensemble/network_choice.h"
#include "engine/model/network_request.h"
#include "engine/sampling/flow_sampler.h"
#include "engine/verify/golden_kind.h"

namespace moescope::verify {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Against fp64 the networks of the reference agree to 1e-6 and their runs to 2e-6 of the largest value.
constexpr double kForwardLimit = 5e-6;
constexpr double kRunLimit = 1e-5;
constexpr int64_t kMostSteps = 100000;

/// A mixture as the reference writes it: {top_k, prompt_width, router {file, hidden, time_width}, experts [{name, file, config}]}.
EnsembleFile readMixture(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    const json mixture = parseShallowJson(stream);
    try {
        EnsembleFile file;
        file.topK = mixture.at("top_k").get<int64_t>();
        file.router = mixture.at("router");
        file.router["kind"] = "learned";
        file.router["prompt"] = {{"source", "text-encoder"}, {"width", mixture.at("prompt_width")}};
        for (const json& expert : mixture.at("experts")) {
            file.experts.emplace_back();
            file.experts.back().name = expert.at("name").get<std::string>();
            file.experts.back().file = expert.at("file").get<std::string>();
            file.experts.back().settings = expert.at("config");
        }
        return parseEnsemble(json(toJson(file)), path.filename().string()).orThrow();
    } catch (const json::exception&) {
        throw EngineException(ErrorCode::Format, fmt::format("'{}' should hold a mixture: top_k, prompt_width, router and experts with name, file "
                                                             "and config", path.filename().string()));
    }
}

struct Mixture {
    std::shared_ptr<const Ensemble> ensemble;
    std::unique_ptr<Denoiser> denoiser;
};

/// The mixture that a reference file was made with, by the file's name: with or without the network appended, the router asked for one
/// or for both branches.
Mixture mixtureOf(CaseContext& context, const GoldenFile& file) {
    const json& contents = context.folder().contents();
    const char* key = file.name.find("appended") == std::string::npos ? "mixture" : "appended";
    const auto named = contents.find(key);
    if (named == contents.end() || !named->is_string())
        throw EngineException(ErrorCode::Format, fmt::format("case.json should name the mixture of '{}' as `{}`", file.name, key));
    const fs::path path = context.folder().path() / named->get<std::string>();
    std::error_code code;
    if (!fs::exists(path, code))
        throw EngineException(ErrorCode::NotFound, fmt::format("case.json names '{}', and there is no such file in the folder", named->get<std::string>()));
    EnsembleFile parsed = readMixture(path);
    parsed.eachBranch = file.name.find("each-branch") != std::string::npos;
    Mixture mixture;
    mixture.ensemble = Ensemble::make(std::move(parsed), path).orThrow();
    LoadOptions options;
    options.stop = context.stop();
    options.storage = context.storage();
    mixture.denoiser = mixture.ensemble->load(context.backend(), options).orThrow();
    return mixture;
}

/// Keeps what the mixture itself decides.
class MixtureProbe final : public DenoiserObserver {
public:
    MixtureProbe(Backend& backend, int64_t experts) : m_backend(backend), m_experts(experts) {}

    void begin(int64_t samples) {
        m_logits = m_backend.tensor({samples, m_experts});
        m_weights = m_backend.tensor({samples, m_experts});
        m_routing = MsRouting{};
        m_routing.size = sizeof(MsRouting);
        m_routing.logits = m_logits.get();
        m_routing.mass = m_weights.get();
    }
    const MsRouting* routingFor(int layer) override { return layer == 0 ? &m_routing : nullptr; }

    /// [count, experts] from sample `first` on.
    HostTensor logits(int64_t first, int64_t count) { return part(m_logits, first, count); }
    HostTensor weights(int64_t first, int64_t count) { return part(m_weights, first, count); }

private:
    HostTensor part(const DeviceTensor& all, int64_t first, int64_t count) {
        const HostTensor whole = m_backend.fetch(all);
        const auto start = whole.data.begin() + first * m_experts;
        return {{count, m_experts}, {start, start + count * m_experts}};
    }
    Backend& m_backend;
    int64_t m_experts;
    DeviceTensor m_logits, m_weights;
    MsRouting m_routing{};
};

/// Whether the same networks run for every picture, counted per picture.
void compareSets(const GoldenFile& file, const std::string& key, const HostTensor& mine, int evaluation, RoutingReport& report) {
    const NamedTensor* stored = file.find(key);
    if (!stored || stored->shape != mine.shape) return;
    const std::vector<float> reference = toFloats(*stored);
    const auto experts = static_cast<size_t>(mine.shape[1]);
    for (size_t sample = 0; sample < static_cast<size_t>(mine.shape[0]); ++sample) {
        RoutingDifference difference;
        for (size_t e = 0; e < experts; ++e) {
            if (reference[sample * experts + e] > 0) difference.expected.push_back(static_cast<int64_t>(e));
            if (mine.data[sample * experts + e] > 0) difference.found.push_back(static_cast<int64_t>(e));
        }
        ++report.sets;
        if (difference.expected == difference.found) continue;
        ++report.differing;
        difference.evaluation = evaluation;
        difference.block = -1;
        difference.token = static_cast<int64_t>(sample);
        if (!report.first) report.first = difference;
    }
}

HostTensor promptsOf(const GoldenFile& file, const ModelDescription& description, int64_t samples) {
    HostTensor prompts = file.input("prompt");
    if (prompts.shape != Shape{samples, description.promptWidth})
        throw EngineException(ErrorCode::Format, fmt::format("'{}': {} pictures of this mixture take prompts {}, found {}", file.name, samples,
                                                             shapeText({samples, description.promptWidth}), shapeText(prompts.shape)));
    return prompts;
}

HostTensor picturesOf(const GoldenFile& file, const char* key, const TransformerConfig& c) {
    HostTensor x = file.input(key);
    if (x.shape.empty() || x.shape[0] < 1 || x.shape != Shape{x.shape[0], c.inChannels, c.inputSide(), c.inputSide()})
        throw EngineException(ErrorCode::Format, fmt::format("'{}': this mixture works on pictures [n, {}, {}, {}], found {}", file.name, c.inChannels,
                                                             c.inputSide(), c.inputSide(), shapeText(x.shape)));
    return x;
}

std::vector<ComputedFile> runForward(CaseContext& context, const GoldenFile& file) {
    const Mixture mixture = mixtureOf(context, file);
    Backend& backend = context.backend();
    const ModelDescription& d = mixture.denoiser->description();
    const HostTensor x = picturesOf(file, "x", d.config), t = file.input("t");
    const int64_t samples = x.shape[0], experts = static_cast<int64_t>(d.networks.size());
    if (t.shape != Shape{samples})
        throw EngineException(ErrorCode::Format, fmt::format("'{}': {} pictures have {} times", file.name, samples, shapeText(t.shape)));
    NetworkRequest request;
    const HostTensor prompts = promptsOf(file, d, samples);
    const DeviceTensor input = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    DeviceTensor labels = backend.tensor({samples}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(std::vector<int32_t>(static_cast<size_t>(samples), static_cast<int32_t>(d.config.classes))));
    const auto workspace = mixture.denoiser->makeWorkspace(samples);
    const Backend::CancelScope cancel(backend, context.stop());
    MixtureProbe probe(backend, experts);

    ComputedFile computed;
    computed.dumpStem = file.stem();
    computed.limit = kForwardLimit;
    const auto keep = [&](const std::string& key, const HostTensor& values) {
        computed.outputs.tensors.insert_or_assign(key, floatTensor(values));
    };
    const auto evaluate = [&](const NetworkEdits& edits, const std::string& velocity, const std::string& weights) {
        request.edits = edits;
        probe.begin(samples);
        Condition condition{labels};
        condition.prompt = &prompts;
        condition.networks = &request;
        mixture.denoiser->forward(*workspace, input, times, condition, &probe);
        keep(velocity, backend.fetch(workspace->output()));
        if (weights.empty()) return;
        keep(weights, probe.weights(0, samples));
        compareSets(file, weights, probe.weights(0, samples), -1, computed.routing);
    };
    evaluate({}, "velocity", "weights");
    keep("logits", probe.logits(0, samples));
    for (int64_t k = 1; k <= experts; ++k) {
        NetworkEdits edits;
        edits.topK = k;
        evaluate(edits, fmt::format("velocity_top{}", k), fmt::format("weights_top{}", k));
    }
    for (int64_t e = 0; e < experts; ++e) {
        NetworkEdits alone;
        alone.weights.emplace_back(static_cast<size_t>(experts)).at(static_cast<size_t>(e)) = 1;
        evaluate(alone, fmt::format("expert.{}.velocity", e), "");
    }
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

/// Follows a run and keeps every output that a reference run can hold.
class MixtureRecorder final : public SamplerObserver {
public:
    MixtureRecorder(Backend& backend, const GoldenFile& file, const ModelDescription& description, int64_t images, bool byHand,
                    ComputedFile& computed)
        : m_backend(backend), m_file(file), m_channels(description.config.inChannels), m_images(images), m_byHand(byHand), m_computed(computed),
          m_probe(backend, static_cast<int64_t>(description.networks.size())) {}

    void keep(const std::string& key, const HostTensor& values, int evaluation) {
        m_computed.outputs.tensors.insert_or_assign(key, floatTensor(values));
        m_computed.evaluationOf[key] = evaluation;
    }
    DenoiserObserver* beforeEvaluation(const EvaluationInfo&, int64_t samples) override {
        m_probe.begin(samples);
        return &m_probe;
    }
    void evaluated(const EvaluationView& view) override {
        const int index = view.info.index;
        const HostTensor prediction = m_backend.fetch(view.prediction);
        const auto half = static_cast<std::ptrdiff_t>(prediction.data.size()) / (view.info.uncondRun ? 2 : 1);
        const Shape shape = m_backend.fetch(view.velocity).shape;
        keep(fmt::format("v_cond.{:02}", index), {shape, {prediction.data.begin(), prediction.data.begin() + half}}, index);
        keep(fmt::format("v.{:02}", index), m_backend.fetch(view.velocity), index);
        const std::string weights = fmt::format("weights.{:02}", index), uncond = fmt::format("weights_uncond.{:02}", index);
        keep(weights, m_probe.weights(0, m_images), index);
        compareSets(m_file, weights, m_probe.weights(0, m_images), index, m_computed.routing);
        if (!m_byHand) keep(fmt::format("logits.{:02}", index), m_probe.logits(0, m_images), index);
        if (view.info.uncondRun) {
            keep(fmt::format("v_uncond.{:02}", index), {shape, {prediction.data.begin() + half, prediction.data.end()}}, index);
            keep(uncond, m_probe.weights(m_images, m_images), index);
            compareSets(m_file, uncond, m_probe.weights(m_images, m_images), index, m_computed.routing);
        }
        m_times.push_back(view.info.timestep);
        m_computed.evaluations.emplace_back(view.info, SmallestMargin{});
        m_last = index;
    }
    void stepped(int step, const DeviceTensor& z) override { keep(fmt::format("z.{:02}", step + 1), m_backend.fetch(z), m_last); }
    const std::vector<float>& times() const { return m_times; }

private:
    Backend& m_backend;
    const GoldenFile& m_file;
    int64_t m_channels, m_images;
    bool m_byHand;
    ComputedFile& m_computed;
    MixtureProbe m_probe;
    std::vector<float> m_times;
    int m_last = 0;
};

double number(const CaseFolder& folder, const char* key) {
    const auto found = folder.contents().find(key);
    if (found == folder.contents().end() || !found->is_number() || !std::isfinite(found->get<double>()))
        throw EngineException(ErrorCode::Format, fmt::format("case.json should give `{}` as a number", key));
    return found->get<double>();
}

std::vector<ComputedFile> runSample(CaseContext& context, const GoldenFile& file) {
    const Mixture mixture = mixtureOf(context, file);
    const ModelDescription& d = mixture.denoiser->description();
    const HostTensor noise = picturesOf(file, "noise", d.config);
    const int64_t images = noise.shape[0], experts = static_cast<int64_t>(d.networks.size());
    NetworkRequest request;
    request.prompts = promptsOf(file, d, images);
    const bool guided = file.find("null_prompt") != nullptr;
    if (guided) request.nullPrompt = file.input("null_prompt");
    if (guided && request.nullPrompt.shape != Shape{d.promptWidth})
        throw EngineException(ErrorCode::Format, fmt::format("'{}': the null prompt should be {}, found {}", file.name, shapeText({d.promptWidth}),
                                                             shapeText(request.nullPrompt.shape)));
    SamplerSettings settings = d.defaults;
    settings.sampler = SamplerKind::Euler;
    const double steps = number(context.folder(), "steps");
    if (steps < 1 || steps > static_cast<double>(kMostSteps) || steps != std::floor(steps))
        throw EngineException(ErrorCode::Format, fmt::format("case.json gives {} steps; expected 1 to {}", steps, kMostSteps));
    settings.steps = static_cast<int>(steps);
    settings.cfgScale = guided ? number(context.folder(), "cfg_scale") : 1.0;
    settings.cfgLow = 0;
    settings.cfgHigh = 1;
    if (file.find("manual")) {
        const HostTensor manual = file.input("manual");
        if (manual.shape.empty() || manual.shape.back() != experts)
            throw EngineException(ErrorCode::Format, fmt::format("'{}': weights by hand for {} networks should end in that number, found {}", file.name,
                                                                 experts, shapeText(manual.shape)));
        for (auto row = manual.data.begin(); row != manual.data.end(); row += experts) request.edits.weights.emplace_back(row, row + experts);
    }
    checkEdits(d.networks, request.edits, settings.steps).orThrow();

    ComputedFile computed;
    computed.dumpStem = file.stem();
    computed.limit = kRunLimit;
    MixtureRecorder recorder(context.backend(), file, d, images, !request.edits.weights.empty(), computed);
    FlowSampler sampler(*mixture.denoiser, settings, std::vector<int>(static_cast<size_t>(images), static_cast<int>(d.config.classes)));
    sampler.setNetworks(&request);
    DeviceTensor z = context.backend().tensorFrom(noise.shape, noise.data);
    recorder.keep("z.00", noise, 0);
    sampler.run(z, &recorder, context.stop());
    recorder.keep("final", context.backend().fetch(z), settings.steps - 1);
    recorder.keep("t", {{static_cast<int64_t>(recorder.times().size())}, recorder.times()}, 0);
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& mixtureForwardKind() {
    static const GoldenKind kind{"evaluation of a mixture of networks",
                                 [](const auto& keys) { return keys.contains("x") && keys.contains("t") && keys.contains("prompt") && !keys.contains("y"); },
                                 {"x", "t", "prompt"},
                                 runForward};
    return kind;
}

const GoldenKind& mixtureSampleKind() {
    static const GoldenKind kind{"run of a mixture of networks",
                                 [](const auto& keys) { return keys.contains("noise") && keys.contains("prompt") && !keys.contains("labels"); },
                                 {"noise", "prompt", "null_prompt", "manual"},
                                 runSample,
                                 false,
                                 nullptr,
                                 true};
    return kind;
}

}  // namespace moescope::verify
