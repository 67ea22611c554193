// SPDX-License-Identifier: Apache-2.0
// One forward pass of a denoiser, with every intermediate value that the reference file holds.
#include <fmt/format.h>

#include <algorithm>

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
                    NamedTensors& outputs)
        : m_backend(backend), m_probe(backend, description), m_file(file), m_samples(samples), m_outputs(outputs) {
        m_probe.begin(samples);
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

void addRouting(const GoldenFile& file, RoutingProbe& probe, ComputedFile& computed) {
    for (const RoutingProbe::Layer& layer : probe.finish()) {
        const std::string name = fmt::format("moe.{}.", layer.descriptor.block);
        const int64_t experts = layer.descriptor.experts, topK = layer.descriptor.topK;
        const auto add = [&](const std::string& key, NamedTensor tensor) {
            computed.outputs.tensors.insert_or_assign(name + key, std::move(tensor));
        };
        add("logits", floatTensor({layer.tokens, experts}, layer.logits));
        add("scores", floatTensor({layer.tokens, experts}, layer.scores));
        add("weights", floatTensor({layer.tokens, topK}, layer.gate));
        const Shape shape{layer.tokens, topK};
        add("indices", integerTensor(shape, {layer.expert.begin(), layer.expert.end()}));
        const NamedTensor* reference = file.find(name + "indices");
        if (!reference || reference->shape != shape || isFloating(reference->dtype)) continue;
        compareChoices(layer, 0, toIntegers(name + "indices", *reference), -1, Branch::Cond, computed.routing);
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
    const Denoiser& denoiser = context.denoiser(file.weights, file.settings);
    const ModelDescription& description = denoiser.description();
    const TransformerConfig& config = description.config;
    Backend& backend = context.backend();

    const HostTensor x = file.input("x"), t = file.numbers("t");
    const std::vector<int64_t> y = file.integerInput("y");
    const int64_t samples = static_cast<int64_t>(y.size());
    const Shape expected{samples, config.inChannels, config.inputSide(), config.inputSide()};
    if (samples < 1 || x.shape != expected || t.shape != Shape{samples})
        throw EngineException(
            ErrorCode::Format,
            fmt::format("'{}': with {} labels this model takes x {} and t {}; found {} and {}", file.name, samples,
                        shapeText(expected), shapeText({samples}), shapeText(x.shape), shapeText(t.shape)));
    for (const int64_t label : y)
        if (label < 0 || label > config.classes)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("'{}': the label {} is out of range, this model has 0 to {}", file.name,
                                              label, config.classes));

    ComputedFile computed;
    computed.weights = context.weightSet();
    computed.dumpStem = file.stem();
    computed.limit = kForwardLimit;
    const std::vector<int32_t> labels(y.begin(), y.end());
    const DeviceTensor input = backend.tensorFrom(x.shape, x.data), times = backend.tensorFrom(t.shape, t.data);
    DeviceTensor labelTensor = backend.tensor({samples}, MS_I32);
    backend.upload(labelTensor, std::span<const int32_t>(labels));
    const auto workspace = denoiser.makeWorkspace(samples);
    ForwardRecorder recorder(backend, description, file, samples, computed.outputs);
    const Backend::CancelScope cancel(backend, context.stop());
    denoiser.forward(*workspace, input, times, {labelTensor}, &recorder);
    computed.outputs.tensors.insert_or_assign("output", floatTensor(backend.fetch(workspace->output())));
    addRouting(file, recorder.probe(), computed);
    checkPromised(file, computed.problems);
    std::vector<ComputedFile> all;
    all.push_back(std::move(computed));
    return all;
}

}  // namespace

const GoldenKind& forwardKind() {
    static const GoldenKind kind{
        "forward pass",
        [](const auto& keys) { return keys.contains("x") && keys.contains("t") && keys.contains("y"); },
        {"x", "t", "y"},
        run};
    return kind;
}

}  // namespace moescope::verify
