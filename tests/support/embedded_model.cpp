// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/embedded_model.h"

#include "engine/model/built_in_models.h"

namespace moescope::test {

EmbeddedModel loadEmbedded(int threads, const std::string& isa, MsDType storage) {
    EmbeddedModel model;
    model.backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{threads, isa});
    model.checkpoint = Checkpoint::open(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors").orThrow();
    LoadOptions options;
    options.storage = storage;
    model.denoiser = model.checkpoint->load(*model.backend, options).orThrow();
    return model;
}

EmbeddedModel loadBuiltIn(const std::string& name, int threads) {
    EmbeddedModel model;
    model.backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{threads});
    model.checkpoint = Checkpoint::open(builtInFile(name, MOESCOPE_RESOURCES).orThrow()).orThrow();
    model.denoiser = model.checkpoint->load(*model.backend, {}).orThrow();
    return model;
}

GenerationRequest quickRequest(const LoadableModel& checkpoint, int label, uint64_t seed, int steps) {
    GenerationRequest request;
    request.sampler = checkpoint.description().defaults;
    request.sampler.steps = steps;
    request.classes = {label};
    request.seed = seed;
    return request;
}

ClassLabels embeddedLabels() {
    return ClassLabels::load(MOESCOPE_RESOURCES "/embedded/labels.json").orThrow();
}

std::shared_ptr<const RunRecord> runToEnd(const Denoiser& denoiser, const GenerationRequest& request) {
    GenerationResult result = generate(denoiser, nullptr, request, nullptr, {}).orThrow();
    if (result.stopped) throw EngineException(*result.stopped);
    return result.record;
}

}  // namespace moescope::test
