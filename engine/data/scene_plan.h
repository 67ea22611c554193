// SPDX-License-Identifier: Apache-2.0
// Random scenes, and which combinations training never shows.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/data/scene.h"
#include "engine/data/seeded_random.h"

namespace moescope {

enum class SceneKind {
    Single,  // one shape, in one of nine places
    Pair,    // two unlike shapes, one beside or above the other
    Count,   // two or three alike
    Mixed,   // three, not all alike
};
std::string_view nameOf(SceneKind kind);

/// Follows from the seed. Of every shape one colour is kept out of training, each another one; of the pairs of kinds
/// (red circle, blue square) an eighth; of the counts (three green stars) a sixth. Every word is seen in training all
/// the same.
class ScenePlan {
public:
    explicit ScenePlan(uint64_t seed);

    /// Whether training never shows it: an object, a pair or a count that is kept out.
    bool isHeldOut(const Scene& scene) const;
    bool isHeldOutObject(SceneShape shape, SceneColour colour) const;

    /// Picture `index` of the training part: the same however many are made.
    Scene trainingScene(uint64_t index) const;
    /// Scene `index` that is kept out, of kind Single, Pair or Count: Single has an object that is kept out; the other
    /// two are new only as combinations.
    Scene heldOutScene(SceneKind kind, uint64_t index) const;

private:
    bool isHeldOutPair(const SceneObject& a, const SceneObject& b) const;
    bool isHeldOutCount(const SceneObject& object, size_t count) const;

    uint64_t m_seed;
    std::vector<std::pair<SceneShape, SceneColour>> m_objects;  // kept out
};

}  // namespace moescope
