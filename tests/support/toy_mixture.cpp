// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/toy_mixture.h"

#include "engine/sampling/flow_sampler.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/mixer_network.h"

namespace moescope::test {
namespace {

const std::filesystem::path kMixture = MOESCOPE_TEST_DATA "/golden/mode-toy/mixture";

class Probe final : public DenoiserObserver {
public:
    Probe(Backend& backend, int64_t samples, int64_t experts)
        : logits(backend.tensor({samples, experts})), weights(backend.tensor({samples, experts})) {
        m_routing.size = sizeof(MsRouting);
        m_routing.logits = logits.get();
        m_routing.mass = weights.get();
    }
    const MsRouting* routingFor(int layer) override { return layer == 0 ? &m_routing : nullptr; }
    DeviceTensor logits, weights;

private:
    MsRouting m_routing{};
};

}  // namespace

EnsembleFile toyMixture(size_t experts, const std::filesystem::path& folder, int64_t topK) {
    registerMixerFamily();
    EnsembleFile file;
    const auto place = [&](const std::string& name) { return (kMixture / name).lexically_relative(folder); };
    for (const char* name : {"landscape", "portrait", "texture", "typography"}) {
        if (file.experts.size() == experts) break;
        EnsembleExpert expert;
        expert.name = name;
        expert.file = place(std::string("experts/") + name + ".safetensors");
        expert.settings = {{"size", 8}, {"channels", 4}, {"patch", 2}};
        file.experts.push_back(std::move(expert));
    }
    file.router = {{"kind", "learned"}, {"file", place(experts == 4 ? "router-appended.safetensors" : "router.safetensors").string()},
                   {"time_width", 32}, {"prompt", {{"source", "text-encoder"}, {"width", 12}}}};
    file.topK = topK;
    return file;
}

ToyMixture::ToyMixture(Backend& backend, EnsembleFile file, const std::filesystem::path& folder, const LoadOptions& options)
    : ensemble(Ensemble::make(std::move(file), folder / "toy.moe.json").orThrow()), denoiser(ensemble->load(backend, options).orThrow()) {}

ToyAnswer askOnce(const Denoiser& denoiser, const NetworkEdits& edits) {
    Backend& backend = denoiser.backend();
    const GoldenTensors golden("mode-toy/forward.safetensors");
    const int64_t samples = 3, experts = static_cast<int64_t>(denoiser.description().networks.size());
    const DeviceTensor x = backend.tensorFrom({samples, 4, 8, 8}, golden.floats("x")), t = backend.tensorFrom({samples}, golden.floats("t"));
    DeviceTensor labels = backend.tensor({samples}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(std::vector<int32_t>(3)));
    const HostTensor prompts({samples, 12}, golden.floats("prompt"));
    NetworkRequest request;
    request.edits = edits;
    Condition condition{labels};
    condition.prompt = &prompts;
    condition.networks = &request;
    const auto workspace = denoiser.makeWorkspace(samples);
    Probe probe(backend, samples, experts);
    denoiser.forward(*workspace, x, t, condition, &probe);
    return {backend.fetch(workspace->output()).data, backend.fetch(probe.logits).data, backend.fetch(probe.weights).data};
}

std::vector<float> runToy(const Denoiser& denoiser, const NetworkEdits& edits, double cfgScale) {
    Backend& backend = denoiser.backend();
    const GoldenTensors golden("mode-toy/sample-cfg.safetensors");
    SamplerSettings settings = denoiser.description().defaults;
    settings.sampler = SamplerKind::Euler;
    settings.steps = 6;
    settings.cfgScale = cfgScale;
    settings.cfgLow = 0;
    settings.cfgHigh = 1;
    NetworkRequest request;
    request.prompts = HostTensor({2, 12}, golden.floats("prompt"));
    request.nullPrompt = HostTensor({12}, golden.floats("null_prompt"));
    request.edits = edits;
    FlowSampler sampler(denoiser, settings, {0, 0});
    sampler.setNetworks(&request);
    DeviceTensor z = backend.tensorFrom({2, 4, 8, 8}, golden.floats("noise"));
    sampler.run(z, nullptr);
    return backend.fetch(z).data;
}

}  // namespace moescope::test
