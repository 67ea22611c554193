// SPDX-License-Identifier: Apache-2.0
// One forward pass of a denoiser, with every intermediate value that the reference file holds.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/verify/golden_kind.h"
#include "engine/verify/routing_probe.h"

namespace moescope::verify {
namespace {

constexpr double kForwardLimit = 5e-6;  // fp32 against fp64 of the published code: 2e-7 to 5e-7

std::string tapKey(Tap tap, int block) {
    switch (tap) {
        case Tap::PatchEmbed:
            return "x_embed";
        case Tap::TimeEmbed:
            return "t_embed";
        case Tap::LabelEmbed:
            return "y_embed";
        case Tap::Condition:
            return "c";
        case Tap::BlockOutput:
            return fmt::format("block.{}.out", block);
        case Tap::MoeInput:
            return fmt::format("moe.{}.in", block);
        case Tap::MoeOutput:
            return fmt::format("moe.{}.out", block);
        case Tap::FinalTokens:
            return "final.out";
    }
    return {};
}

/// Fetches what the reference file has a key for.
class ForwardRecorder final : public DenoiserObserver {
public:
    ForwardRecorder(Backend& backend, const ModelDescription& description, const GoldenFile& file, int64_t samples,
                    bool predicted, NamedTensors& outputs)
        : m_backend(backend), m_probe(backend, description), m_file(file), m_samples(samples), m_outputs(outputs) {
        m_probe.begin(samples, 1, predicted);
    }

    bool wants(Tap) const override { return true; }
    void tapped(Tap tap, int block, const DeviceTensor& tensor) override {
        const std::string key = tapKey(tap, block);
        if (!m_file.find(key)) return;
        HostTensor values = m_backend.fetch(tensor);
        const int64_t rows = values.shape[0], width = values.shape[1];
        const bool perSample = tap == Tap::TimeEmbed || tap == Tap::LabelEmbed || tap == Tap::Condition;
        if (!perSample) values.shape = {m_samples, rows / m_samples, width};
        m_outputs.tensors.insert_or_assign(key, floatTensor(values));
    }
    const MsRouting* routingFor(int layer) override { return m_probe.routingFor(layer); }
    void routed(int layer) override { m_probe.routed(layer); }

