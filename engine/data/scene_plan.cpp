// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

#include "engine/data/scene_drawing.h"

namespace moescope {
namespace {

// Streams of random numbers that one seed gives.
constexpr uint64_t kPlanStream = 1, kTrainingStream = 2, kHeldOutStream = 3;
constexpr uint64_t kPairsPerHeldOut = 8, kCountsPerHeldOut = 6;
constexpr double kGap = 0.07;     // between the circles around two shapes: two pixels of 32
constexpr double kMargin = 0.03;  // to the edge of the picture: one pixel of 32

uint64_t kindNumber(const SceneObject& object) {
    return static_cast<uint64_t>(object.shape) * sceneColours + static_cast<uint64_t>(object.colour);
}

SceneObject anyObject(SeededRandom& random, SceneBackground background) {
    SceneObject object;
    do object.colour = static_cast<SceneColour>(random.below(sceneColours));
    while (!isSeenOn(object.colour, background));
    object.shape = static_cast<SceneShape>(random.below(sceneShapes));
    return object;
}

void giveSize(SceneObject& object, SeededRandom& random, SceneSize size) {
    const DiameterRange range = diametersOf(size);
    object.size = size;
    object.radius = random.uniform(range.low, range.high) / 2;
}

SceneSize anySize(SeededRandom& random) {
    return random.chance(0.5) ? SceneSize::Small : SceneSize::Large;
}

/// The nearest place at which the whole shape is inside.
double inside(double place, const SceneObject& object) {
    const double reach = object.radius * sceneShapeReach + kMargin;
    return std::clamp(place, reach, 1 - reach);
}

Scene single(SeededRandom& random, const SceneObject& kind, SceneBackground background) {
    SceneObject object = kind;
    giveSize(object, random, anySize(random));
    const ScenePosition position{static_cast<int>(random.below(3)), static_cast<int>(random.below(3))};
    const auto place = [&](int cell) {
        return inside(0.5 + 0.25 * (cell - 1) + random.uniform(-0.045, 0.045), object);
    };
    object.x = place(position.column);
    object.y = place(position.row);
    return {background, {object}, {}, position};
}

Scene pair(SeededRandom& random, SceneObject a, SceneObject b, SceneBackground background) {
    giveSize(a, random, anySize(random));
    giveSize(b, random, anySize(random));
    const auto kind = static_cast<SceneRelationKind>(random.below(sceneRelationKinds));
    const bool across = kind == SceneRelationKind::LeftOf || kind == SceneRelationKind::RightOf;
    const bool first = kind == SceneRelationKind::LeftOf || kind == SceneRelationKind::Above;
    double low = 0, high = 0;
    do {
        low = inside(random.uniform(0.2, 0.3), first ? a : b);
        high = inside(random.uniform(0.7, 0.8), first ? b : a);
    } while (high - low < sceneShapeReach * (a.radius + b.radius) + kMargin);
    const double middle = random.uniform(0.35, 0.65);
    for (SceneObject* object : {&a, &b}) {
        const double along = (object == &a) == first ? low : high;
        const double beside = inside(middle + random.uniform(-0.08, 0.08), *object);
        object->x = across ? along : beside;
        object->y = across ? beside : along;
    }
    return {background, {a, b}, {{0, 1, kind}}, {}};
}

bool apart(const SceneObject& a, const SceneObject& b) {
    return std::hypot(a.x - b.x, a.y - b.y) >= sceneShapeReach * (a.radius + b.radius) + kGap;
}

/// Puts them where they do not touch. Three small ones always find room after a few trials.
Scene scattered(SeededRandom& random, std::vector<SceneObject> objects, SceneBackground background) {
    const SceneSize size = objects.size() == 2 ? anySize(random) : SceneSize::Small;
    for (SceneObject& object : objects) giveSize(object, random, size);
    for (;;) {
        for (SceneObject& object : objects) {
            object.x = inside(random.uniform(), object);
            object.y = inside(random.uniform(), object);
        }
        bool free = true;
        for (size_t i = 0; i < objects.size(); ++i)
            for (size_t j = 0; j < i; ++j) free = free && apart(objects[i], objects[j]);
        if (free) return {background, objects, {}, {}};
    }
}

}  // namespace

std::string_view nameOf(SceneKind kind) {
    static constexpr std::array<std::string_view, 4> kNames{"single", "pair", "count", "mixed"};
    return kNames[static_cast<size_t>(kind)];
}

ScenePlan::ScenePlan(uint64_t seed) : m_seed(seed) {
    SeededRandom random(seed, kPlanStream);
    std::vector<int> colours(sceneColours);
    std::iota(colours.begin(), colours.end(), 0);
    random.shuffle(colours);
    for (int shape = 0; shape < sceneShapes; ++shape)
        m_objects.emplace_back(static_cast<SceneShape>(shape),
                               static_cast<SceneColour>(colours[static_cast<size_t>(shape)]));
}

bool ScenePlan::isHeldOutObject(SceneShape shape, SceneColour colour) const {
    return std::ranges::find(m_objects, std::pair(shape, colour)) != m_objects.end();
}

bool ScenePlan::isHeldOutPair(const SceneObject& a, const SceneObject& b) const {
    const uint64_t low = std::min(kindNumber(a), kindNumber(b)), high = std::max(kindNumber(a), kindNumber(b));
    return mixBits(mixBits(m_seed ^ 0x70616972) ^ (low << 8 | high)) % kPairsPerHeldOut == 0;
}

bool ScenePlan::isHeldOutCount(const SceneObject& object, size_t count) const {
    return mixBits(mixBits(m_seed ^ 0x636f756e74) ^ (kindNumber(object) << 8 | count)) % kCountsPerHeldOut == 0;
}

bool ScenePlan::isHeldOut(const Scene& scene) const {
    for (const SceneObject& a : scene.objects) {
        if (isHeldOutObject(a.shape, a.colour)) return true;
        const auto alike = static_cast<size_t>(
            std::ranges::count_if(scene.objects, [&](const SceneObject& b) { return a.sameKind(b); }));
        if (alike > 1 && isHeldOutCount(a, alike)) return true;
        for (const SceneObject& b : scene.objects)
            if (!a.sameKind(b) && isHeldOutPair(a, b)) return true;
    }
    return false;
}

Scene ScenePlan::trainingScene(uint64_t index) const {
    SeededRandom random(mixBits(m_seed) + kTrainingStream, index);
    for (;;) {
        const auto background = static_cast<SceneBackground>(random.below(sceneBackgrounds));
        const SceneObject a = anyObject(random, background), b = anyObject(random, background),
                          c = anyObject(random, background);
        const double kind = random.uniform();
        Scene scene;
        if (kind < 0.4)
            scene = single(random, a, background);
        else if (kind < 0.74)
            scene = pair(random, a, b, background);
        else if (kind < 0.88)
            scene =
                scattered(random, std::vector<SceneObject>(static_cast<size_t>(2 + random.below(2)), a), background);
        else
            scene = scattered(random, {a, random.chance(0.4) ? a : b, c}, background);
        const auto& objects = scene.objects;
        const bool unclear = (objects.size() == 2 && !scene.relations.empty() && objects[0].sameKind(objects[1])) ||
                             (kind >= 0.88 && (objects[0].sameKind(objects[2]) || objects[1].sameKind(objects[2])));
        if (!unclear && !isHeldOut(scene)) return scene;
    }
}

Scene ScenePlan::heldOutScene(SceneKind kind, uint64_t index) const {
    SeededRandom random(mixBits(m_seed) + kHeldOutStream + 16 * static_cast<uint64_t>(kind), index);
    for (;;) {
        const auto background = static_cast<SceneBackground>(random.below(sceneBackgrounds));
        SceneObject a = anyObject(random, background);
        const SceneObject b = anyObject(random, background);
        if (kind == SceneKind::Single) {
            std::tie(a.shape, a.colour) = random.oneOf(m_objects);
            if (isSeenOn(a.colour, background)) return single(random, a, background);
            continue;
        }
        const bool known = !isHeldOutObject(a.shape, a.colour) && !isHeldOutObject(b.shape, b.colour);
        const auto count = static_cast<size_t>(2 + random.below(2));
        if (kind == SceneKind::Pair && known && !a.sameKind(b) && isHeldOutPair(a, b))
            return pair(random, a, b, background);
        if (kind == SceneKind::Count && known && isHeldOutCount(a, count))
            return scattered(random, std::vector<SceneObject>(count, a), background);
    }
}

}  // namespace moescope
