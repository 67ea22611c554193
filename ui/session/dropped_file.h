// SPDX-License-Identifier: GPL-3.0-or-later
// What a file or folder is that a person opens or drops: told by looking at it, not by its name alone.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/core/error.h"
#include "engine/io/generation_parameters.h"

namespace moescope {

struct DroppedFile {
    enum class Kind { Session, Picture, Model, TrainingRun };
    Kind kind = Kind::Model;
    std::filesystem::path path;
    std::optional<GenerationParameters> parameters;  // Picture: the settings inside
};

/// Reads headers only; for the pool. A picture without settings, or a file that is none of these, is an error that says what was
/// found and what can be opened.
Result<DroppedFile> examineFile(const std::filesystem::path& path);

}  // namespace moescope