    RoutingProbe& probe() { return m_probe; }

private:
    Backend& m_backend;
    RoutingProbe m_probe;
    const GoldenFile& m_file;
    int64_t m_samples;
    NamedTensors& m_outputs;
};

/// The choices that the file stores for a block: rows of `indices`, or pairs of `token` and `expert`.
std::optional<ExpertLists> storedChoices(const GoldenFile& file, const RoutingProbe::Layer& layer,
                                         const std::string& name) {
    if (const NamedTensor* rows = file.find(name + "indices")) {
        const int64_t topK = layer.descriptor.topK;
        if (rows->shape != Shape{layer.tokens, topK} || isFloating(rows->dtype)) return std::nullopt;
        return ExpertLists::regular(toIntegers(name + "indices", *rows), topK);
    }
    if (!file.find(name + "expert")) return std::nullopt;
    ExpertLists lists;
    const std::vector<int64_t> tokens = file.integerInput(name + "token");
    lists.expert = file.integerInput(name + "expert");
    if (tokens.size() != lists.expert.size() || !std::is_sorted(tokens.begin(), tokens.end()) ||
        (!tokens.empty() && (tokens.front() < 0 || tokens.back() >= layer.tokens)))
        throw EngineException(ErrorCode::Format,
                              fmt::format("'{}token' and '{}expert' of '{}' should be pairs sorted by token, 0 to {}",
                                          name, name, file.name, layer.tokens - 1));
    for (int64_t token = 0; token < layer.tokens; ++token)
        lists.start.push_back(std::upper_bound(tokens.begin(), tokens.end(), token) - tokens.begin());
    return lists;
}

NamedTensor withoutLastColumn(const std::vector<float>& rows, int64_t width) {
    std::vector<float> kept;
    for (size_t i = 0; i < rows.size(); ++i)
        if (static_cast<int64_t>(i % static_cast<size_t>(width)) != width - 1) kept.push_back(rows[i]);
    return floatTensor({static_cast<int64_t>(rows.size()) / width, width - 1}, kept);
}

void addRouting(const GoldenFile& file, RoutingProbe& probe, int64_t samples, ComputedFile& computed) {
    for (const RoutingProbe::Layer& layer : probe.finish()) {
        const std::string name = fmt::format("moe.{}.", layer.descriptor.block);
        const int64_t experts = layer.descriptor.experts, topK = layer.descriptor.topK;
        const auto add = [&](const std::string& key, NamedTensor tensor) {
            computed.outputs.tensors.insert_or_assign(name + key, std::move(tensor));
        };
        const ExpertLists lists = layer.lists();
        const auto pairs = static_cast<int64_t>(lists.expert.size());
        const std::vector<float> gates(layer.gate.begin(), layer.gate.begin() + pairs);
        std::vector<int64_t> tokens;
        for (int64_t token = 0; token < layer.tokens; ++token)
            tokens.resize(static_cast<size_t>(layer.start[token + 1]), token);
        add("logits", floatTensor({layer.tokens, experts}, layer.logits));
        const NamedTensor* scores = file.find(name + "scores");
        // Some files leave out the expert that no token can choose.
        const bool chosenOnly = layer.descriptor.unconditionalExpert == experts - 1 && scores &&
                                scores->shape == Shape{layer.tokens, experts - 1};
        add("scores",
            chosenOnly ? withoutLastColumn(layer.scores, experts) : floatTensor({layer.tokens, experts}, layer.scores));
        add("token", integerTensor({pairs}, tokens));
        add("expert", integerTensor({pairs}, lists.expert));
        add("weight", floatTensor({pairs}, gates));
        add("count", integerTensor({experts}, layer.received(0, samples)));
        if (!layer.capacityLogits.empty())
            add("capacity_logits", floatTensor({layer.tokens, experts}, layer.capacityLogits));
        if (topK && pairs == layer.tokens * topK) {
            add("weights", floatTensor({layer.tokens, topK}, gates));
            add("indices", integerTensor({layer.tokens, topK}, lists.expert));
        }
        if (const auto stored = storedChoices(file, layer, name))
            compareChoices(layer, 0, *stored, -1, Branch::Cond, computed.routing);
    }
    computed.routing.smallest = probe.smallestMargin();
}

/// The layout promises these keys in every forward file.
void checkPromised(const GoldenFile& file, std::vector<std::string>& problems) {
    std::vector<std::string> promised{"output"};
    if (const auto layers = file.entry.find("moe_layers"); layers != file.entry.end() && layers->is_array())
        for (const auto& layer : *layers)
            if (layer.is_number_integer()) promised.push_back(fmt::format("moe.{}.indices", layer.get<int64_t>()));
    for (const std::string& key : promised)
        if (!file.find(key))
            problems.push_back(fmt::format("the reference lacks '{}', which every such file has", key));
}

std::vector<ComputedFile> run(CaseContext& context, const GoldenFile& file) {
    ComputedFile computed = runForward(context, file, {file.input("x"), file.numbers("t"), file.integerInput("y")});
    checkPromised(file, computed.problems);
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

ComputedFile runForward(CaseContext& context, const GoldenFile& file, const ForwardInputs& inputs) {
    const Denoiser& denoiser = context.denoiser(file.weights, file.settings);
    const ModelDescription& description = denoiser.description();
    const TransformerConfig& config = description.config;
    Backend& backend = context.backend();
    const HostTensor &x = inputs.x, &t = inputs.t;
    const int64_t samples = static_cast<int64_t>(inputs.labels.size());
    const Shape expected{samples, config.inChannels, config.inputSide(), config.inputSide()};
    if (samples < 1 || x.shape != expected || t.shape != Shape{samples})
        throw EngineException(
            ErrorCode::Format,
            fmt::format("'{}': with {} labels this model takes x {} and t {}; found {} and {}", file.name, samples,
                        shapeText(expected), shapeText({samples}), shapeText(x.shape), shapeText(t.shape)));
    for (const int64_t label : inputs.labels)
        if (label < 0 || label > config.classes)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("'{}': the label {} is out of range, this model has 0 to {}", file.name,
                                              label, config.classes));

    ComputedFile computed;
    computed.weights = context.weightSet();
    computed.dumpStem = file.stem();
    computed.limit = kForwardLimit;
    const std::vector<int32_t> labels(inputs.labels.begin(), inputs.labels.end());
    const DeviceTensor input = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    DeviceTensor labelTensor = backend.tensor({samples}, MS_I32);
    backend.upload(labelTensor, std::span<const int32_t>(labels));
    const auto workspace = denoiser.makeWorkspace(samples);
    ForwardRecorder recorder(backend, description, file, samples, !inputs.trainingSelection, computed.outputs);
    const Backend::CancelScope cancel(backend, context.stop());
    Condition condition{labelTensor};
    condition.trainingSelection = inputs.trainingSelection;
    denoiser.forward(*workspace, input, times, condition, &recorder);
    computed.outputs.tensors.insert_or_assign("output", floatTensor(backend.fetch(workspace->output())));
    addRouting(file, recorder.probe(), samples, computed);
    if (inputs.decisions) *inputs.decisions = recorder.probe().finish();
    return computed;
}

const GoldenKind& forwardKind() {
    static const GoldenKind kind{
        "forward pass",
        [](const auto& keys) { return keys.contains("x") && keys.contains("t") && keys.contains("y"); },
        {"x", "t", "y"},
        run};
    return kind;
}

}  // namespace moescope::verify
