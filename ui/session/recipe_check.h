// SPDX-License-Identifier: GPL-3.0-or-later
// Recipes as a person writes them: what is wrong and on which line, which ones come with the program, and what a run
// will need.
#pragma once

#include <QString>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/train/training_run.h"

namespace moescope {

struct RecipeCheck {
    std::optional<train::Recipe> recipe;  // when nothing is wrong
    QString fault;                        // a sentence
    int line = 0;                         // counted from 1; 0: of no line, or nothing wrong
};
RecipeCheck checkRecipe(const QString& yaml);

struct ShippedRecipe {
    QString name;   // "emoji32"
    QString about;  // its first line
    std::filesystem::path file;
};
std::vector<ShippedRecipe> shippedRecipes(const std::filesystem::path& resources);

/// The recipe with everything at an absolute place, so that the run folder says where that is (train::withPlaces).
/// `data`: the set that is given in the window; empty: as the recipe says.
Result<train::Recipe> withData(const train::Recipe& recipe, const QString& data,
                               const std::filesystem::path& recipeFolder, const std::filesystem::path& resources);

/// What is known before the first step.
struct TrainingPlan {
    QString family;
    int64_t parameters = 0, active = 0;
    int64_t pictures = 0, heldOut = 0, classes = 0;
    int64_t memory = 0, available = 0;  // bytes; 0 available: not known
};
/// Opens the pictures: for the pool.
Result<TrainingPlan> planTraining(const train::Recipe& recipe, const train::RunOptions& options);

}  // namespace moescope
