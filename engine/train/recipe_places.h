// SPDX-License-Identifier: Apache-2.0
// The places that a recipe names, so written that the recipe means the same wherever it is read: in a run's folder too.
#pragma once

#include <filesystem>

#include "engine/core/error.h"
#include "engine/train/recipe.h"

namespace moescope::train {

/// The recipe with absolute paths where it had relative ones, which begin at `folder`, and with the file of a built-in
/// model ("embedded-prompts", below `resources`) where it begins with one. The text changes with it.
Result<Recipe> withPlaces(const Recipe& recipe, const std::filesystem::path& folder,
                          const std::filesystem::path& resources);

}  // namespace moescope::train
