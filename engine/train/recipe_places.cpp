// SPDX-License-Identifier: Apache-2.0
#include "engine/train/recipe_places.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/built_in_models.h"

namespace moescope::train {
namespace {

namespace fs = std::filesystem;

std::string absolutePlace(const std::string& place, const fs::path& folder) {
    return place.empty() || fs::path(place).is_absolute() ? place
                                                          : fs::absolute(folder / place).lexically_normal().string();
}

std::string modelFile(const std::string& model, const fs::path& folder, const fs::path& resources) {
    return meansBuiltIn(model) ? fs::absolute(builtInFile(model, resources).orThrow()).string()
                               : absolutePlace(model, folder);
}

}  // namespace

Result<Recipe> withPlaces(const Recipe& recipe, const fs::path& folder, const fs::path& resources) {
    return guarded([&]() -> Recipe {
        std::vector<std::string> changes;
        const auto change = [&changes](const char* field, const auto& before, const auto& after) {
            if (before != after) changes.push_back(std::string(field) + "=" + nlohmann::json(after).dump());
        };
        std::vector<std::string> data = recipe.data.paths;
        for (std::string& place : data) place = absolutePlace(place, folder);
        change("data.path", recipe.data.paths, data);
        change("data.vae", recipe.data.vae, absolutePlace(recipe.data.vae, folder));
        change("start.checkpoint", recipe.start.checkpoint, modelFile(recipe.start.checkpoint, folder, resources));
        change("start.upcycle", recipe.start.upcycle, modelFile(recipe.start.upcycle, folder, resources));
        if (changes.empty()) return recipe;
        return parseRecipe(withFields(recipe.text, changes).orThrow(), "recipe").orThrow();
    });
}

}  // namespace moescope::train
