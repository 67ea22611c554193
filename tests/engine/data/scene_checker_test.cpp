// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/scene_checker.h"

#include <gtest/gtest.h>

#include "engine/data/scene_captions.h"
#include "engine/data/scene_drawing.h"
#include "engine/data/scene_plan.h"

namespace moescope {
namespace {

constexpr int kScenes = 400;

struct Case {
    Scene scene, told;
    FoundScene found;
};

/// [1 2 1] / 4 along both axes.
Picture8 blurred(Picture8 picture) {
    const auto n = static_cast<int64_t>(picture.rgb.size()), row = 3 * picture.width;
    for (const int64_t stride : {int64_t{3}, row}) {
        const std::vector<uint8_t> from = picture.rgb;
        for (int64_t i = 0; i < n; ++i) {
            const auto at = [&](int64_t j) {
                return static_cast<int>(from[static_cast<size_t>(j < 0 || j >= n ? i : j)]);
            };
            picture.rgb[static_cast<size_t>(i)] =
                static_cast<uint8_t>((at(i - stride) + 2 * at(i) + at(i + stride) + 2) / 4);
        }
    }
    return picture;
}

std::vector<Case> cases(bool blur) {
    const ScenePlan plan(42);
    std::vector<Case> all;
    for (uint64_t i = 0; i < kScenes; ++i) {
        SeededRandom random(1, i);
        Case one;
        one.scene = plan.trainingScene(i);
        one.told = sceneCaption(one.scene, random).told;
        const Picture8 picture = drawScene(one.scene, 32);
        one.found = findScene(blur ? blurred(picture) : picture);
        all.push_back(std::move(one));
    }
    return all;
}

/// What a checker that makes no mistakes would find.
FoundScene truth(const Scene& scene) {
    FoundScene found;
    found.background = *scene.background;
    for (const SceneObject& object : scene.objects) found.objects.push_back({object, 0, true});
    return found;
}

TEST(SceneChecker, ErrsOnAtMostTwoPercentOfTrueDescriptions) {
    for (const bool blur : {false, true}) {
        int wrong = 0;
        for (const Case& one : cases(blur))
            wrong += !checkScene(one.found, one.told).holdsInEveryDetail() ||
                     !checkScene(one.found, one.scene).holdsInEveryDetail();
        EXPECT_LE(wrong, kScenes * 2 / 100) << (blur ? "blurred" : "sharp");
    }
}

TEST(SceneChecker, AcceptsOtherDescriptionsOnlyWhereTheyAreTrue) {
    const std::vector<Case> all = cases(false);
    int accepted = 0, mistaken = 0;
    for (size_t i = 0; i < all.size(); ++i)
        for (size_t step = 1; step <= 20; ++step) {
            const Scene& other = all[(i + step) % all.size()].told;
            const bool said = checkScene(all[i].found, other).holds(),
                       right = checkScene(truth(all[i].scene), other).holds();
            accepted += said;
            mistaken += said != right;
        }
    const int pairs = 20 * kScenes;
    EXPECT_LE(mistaken, pairs / 1000);
    EXPECT_LE(accepted, pairs * 2 / 100);  // two captions drawn at random seldom agree: 48 objects, most of them alone
}

Scene two(SceneObject a, SceneObject b, SceneRelationKind kind) {
    return {SceneBackground::White, {a, b}, {{0, 1, kind}}, {}};
}

TEST(SceneChecker, SaysWhatIsWrong) {
    const SceneObject circle{SceneShape::Circle, SceneColour::Red, SceneSize::Small, 0.25, 0.4, 0.13};
    const SceneObject square{SceneShape::Square, SceneColour::Blue, SceneSize::Large, 0.72, 0.5, 0.2};
    const Scene scene = two(circle, square, SceneRelationKind::LeftOf);
    const FoundScene found = findScene(drawScene(scene, 32));
    EXPECT_TRUE(checkScene(found, scene).holdsInEveryDetail());

    const SceneVerdict turned = checkScene(found, two(circle, square, SceneRelationKind::RightOf));
    EXPECT_TRUE(turned.objects && !turned.relations && !turned.holds());
    EXPECT_FALSE(checkScene(found, two(circle, square, SceneRelationKind::Above)).relations);
    EXPECT_TRUE(checkScene(found, two(square, circle, SceneRelationKind::RightOf)).holds());

    SceneObject blueCircle = circle, redSquare = square;
    std::swap(blueCircle.colour, redSquare.colour);
    const SceneVerdict swapped = checkScene(found, two(blueCircle, redSquare, SceneRelationKind::LeftOf));
    EXPECT_TRUE(swapped.count && swapped.shapes && swapped.colours);
    EXPECT_FALSE(swapped.objects || swapped.holds());

    const SceneVerdict alone = checkScene(found, {SceneBackground::White, {circle}, {}, {}});
    EXPECT_FALSE(alone.count || alone.holds());
    SceneObject large = circle;
    large.size = SceneSize::Large;
    const SceneVerdict sizes = checkScene(found, two(large, square, SceneRelationKind::LeftOf));
    EXPECT_TRUE(sizes.holds());
    EXPECT_FALSE(sizes.sizes || sizes.holdsInEveryDetail());
    Scene grey = scene;
    grey.background = SceneBackground::Grey;
    EXPECT_FALSE(checkScene(found, grey).background);
}

TEST(SceneChecker, FindsNothingInPlainPicturesAndNoShapeInNoise) {
    EXPECT_TRUE(findScene({8, 8, std::vector<uint8_t>(192, 90)}).objects.empty());
    SeededRandom random(4);
    int held = 0;
    for (int i = 0; i < 50; ++i) {
        Picture8 noise{32, 32, {}};
        for (int j = 0; j < 3 * 32 * 32; ++j) noise.rgb.push_back(static_cast<uint8_t>(random.below(256)));
        held += checkScene(noise, ScenePlan(1).trainingScene(static_cast<uint64_t>(i))).holds();
    }
    EXPECT_EQ(held, 0);
    EXPECT_TRUE(findScene({1, 1, {0, 0, 0}}).objects.empty());
    EXPECT_TRUE(findScene({0, 0, {}}).objects.empty());
}

TEST(SceneChecker, WorksAtOtherSizes) {
    const ScenePlan plan(7);
    int wrong = 0;
    for (uint64_t i = 0; i < 100; ++i)
        wrong += !checkScene(drawScene(plan.trainingScene(i), 64), plan.trainingScene(i)).holdsInEveryDetail();
    EXPECT_LE(wrong, 2);
}

}  // namespace
}  // namespace moescope
