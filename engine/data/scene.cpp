// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ensemble/json_fields.h"

namespace moescope {
namespace {

constexpr std::array<std::string_view, sceneShapes> kShapes{"circle", "square", "triangle", "star", "ring", "cross"};
constexpr std::array<std::string_view, sceneColours> kColours{"red",  "orange", "yellow", "green",
                                                              "blue", "purple", "black",  "white"};
constexpr std::array<std::string_view, sceneBackgrounds> kBackgrounds{"white", "grey", "black", "pink"};
constexpr std::array<std::string_view, sceneSizes> kSizes{"small", "large"};
constexpr std::array<std::string_view, sceneRelationKinds> kRelations{"left of", "right of", "above", "below"};
constexpr std::array<std::string_view, 9> kPositions{"top left", "top",         "top right", "left",        "middle",
                                                     "right",    "bottom left", "bottom",    "bottom right"};

constexpr std::array<SceneRgb, sceneColours> kColourValues{{{220, 40, 40},
                                                            {245, 140, 20},
                                                            {250, 220, 40},
                                                            {40, 160, 60},
                                                            {40, 80, 220},
                                                            {130, 30, 190},
                                                            {15, 15, 15},
                                                            {250, 250, 250}}};
constexpr std::array<SceneRgb, sceneBackgrounds> kBackgroundValues{
    {{255, 255, 255}, {170, 170, 170}, {0, 0, 0}, {255, 205, 220}}};

constexpr int kMostObjects = 3;
constexpr double kLeastContrast = 110;  // Euclidean, of 255 a channel

template <class T>
T oneOf(JsonFields& fields, std::string_view field, std::span<const std::string_view> words) {
    const std::string word = fields.oneOf(field, words);
    return static_cast<T>(std::ranges::find(words, word) - words.begin());
}

SceneObject objectFrom(const nlohmann::json& json, const std::string& where) {
    JsonFields fields(json, where);
    SceneObject object;
    object.shape = oneOf<SceneShape>(fields, "shape", kShapes);
    object.colour = oneOf<SceneColour>(fields, "colour", kColours);
    if (fields.find("size")) object.size = oneOf<SceneSize>(fields, "size", kSizes);
    object.x = fields.number("x", 0, 1, 0.0);
    object.y = fields.number("y", 0, 1, 0.0);
    object.radius = fields.number("radius", 0, 1, 0.0);
    return object;
}

const nlohmann::json& listFrom(JsonFields& fields, std::string_view name, size_t least) {
    const nlohmann::json& list = fields.need(name);
    if (!list.is_array() || list.size() < least || list.size() > kMostObjects)
        fields.wrong(name, fmt::format("a list of {} to {} objects", least, kMostObjects), list);
    return list;
}

}  // namespace

std::string_view nameOf(SceneShape shape) {
    return kShapes[static_cast<size_t>(shape)];
}
std::string_view nameOf(SceneColour colour) {
    return kColours[static_cast<size_t>(colour)];
}
std::string_view nameOf(SceneBackground background) {
    return kBackgrounds[static_cast<size_t>(background)];
}
std::string_view nameOf(SceneSize size) {
    return kSizes[static_cast<size_t>(size)];
}
std::string_view nameOf(SceneRelationKind kind) {
    return kRelations[static_cast<size_t>(kind)];
}
std::string nameOf(ScenePosition position) {
    return std::string(kPositions[static_cast<size_t>(3 * position.row + position.column)]);
}

SceneRgb rgbOf(SceneColour colour) {
    return kColourValues[static_cast<size_t>(colour)];
}
SceneRgb rgbOf(SceneBackground background) {
    return kBackgroundValues[static_cast<size_t>(background)];
}

bool isSeenOn(SceneColour colour, SceneBackground background) {
    const SceneRgb a = rgbOf(colour), b = rgbOf(background);
    double squares = 0;
    for (size_t i = 0; i < 3; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
    return squares >= kLeastContrast * kLeastContrast;
}

DiameterRange diametersOf(SceneSize size) {
    return size == SceneSize::Small ? DiameterRange{0.24, 0.28} : DiameterRange{0.38, 0.42};
}

nlohmann::ordered_json toJson(const Scene& scene) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    if (scene.background) json["background"] = nameOf(*scene.background);
    json["objects"] = nlohmann::ordered_json::array();
    const auto rounded = [](double value) { return static_cast<double>(std::lround(value * 1e4)) / 1e4; };
    for (const SceneObject& object : scene.objects) {
        nlohmann::ordered_json one{{"shape", nameOf(object.shape)}, {"colour", nameOf(object.colour)}};
        if (object.size) one["size"] = nameOf(*object.size);
        if (object.radius > 0) {
            one["x"] = rounded(object.x);
            one["y"] = rounded(object.y);
            one["radius"] = rounded(object.radius);
        }
        json["objects"].push_back(std::move(one));
    }
    for (const SceneRelation& relation : scene.relations)
        json["relations"].push_back(
            {{"from", relation.from}, {"to", relation.to}, {"relation", nameOf(relation.kind)}});
    if (scene.position) json["position"] = nameOf(*scene.position);
    return json;
}

Result<Scene> sceneFrom(const nlohmann::json& json) {
    return guarded([&]() -> Scene {
        if (!json.is_object())
            throw EngineException(
                ErrorCode::Format,
                fmt::format("the scene is {} where an object with \"objects\" is expected", jsonExcerpt(json)));
        JsonFields fields(json, "the scene");
        Scene scene;
        if (fields.find("background")) scene.background = oneOf<SceneBackground>(fields, "background", kBackgrounds);
        for (const auto& object : listFrom(fields, "objects", 1))
            scene.objects.push_back(objectFrom(object, fmt::format("object {} of the scene", scene.objects.size())));
        const auto last = static_cast<int64_t>(scene.objects.size()) - 1;
        if (fields.find("relations"))
            for (const auto& relation : listFrom(fields, "relations", 0)) {
                JsonFields one(relation, fmt::format("relation {} of the scene", scene.relations.size()));
                SceneRelation read;
                read.from = static_cast<int>(one.integer("from", 0, last));
                read.to = static_cast<int>(one.integer("to", 0, last));
                read.kind = oneOf<SceneRelationKind>(one, "relation", kRelations);
                scene.relations.push_back(read);
            }
        if (fields.find("position")) {
            const int cell = oneOf<int>(fields, "position", kPositions);
            scene.position = ScenePosition{cell % 3, cell / 3};
        }
        return scene;
    });
}

}  // namespace moescope
