// SPDX-License-Identifier: GPL-3.0-or-later
// Where the program's own data lie: found from the place of the binary, so that an installed tree can be moved.
#pragma once

#include <filesystem>

#include "engine/core/error.h"

namespace moescope {

/// ../share/moescope beside the binary's folder, or the resources folder of the source tree around a build tree; the
/// environment variable MOESCOPE_RESOURCES overrides both.
Result<std::filesystem::path> resourceFolder();

/// `relative` inside the resource folder; an error sentence when it is not there.
Result<std::filesystem::path> resource(const std::filesystem::path& relative);

}  // namespace moescope
