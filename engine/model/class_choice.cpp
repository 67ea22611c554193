// SPDX-License-Identifier: Apache-2.0
#include "engine/model/class_choice.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace moescope {
namespace {

std::optional<int64_t> wholeNumber(const std::string& text) {
    int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

Result<ClassChoice> classFromPrompt(const std::string& prompt, const ClassLabels* labels) {
    if (!labels)
        return EngineError{ErrorCode::InvalidArgument, "this model's classes have no names here, so a prompt can not be matched; give the "
                                                       "class with --class N, or put a labels.json beside the checkpoint"};
    auto match = labels->match(prompt);
    if (!match.ok()) return match.error();
    return ClassChoice{match->index, match->name, fmt::format("class {} '{}': {}", match->index, match->name, match->reason)};
}

Result<ClassChoice> classFromText(const std::string& text, int64_t classes, const ClassLabels* labels) {
    if (const auto number = wholeNumber(text)) {
        if (*number < 0 || *number > classes)
            return EngineError{ErrorCode::InvalidArgument, fmt::format("class {} is out of range: this model has classes 0 to {}, and {} is its "
                                                                       "null class", *number, classes - 1, classes)};
        const ClassLabel* label = labels ? labels->byIndex(*number) : nullptr;
        const std::string name = *number == classes ? "no class" : label ? label->name : "";
        return ClassChoice{static_cast<int>(*number), name,
                           fmt::format("class {}{}: given by number", *number, name.empty() ? "" : " '" + name + "'")};
    }
    if (!labels)
        return EngineError{ErrorCode::InvalidArgument, fmt::format("this model's classes have no names here; give a number from 0 to {} "
                                                                   "instead of '{}'", classes - 1, text)};
    auto index = labels->resolve(text);
    if (!index.ok()) return index.error();
    const std::string& name = labels->byIndex(*index)->name;
    return ClassChoice{*index, name, fmt::format("class {} '{}': given by name", *index, name)};
}

}  // namespace moescope
