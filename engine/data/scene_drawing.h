// SPDX-License-Identifier: Apache-2.0
// Draws scenes, with smooth edges.
#pragma once

#include "engine/data/picture_set.h"
#include "engine/data/scene.h"

namespace moescope {

/// Whether the shape of radius 1 around the origin covers the point; y grows downward. All lie within -1.05 .. 1.05.
bool covers(SceneShape shape, double x, double y);
inline constexpr double sceneShapeReach = 1.05;

/// Share of the pixel (column, row) of a picture of `side` pixels that the object covers, from points x points of it.
double coverage(const SceneObject& object, int64_t side, int64_t column, int64_t row, int points = 8);

/// [side, side, 3]. Every object has to be placed (radius > 0); later ones lie over earlier ones; no background: white.
Picture8 drawScene(const Scene& scene, int64_t side);

}  // namespace moescope
