// SPDX-License-Identifier: Apache-2.0
// The prompts by which a model that learned a set is scored: evaluation.jsonl of the sets that `dataset` writes.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/data/scene.h"

namespace moescope {

/// Prompts of sets of emoji are of the kinds "name" and "phrasing" (in words that training never puts together so) and
/// have a class; those of scenes are of the kinds "single", "pair" and "count" (combinations that training never shows)
/// and have a scene.
struct EvaluationPrompt {
    std::string kind;
    std::string caption;
    std::string className;       // empty: none
    std::optional<Scene> scene;  // what the caption says
};

nlohmann::ordered_json toJson(const EvaluationPrompt& prompt);
/// A line each.
std::string evaluationText(const std::vector<EvaluationPrompt>& prompts);
/// Of the set in this folder. NotFound where it has none; Format names the line.
Result<std::vector<EvaluationPrompt>> readEvaluationPrompts(const std::string& folder);

}  // namespace moescope
