// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace moescope {
namespace {

constexpr double kSquareHalf = 0.88, kRingInner = 0.55, kCrossHalf = 0.36, kStarOuter = 1.05, kStarInner = 0.48;
constexpr double kTriangleTop = -1, kTriangleBase = 0.8;

/// Within the star with a point at the top: a line to the right crosses its outline an odd number of times.
bool inStar(double x, double y) {
    static const auto corners = [] {
        std::array<std::pair<double, double>, 10> made;
        for (size_t i = 0; i < made.size(); ++i) {
            const double angle = std::numbers::pi / 5 * static_cast<double>(i),
                         radius = i % 2 == 0 ? kStarOuter : kStarInner;
            made[i] = {radius * std::sin(angle), -radius * std::cos(angle)};
        }
        return made;
    }();
    bool inside = false;
    for (size_t i = 0; i < corners.size(); ++i) {
        const auto [ax, ay] = corners[i];
        const auto [bx, by] = corners[(i + 1) % corners.size()];
        if ((ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax)) inside = !inside;
    }
    return inside;
}

}  // namespace

bool covers(SceneShape shape, double x, double y) {
    switch (shape) {
        case SceneShape::Circle:
            return x * x + y * y <= 1;
        case SceneShape::Square:
            return std::max(std::abs(x), std::abs(y)) <= kSquareHalf;
        case SceneShape::Triangle:
            return y <= kTriangleBase && y >= kTriangleTop &&
                   std::abs(x) <= (y - kTriangleTop) / (kTriangleBase - kTriangleTop);
        case SceneShape::Star:
            return inStar(x, y);
        case SceneShape::Ring:
            return x * x + y * y <= 1 && x * x + y * y >= kRingInner * kRingInner;
        case SceneShape::Cross:
            return std::max(std::abs(x), std::abs(y)) <= 1 && std::min(std::abs(x), std::abs(y)) <= kCrossHalf;
    }
    return false;
}

double coverage(const SceneObject& object, int64_t side, int64_t column, int64_t row, int points) {
    int inside = 0;
    for (int v = 0; v < points; ++v)
        for (int u = 0; u < points; ++u) {
            const double x = (static_cast<double>(column) + (u + 0.5) / points) / static_cast<double>(side) - object.x;
            const double y = (static_cast<double>(row) + (v + 0.5) / points) / static_cast<double>(side) - object.y;
            inside += covers(object.shape, x / object.radius, y / object.radius);
        }
    return inside / static_cast<double>(points * points);
}

Picture8 drawScene(const Scene& scene, int64_t side) {
    Picture8 picture{side, side, {}};
    const SceneRgb background = rgbOf(scene.background.value_or(SceneBackground::White));
    picture.rgb.reserve(static_cast<size_t>(3 * side * side));
    for (int64_t pixel = 0; pixel < side * side; ++pixel)
        picture.rgb.insert(picture.rgb.end(), background.begin(), background.end());
    for (const SceneObject& object : scene.objects) {
        const SceneRgb colour = rgbOf(object.colour);
        const double reach = sceneShapeReach * object.radius;
        const auto pixel = [&](double fraction) {
            return std::clamp<int64_t>(static_cast<int64_t>(std::floor(fraction * static_cast<double>(side))), 0,
                                       side - 1);
        };
        for (int64_t row = pixel(object.y - reach); row <= pixel(object.y + reach); ++row)
            for (int64_t column = pixel(object.x - reach); column <= pixel(object.x + reach); ++column) {
                const double share = coverage(object, side, column, row);
                uint8_t* target = picture.rgb.data() + 3 * (row * side + column);
                for (size_t i = 0; i < 3; ++i)
                    target[i] = static_cast<uint8_t>(std::lround(target[i] + share * (colour[i] - target[i])));
            }
    }
    return picture;
}

}  // namespace moescope
