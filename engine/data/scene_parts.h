// SPDX-License-Identifier: Apache-2.0
// Splits a picture of shapes on a plain background into its connected parts.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/data/picture_set.h"
#include "engine/data/scene.h"

namespace moescope {

/// One connected part of one colour.
struct ScenePart {
    SceneColour colour = SceneColour::Red;
    int64_t left = 0, top = 0, width = 0, height = 0;  // a box with one pixel of margin, as far as the picture goes
    std::vector<double> cover;  // [height, width]: how much of each pixel the part takes, about 0 .. 1
};

struct SceneParts {
    std::array<double, 3> background{};
    std::vector<ScenePart> parts;
};

SceneParts splitScene(const Picture8& picture);

}  // namespace moescope
