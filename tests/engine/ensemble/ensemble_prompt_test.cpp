// SPDX-License-Identifier: GPL-3.0-or-later
// Mixtures of networks that read prompts: each reads the words of the run itself.
#include <gtest/gtest.h>

#include "engine/ensemble/ensemble.h"
#include "engine/sampling/generator.h"
#include "tests/support/prompt_model.h"
#include "tests/support/random_tensor.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

TEST(EnsemblePrompts, AreReadByEveryNetwork) {
    const test::TemporaryFolder folder;
    test::PromptToy().write(folder / "toy.safetensors");
    EnsembleFile file;
    for (const char* name : {"one", "two"}) {
        EnsembleExpert expert;
        expert.name = name;
        expert.file = "toy.safetensors";
        file.experts.push_back(std::move(expert));
    }
    file.router = {{"kind", "rules"}};
    file.topK = 2;
    const auto ensemble = Ensemble::make(std::move(file), folder / "twice.moe.json").orThrow();
    EXPECT_EQ(ensemble->description().conditioning, Conditioning::Prompt);

    Backend backend(cpuBackendTable(), BackendOptions{1});
    const auto single = Checkpoint::open(folder / "toy.safetensors").orThrow()->load(backend).orThrow();
    const auto twice = ensemble->load(backend).orThrow();
    const auto finalOf = [](const Denoiser& denoiser, const std::string& prompt, const std::string& negative) {
        GenerationRequest request;
        request.classes = {0, 0};
        request.parameters.prompt = prompt;
        request.parameters.negativePrompt = negative;
        request.sampler = denoiser.description().defaults;
        request.sampler.steps = 2;
        return generate(denoiser, nullptr, request, nullptr, {}).orThrow().record->finalLatents.data;
    };
    // Half of a picture and its other half are the picture, but for rounding.
    const std::vector<float> expected = finalOf(*single, "a red heart", "blurry");
    EXPECT_LT(test::relativeDifference(finalOf(*twice, "a red heart", "blurry"), expected), 1e-5);
    EXPECT_GT(test::relativeDifference(finalOf(*twice, "two green stars", "blurry"), expected), 1e-2);
    EXPECT_GT(test::relativeDifference(finalOf(*twice, "a red heart", ""), expected), 1e-2);
}

}  // namespace
}  // namespace moescope
