// SPDX-License-Identifier: Apache-2.0
// What a checkpoint needs beside itself: the names of its classes and a VAE, looked for where people keep them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "engine/model/loadable_model.h"

namespace moescope {

/// labels.json beside a model or one folder above, where it names as many classes as the model has.
std::optional<ClassLabels> labelsBeside(const LoadableModel& model);

/// Names of a model's classes: its own, else labels.json beside it or one folder above, else the ImageNet names in `resources`/labels for 1000
/// classes, else nothing.
std::optional<ClassLabels> findLabels(const LoadableModel& model, const std::filesystem::path& resources);

/// A VAE for a latent model: `given`, else `vae/` beside the model or in the folder above, else in the Hugging Face cache on
/// disk; empty when there is none.
std::filesystem::path findVae(const LoadableModel& model, const std::filesystem::path& given = {});

/// What to get and where to put it, when findVae finds nothing.
std::string vaeAdvice();

/// Where models downloaded from Hugging Face lie: HF_HUB_CACHE, HF_HOME/hub, or ~/.cache/huggingface/hub. May not exist.
std::filesystem::path huggingFaceCache();

}  // namespace moescope
