// SPDX-License-Identifier: GPL-3.0-or-later
// From the options of `generate` (and a picture whose settings are repeated) to requests with everything resolved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/model_arguments.h"
#include "engine/io/generation_parameters.h"
#include "engine/sampling/generator.h"

namespace moescope::cli {

/// Options as typed; empty optionals were not given.
struct GenerateArguments {
    ModelArguments model;
    DeviceArguments device;
    std::string vae;
    std::string prompt, promptFile, classText, negativePrompt;
    std::optional<std::string> seed;
    std::optional<int> steps;
    std::optional<std::string> sampler;
    std::optional<double> cfgScale, noiseScale, shift, eta;
    std::optional<std::string> cfgInterval, respacing, pool;
    std::optional<int> batch;
    std::string rng, noiseBatch, noiseFile;
    std::string capture = "assignments", captureLayers, captureSteps, latents = "f16";
    std::string output = "moescope.png", session, report, from;
    bool noMetadata = false;

    void addTo(CLI::App& command);
};

/// One run: a request and how its class was found.
struct PlannedRun {
    GenerationRequest request;
    std::string classSentence;  // "class 149 'blue heart': the words are its name"
    std::string poolSentence;   // that pictures of a batch change each other; empty where they do not
};

/// Settings of a picture that `--from` names become defaults; options beat them. Throws EngineException.
std::optional<GenerationParameters> readRepeated(GenerateArguments& arguments);

/// All runs of the command (one per prompt). Throws EngineException with ErrorCode::InvalidArgument for what is out of range.
std::vector<PlannedRun> planRuns(const GenerateArguments& arguments, const std::optional<GenerationParameters>& repeated,
                                 const Checkpoint& checkpoint, const std::optional<ClassLabels>& labels);

}  // namespace moescope::cli
