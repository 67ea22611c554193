// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/class_union.h"

#include <map>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace moescope {
namespace {

bool sameNames(const ClassLabels& a, const ClassLabels& b) {
    for (int i = 0; i < a.size(); ++i)
        if (a.classes()[static_cast<size_t>(i)].name != b.classes()[static_cast<size_t>(i)].name) return false;
    return a.size() == b.size();
}

ClassUnion sameList(const std::vector<ExpertClasses>& experts, int64_t classes) {
    ClassUnion joined;
    joined.classes = classes;
    for (const ExpertClasses& expert : experts) {
        std::vector<int32_t> own(static_cast<size_t>(classes) + 1);
        if (expert.classes) std::iota(own.begin(), own.end(), 0);
        joined.own.push_back(std::move(own));
    }
    return joined;
}

nlohmann::json toJson(const ClassLabel& label, size_t index) {
    return {{"index", index}, {"name", label.name}, {"keywords", label.keywords}, {"group", label.group}, {"emoji", label.emoji},
            {"codepoint", label.codepoint}};
}

}  // namespace

Result<ClassUnion> joinClasses(const std::vector<ExpertClasses>& experts) {
    const ExpertClasses* first = nullptr;  // that takes classes
    const ExpertClasses* named = nullptr;
    bool same = true;
    for (const ExpertClasses& expert : experts) {
        if (!expert.classes) continue;
        if (!first) first = &expert;
        same = same && expert.classes == first->classes;
        if (!expert.labels) continue;
        if (!named) named = &expert;
        same = same && sameNames(*named->labels, *expert.labels);
    }
    if (!first) return sameList(experts, 0);
    if (same) return sameList(experts, first->classes);
    for (const ExpertClasses& expert : experts)
        if (expert.classes && !expert.labels)
            return EngineError{ErrorCode::Unsupported,
                               fmt::format("the experts have different classes ({} of '{}', {} of '{}'), which are matched by name, and those of "
                                           "'{}' have no names; put a labels.json beside its checkpoint", first->classes, first->name,
                                           expert.classes, expert.name, expert.name)};

    ClassUnion joined;
    std::map<std::string, int32_t> places;
    nlohmann::json labels = nlohmann::json::array();
    for (const ExpertClasses& expert : experts)
        if (expert.classes)
            for (const ClassLabel& label : expert.labels->classes())
                if (places.try_emplace(label.name, static_cast<int32_t>(labels.size())).second) labels.push_back(toJson(label, labels.size()));
    joined.classes = static_cast<int64_t>(labels.size());
    auto parsed = ClassLabels::parse(labels.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (!parsed.ok()) return parsed.error();
    joined.labels = std::make_shared<const ClassLabels>(std::move(*parsed));
    for (const ExpertClasses& expert : experts) {
        std::vector<int32_t> own(static_cast<size_t>(joined.classes) + 1, static_cast<int32_t>(expert.classes));
        if (expert.classes) {
            for (size_t c = expert.labels->classes().size(); c-- > 0;)  // of equal names the first stays
                own[static_cast<size_t>(places.at(expert.labels->classes()[c].name))] = static_cast<int32_t>(c);
            joined.notes.push_back(fmt::format("'{}' knows {} of the ensemble's {} classes; for the others it is given no class", expert.name,
                                               expert.classes, joined.classes));
        }
        joined.own.push_back(std::move(own));
    }
    return joined;
}

}  // namespace moescope
