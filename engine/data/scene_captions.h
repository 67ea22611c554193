// SPDX-License-Identifier: Apache-2.0
// What people would say of a scene: true sentences in several phrasings.
#pragma once

#include <string>
#include <vector>

#include "engine/data/scene.h"
#include "engine/data/seeded_random.h"

namespace moescope {

struct SceneCaption {
    std::string text;
    Scene told;  // what the text says and no more: objects without places, sizes and the rest only where they are named
};

/// One caption of a drawn scene. Every object is named with shape and colour; sizes, place, relation and background now
/// and then.
SceneCaption sceneCaption(const Scene& scene, SeededRandom& random);

/// Up to `count` different ones.
std::vector<SceneCaption> sceneCaptions(const Scene& scene, int count, SeededRandom& random);

}  // namespace moescope
