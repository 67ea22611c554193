// SPDX-License-Identifier: Apache-2.0
// Opens whatever a person names as a model: a checkpoint, a folder with one, or an ensemble.
#pragma once

#include "engine/model/checkpoint.h"

namespace moescope {

/// Reads headers only. Weight set and settings are those of a checkpoint; an ensemble's file gives them for each expert.
Result<std::shared_ptr<const LoadableModel>> openModel(const std::filesystem::path& path, const CheckpointOptions& options = {});

}  // namespace moescope
