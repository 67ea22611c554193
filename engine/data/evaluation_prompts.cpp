// SPDX-License-Identifier: Apache-2.0
#include "engine/data/evaluation_prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/data/item_labels.h"
#include "engine/ensemble/json_fields.h"

namespace moescope {
namespace {

constexpr uint64_t kMostBytes = uint64_t{256} << 20;

EvaluationPrompt promptFrom(std::string_view line, const std::string& where) {
    const nlohmann::json json = parseShallowJson(line);
    if (!json.is_object())
        throw EngineException(ErrorCode::Format, fmt::format("{} is no JSON object; write the set again", where));
    JsonFields fields(json, where);
    EvaluationPrompt prompt;
    prompt.kind = fields.text("kind");
    prompt.caption = fields.text("caption");
    prompt.className = fields.text("class", std::string());
    if (const auto* scene = fields.find("scene")) {
        auto read = sceneFrom(*scene);
        if (!read) throw EngineException(read.error().code, fmt::format("{}: {}", where, read.error().message));
        prompt.scene = std::move(read).value();
    }
    return prompt;
}

}  // namespace

nlohmann::ordered_json toJson(const EvaluationPrompt& prompt) {
    nlohmann::ordered_json json{{"kind", prompt.kind}, {"caption", prompt.caption}};
    if (!prompt.className.empty()) json["class"] = prompt.className;
    if (prompt.scene) json["scene"] = toJson(*prompt.scene);
    return json;
}

std::string evaluationText(const std::vector<EvaluationPrompt>& prompts) {
    std::string text;
    for (const EvaluationPrompt& prompt : prompts) text += toJson(prompt).dump() + "\n";
    return text;
}

Result<std::vector<EvaluationPrompt>> readEvaluationPrompts(const std::string& folder) {
    return guarded([&] {
        const std::string text = readTextFile(std::filesystem::path(folder) / "evaluation.jsonl", kMostBytes);
        std::vector<EvaluationPrompt> prompts;
        std::string_view rest = text;
        for (int64_t number = 1; !rest.empty(); ++number) {
            const size_t end = std::min(rest.find('\n'), rest.size());
            const std::string_view line = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (!line.empty()) prompts.push_back(promptFrom(line, fmt::format("line {} of evaluation.jsonl", number)));
        }
        return prompts;
    });
}

}  // namespace moescope
