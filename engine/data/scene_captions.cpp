// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_captions.h"

#include <fmt/format.h>

#include <algorithm>

namespace moescope {
namespace {

std::string withArticle(const std::string& words) {
    return fmt::format("{} {}", std::string_view("aeiou").find(words.front()) == std::string_view::npos ? "a" : "an",
                       words);
}

std::string nounOf(const SceneObject& object, bool size) {
    return fmt::format("{}{}{} {}", size ? nameOf(*object.size) : "", size ? " " : "", nameOf(object.colour),
                       nameOf(object.shape));
}

std::string pluralOf(const SceneObject& object, bool size) {
    return nounOf(object, size) + (object.shape == SceneShape::Cross ? "es" : "s");
}

std::string placeOf(ScenePosition position) {
    const std::string name = nameOf(position);
    if (position.column != 1 && position.row != 1) return fmt::format("in the {} corner", name);
    if (position == ScenePosition{1, 1}) return "in the middle";
    return fmt::format("{} the {}", position.row == 1 ? "on" : "at", name);
}

SceneRelationKind opposite(SceneRelationKind kind) {
    switch (kind) {
        case SceneRelationKind::LeftOf:
            return SceneRelationKind::RightOf;
        case SceneRelationKind::RightOf:
            return SceneRelationKind::LeftOf;
        case SceneRelationKind::Above:
            return SceneRelationKind::Below;
        default:
            return SceneRelationKind::Above;
    }
}

std::string relationWords(SceneRelationKind kind, SeededRandom& random) {
    const bool plain = random.chance(0.5);
    switch (kind) {
        case SceneRelationKind::LeftOf:
            return plain ? "left of" : "to the left of";
        case SceneRelationKind::RightOf:
            return plain ? "right of" : "to the right of";
        case SceneRelationKind::Above:
            return plain ? "above" : "over";
        default:
            return plain ? "below" : "under";
    }
}

/// Objects of one kind together, in the order of the scene: their first, and how many.
std::vector<std::pair<SceneObject, size_t>> groupsOf(const Scene& scene) {
    std::vector<std::pair<SceneObject, size_t>> groups;
    for (const SceneObject& object : scene.objects) {
        const auto known =
            std::ranges::find_if(groups, [&](const auto& group) { return group.first.sameKind(object); });
        if (known == groups.end())
            groups.emplace_back(object, 1);
        else
            ++known->second;
    }
    return groups;
}

std::string groupWords(const std::pair<SceneObject, size_t>& group, bool size) {
    const auto& [object, count] = group;
    return count == 1 ? withArticle(nounOf(object, size))
                      : fmt::format("{} {}", count == 2 ? "two" : "three", pluralOf(object, size));
}

}  // namespace

SceneCaption sceneCaption(const Scene& scene, SeededRandom& random) {
    SceneCaption caption;
    caption.told.objects = scene.objects;
    for (SceneObject& object : caption.told.objects) object.x = object.y = object.radius = 0;
    std::vector<bool> sizes;  // of each group: whether its size is named
    std::vector<std::pair<SceneObject, size_t>> groups = groupsOf(scene);
    const double sizeChance = groups.size() == 1 ? 0.5 : 0.3;
    for (size_t i = 0; i < groups.size(); ++i) sizes.push_back(random.chance(sizeChance));
    for (SceneObject& object : caption.told.objects)
        for (size_t i = 0; i < groups.size(); ++i)
            if (groups[i].first.sameKind(object) && !sizes[i]) object.size.reset();

    std::string text;
    if (!scene.relations.empty() && random.chance(0.8)) {
        SceneRelation relation = scene.relations.front();
        caption.told.relations = {relation};
        if (random.chance(0.5)) relation = {relation.to, relation.from, opposite(relation.kind)};
        const auto words = [&](int object) {
            return groupWords(groups[static_cast<size_t>(object)], sizes[static_cast<size_t>(object)]);
        };
        text = fmt::format("{} {} {}", words(relation.from), relationWords(relation.kind, random), words(relation.to));
    } else {
        std::vector<size_t> order(groups.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = i;
        random.shuffle(order);
        for (size_t i = 0; i < order.size(); ++i)
            text += fmt::format("{}{}",
                                i == 0                  ? ""
                                : i + 1 == order.size() ? " and "
                                                        : ", ",
                                groupWords(groups[order[i]], sizes[order[i]]));
    }
    if (scene.position && random.chance(0.4)) {
        caption.told.position = scene.position;
        text += " " + placeOf(*scene.position);
    }
    if (scene.background && random.chance(0.35)) {
        caption.told.background = scene.background;
        const std::string_view name = nameOf(*scene.background);
        text += random.chance(0.5) ? fmt::format(" on {}", name) : fmt::format(" on a {} background", name);
    }
    const double opening = random.uniform();
    const bool several = text.starts_with("two ") || text.starts_with("three ");
    caption.text = opening < 0.15   ? "a picture of " + text
                   : opening < 0.25 ? (several ? "there are " : "there is ") + text
                                    : text;
    return caption;
}

std::vector<SceneCaption> sceneCaptions(const Scene& scene, int count, SeededRandom& random) {
    std::vector<SceneCaption> captions;
    for (int trial = 0; trial < 4 * count && static_cast<int>(captions.size()) < count; ++trial) {
        SceneCaption caption = sceneCaption(scene, random);
        if (std::ranges::find(captions, caption.text, &SceneCaption::text) == captions.end())
            captions.push_back(std::move(caption));
    }
    return captions;
}

}  // namespace moescope
