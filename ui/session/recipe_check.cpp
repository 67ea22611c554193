// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/recipe_check.h"

#include <QRegularExpression>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/core/system_memory.h"
#include "engine/train/recipe_places.h"
#include "engine/train/run_start.h"
#include "ui/session/paths.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace fs = std::filesystem;

RecipeCheck checkRecipe(const QString& yaml) {
    RecipeCheck check;
    auto parsed = train::parseRecipe(yaml.toStdString(), "recipe");
    if (parsed.ok()) {
        check.recipe = std::move(parsed.value());
        return check;
    }
    QString said = QString::fromStdString(parsed.error().message);
    static const QRegularExpression place(QStringLiteral("^recipe(?:, line (\\d+))?: "));
    if (const QRegularExpressionMatch match = place.match(said); match.hasMatch()) {
        check.line = match.captured(1).toInt();
        said.remove(0, match.capturedLength());
    }
    check.fault = sentenceOf(said.toStdString());
    return check;
}

std::vector<ShippedRecipe> shippedRecipes(const fs::path& resources) {
    std::vector<ShippedRecipe> recipes;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(resources / "recipes", code)) {
        if (entry.path().extension() != ".yaml") continue;
        std::ifstream stream(entry.path());
        std::string first;
        std::getline(stream, first);
        recipes.push_back({textOf(entry.path().stem()),
                           first.starts_with("# ") ? QString::fromStdString(first.substr(2)) : QString(),
                           entry.path()});
    }
    std::sort(recipes.begin(), recipes.end(),
              [](const ShippedRecipe& a, const ShippedRecipe& b) { return a.name < b.name; });
    return recipes;
}

Result<train::Recipe> withData(const train::Recipe& recipe, const QString& data, const fs::path& recipeFolder,
                               const fs::path& resources) {
    if (data.isEmpty()) return train::withPlaces(recipe, recipeFolder, resources);
    auto text = train::withFields(recipe.text, {"data.path=" + nlohmann::json(pathOf(data).string()).dump()});
    if (!text.ok()) return text.error();
    const auto parsed = train::parseRecipe(text.value(), "recipe");
    return parsed.ok() ? train::withPlaces(parsed.value(), recipeFolder, resources) : parsed;
}

Result<TrainingPlan> planTraining(const train::Recipe& recipe, const train::RunOptions& options) {
    return guarded([&] {
        const train::RunData data = train::openRunData(recipe, options).orThrow();
        const ModelDescription description = train::describeRun(recipe, options.recipeFolder, *data.learned).orThrow();
        const train::Trainer trainer(train::makeCpuTrainingDevice(options.threads), recipe, description);
        TrainingPlan plan;
        plan.family = QString::fromStdString(description.family);
        plan.parameters = description.totalParameters();
        plan.active = description.activeParameters();
        plan.pictures = data.learned->items();
        plan.heldOut = data.heldOut ? data.heldOut->items() : 0;
        plan.classes = static_cast<int64_t>(data.learned->classNames().size());
        plan.memory = trainer.memory().total() + data.learned->bytes() + (data.heldOut ? data.heldOut->bytes() : 0);
        plan.available = availableMemory();
        return plan;
    });
}

}  // namespace moescope
