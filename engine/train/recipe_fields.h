// SPDX-License-Identifier: Apache-2.0
// The table of a recipe's fields: where each stands in the YAML, what it accepts, and where it goes.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/train/recipe.h"

namespace YAML {
class Node;
}

namespace moescope::train {

struct RecipeField {
    std::string path;      // "training.rate"
    std::string expected;  // in words: "a number above 0"
    /// False: the value is not what is expected.
    std::function<bool(const YAML::Node&, Recipe&)> read;
};

const std::vector<RecipeField>& recipeFieldTable();

}  // namespace moescope::train
