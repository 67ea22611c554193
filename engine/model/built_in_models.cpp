// SPDX-License-Identifier: Apache-2.0
#include "engine/model/built_in_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/core/name_list.h"

namespace moescope {

namespace {

constexpr BuiltInModel kModels[] = {
    {"embedded-prompts", "embedded/prompts32.safetensors"},
    {"embedded-emoji", "embedded/emoji32.safetensors"},
    {"embedded-prompts-early", "embedded/prompts32-early.safetensors"},
    {"embedded-prompts-unbalanced", "embedded/prompts32-unbalanced.safetensors"},
    {"embedded-ensemble", "ensembles/emoji.moe.json"},
};

}  // namespace

std::span<const BuiltInModel> builtInModels() {
    return kModels;
}

bool meansBuiltIn(std::string_view name) {
    return name == kDefaultBuiltIn ||
           (name.starts_with(kDefaultBuiltIn) && name.substr(kDefaultBuiltIn.size()).starts_with('-'));
}

Result<BuiltInModel> builtInModel(std::string_view name) {
    if (name.empty() || name == kDefaultBuiltIn) return kModels[0];
    const auto found = std::ranges::find(kModels, name, &BuiltInModel::id);
    if (found != std::end(kModels)) return *found;
    std::vector<std::string> names;
    for (const BuiltInModel& model : kModels) names.emplace_back(model.id);
    const std::string near = nearestName(name, names);
    return EngineError{ErrorCode::NotFound,
                       fmt::format("no built-in model is called '{}'; {}", name,
                                   near.empty() ? fmt::format("there are {}", quotedList(names, "and"))
                                                : fmt::format("did you mean '{}'?", near))};
}

Result<std::filesystem::path> builtInFile(std::string_view name, const std::filesystem::path& resources) {
    const auto model = builtInModel(name);
    if (!model.ok()) return model.error();
    return resources / model->file;
}

}  // namespace moescope
