// SPDX-License-Identifier: GPL-3.0-or-later
// Where the program's own data lie: found from the place of the binary, so that an installed tree can be moved.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace moescope {

/// ../share/moescope beside the binary's folder, or the resources folder of the source tree around a build tree; the
/// environment variable MOESCOPE_RESOURCES overrides both.
Result<std::filesystem::path> resourceFolder();

/// `relative` inside the resource folder; an error sentence when it is not there.
Result<std::filesystem::path> resource(const std::filesystem::path& relative);

/// What a person calls a model: the file of a built-in one by its name (engine/model/built_in_models.h), else a path.
Result<std::filesystem::path> modelPlace(std::string_view name);

/// "'embedded' (embedded-prompts), 'embedded-emoji', ...", for the help of options.
std::string builtInNames();

}  // namespace moescope
