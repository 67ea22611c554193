// SPDX-License-Identifier: Apache-2.0
// What a run needs before its first step: its data, its model's description, and the weights it begins with.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/batch_source.h"
#include "engine/train/parameter_layout.h"
#include "engine/train/recipe.h"
#include "engine/train/training_run.h"

namespace moescope::train {

struct RunData {
    std::shared_ptr<BatchSource> learned, heldOut;  // heldOut null: nothing is kept aside
};

/// Opens the recipe's pictures; a sentence when there are none or they do not fit the model.
Result<RunData> openRunData(const Recipe& recipe, const RunOptions& options);

/// The recipe's model with the classes of the data or, where it reads prompts, with the vocabulary of the checkpoint to begin with or one
/// learned from the captions (without captions from the names of the classes).
Result<ModelDescription> describeRun(const Recipe& recipe, const std::filesystem::path& recipeFolder, const BatchSource& source);

/// "85 of 18000 captions have more pieces than the 16 places ..."; empty where all fit, or the model reads no prompts.
std::string longCaptionRemark(const ModelDescription& description, const BatchSource& source);

struct RunStart {
    std::vector<float> values;      // [ParameterLayout::allValues]
    std::vector<int> freshExperts;  // that the checkpoint to begin with does not have
    std::vector<std::string> notes;
};

/// Random weights, those of the recipe's checkpoint, or an upcycled dense model's.
Result<RunStart> startValues(const Recipe& recipe, const std::filesystem::path& recipeFolder, const ModelDescription& description,
                             const ParameterLayout& layout);

/// "JiTMoE, 3.8 million parameters, 2.6 million active"
std::string modelWords(const ModelDescription& description);

}  // namespace moescope::train
