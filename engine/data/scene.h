// SPDX-License-Identifier: Apache-2.0
// Pictures of a few coloured shapes: what is in one, in a form that a machine can check.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

enum class SceneShape { Circle, Square, Triangle, Star, Ring, Cross };
enum class SceneColour { Red, Orange, Yellow, Green, Blue, Purple, Black, White };
enum class SceneBackground { White, Grey, Black, Pink };
enum class SceneSize { Small, Large };
enum class SceneRelationKind { LeftOf, RightOf, Above, Below };

inline constexpr int sceneShapes = 6, sceneColours = 8, sceneBackgrounds = 4, sceneSizes = 2, sceneRelationKinds = 4;

/// One shape. Where it is told rather than drawn, size may be open and the radius is 0.
struct SceneObject {
    SceneShape shape = SceneShape::Circle;
    SceneColour colour = SceneColour::Red;
    std::optional<SceneSize> size;
    double x = 0, y = 0;  // of its middle, as fractions of the picture's side
    double radius = 0;    // of the circle of that size, as a fraction of the side

    bool sameKind(const SceneObject& other) const { return shape == other.shape && colour == other.colour; }
};

/// Object `from` is left of (right of, above, below) object `to`.
struct SceneRelation {
    int from = 0, to = 1;
    SceneRelationKind kind = SceneRelationKind::LeftOf;
};

/// A cell of three by three: column 0 is left, row 0 is at the top.
struct ScenePosition {
    int column = 1, row = 1;
    bool operator==(const ScenePosition&) const = default;
};

/// A picture of 1 to 3 shapes, or what a caption says of one: then what it does not say is open.
struct Scene {
    std::optional<SceneBackground> background;
    std::vector<SceneObject> objects;
    std::vector<SceneRelation> relations;
    std::optional<ScenePosition> position;  // of a shape that is alone
};

std::string_view nameOf(SceneShape shape);
std::string_view nameOf(SceneColour colour);
std::string_view nameOf(SceneBackground background);
std::string_view nameOf(SceneSize size);
std::string_view nameOf(SceneRelationKind kind);
/// "top left", "middle", "right"
std::string nameOf(ScenePosition position);

using SceneRgb = std::array<uint8_t, 3>;
SceneRgb rgbOf(SceneColour colour);
SceneRgb rgbOf(SceneBackground background);
/// Whether a shape of that colour is clearly seen on that background.
bool isSeenOn(SceneColour colour, SceneBackground background);

/// Diameters as fractions of the picture's side, and the one between small and large.
struct DiameterRange {
    double low, high;
};
DiameterRange diametersOf(SceneSize size);
inline constexpr double sceneSizeLimit = 0.33;

/// {"background": "white", "objects": [{"shape", "colour", "size", "x", "y", "radius"}], "relations": [{"from", "to",
/// "relation"}], "position": "top left"}; what is open is left out.
nlohmann::ordered_json toJson(const Scene& scene);
/// Format, with the field that is wrong.
Result<Scene> sceneFrom(const nlohmann::json& json);

}  // namespace moescope
