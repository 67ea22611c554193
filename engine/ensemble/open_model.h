// SPDX-License-Identifier: Apache-2.0
// Opens whatever a person names as a model: a checkpoint, a folder with one, or an ensemble.
#pragma once

#include <optional>

#include "engine/model/built_in_models.h"
#include "engine/model/checkpoint.h"

namespace moescope {

/// Reads headers only. Weight set and settings are those of a checkpoint; an ensemble's file gives them for each expert.
Result<std::shared_ptr<const LoadableModel>> openModel(const std::filesystem::path& path, const CheckpointOptions& options = {});

/// The built-in model that has this fingerprint (LoadableModel::fingerprint), below the folder of the program's data. Reads headers.
std::optional<BuiltInModel> builtInWithFingerprint(const std::string& fingerprint, const std::filesystem::path& resources);

}  // namespace moescope
