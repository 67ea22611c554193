// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/scene.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/data/scene_captions.h"
#include "engine/data/scene_drawing.h"
#include "engine/data/scene_plan.h"
#include "engine/model/label_words.h"

namespace moescope {
namespace {

TEST(Scene, SurvivesItsJson) {
    const ScenePlan plan(3);
    for (uint64_t i = 0; i < 50; ++i) {
        const Scene scene = plan.trainingScene(i);
        const auto json = toJson(scene);
        const auto read = sceneFrom(nlohmann::json(json));
        ASSERT_TRUE(read.ok()) << read.error().message;
        EXPECT_EQ(toJson(*read), json);
    }
}

TEST(Scene, RefusesWrongJsonInASentence) {
    for (
        const auto& [text, part] : std::initializer_list<std::pair<const char*, const char*>>{
            {"[]", "an object"},
            {R"({"objects": []})", "1 to 3 objects"},
            {R"({"objects": [{"shape": "cube", "colour": "red"}]})", "cube"},
            {R"({"objects": [{"shape": "ring", "colour": "red"}], "relations": [{"from": 0, "to": 1, "relation": "above"}]})",
             "to"},
            {R"({"objects": [{"shape": "ring", "colour": "red"}], "position": "nowhere"})", "nowhere"}}) {
        const auto scene = sceneFrom(nlohmann::json::parse(text));
        ASSERT_FALSE(scene.ok()) << text;
        EXPECT_NE(scene.error().message.find(part), std::string::npos) << scene.error().message;
    }
}

TEST(SceneDrawing, CoversTheAreasOfGeometry) {
    // Areas of the shapes of radius 1 in closed form; with 8 points a pixel an edge along the grid is off by
    // half a point at most, here two edges of 720 points (the square) in both directions: 2 / 720.
    const double pi = 3.14159265358979;
    for (const auto& [shape, area] :
         std::initializer_list<std::pair<SceneShape, double>>{{SceneShape::Circle, pi},
                                                              {SceneShape::Square, 4 * 0.88 * 0.88},
                                                              {SceneShape::Triangle, 1.8},
                                                              {SceneShape::Star, 5 * 1.05 * 0.48 * std::sin(pi / 5)},
                                                              {SceneShape::Ring, pi * (1 - 0.55 * 0.55)},
                                                              {SceneShape::Cross, 2 * 2 * 0.72 - 0.72 * 0.72}}) {
        double sum = 0;
        for (int64_t y = 0; y < 128; ++y)
            for (int64_t x = 0; x < 128; ++x) sum += coverage({shape, SceneColour::Red, {}, 0.5, 0.5, 0.4}, 128, x, y);
        const double radius = 0.4 * 128;
        EXPECT_NEAR(sum / (radius * radius), area, area * 2 / 720) << nameOf(shape);
    }
}

TEST(SceneDrawing, PaintsColourAndBackgroundOnly) {
    const Scene scene{
        SceneBackground::Pink, {{SceneShape::Square, SceneColour::Blue, SceneSize::Large, 0.5, 0.5, 0.25}}, {}, {}};
    const Picture8 picture = drawScene(scene, 32);
    const auto at = [&](size_t x, size_t y) {
        return SceneRgb{picture.rgb[3 * (y * 32 + x)], picture.rgb[3 * (y * 32 + x) + 1],
                        picture.rgb[3 * (y * 32 + x) + 2]};
    };
    EXPECT_EQ(at(16, 16), rgbOf(SceneColour::Blue));
    EXPECT_EQ(at(1, 1), rgbOf(SceneBackground::Pink));
    EXPECT_EQ(at(0, 16), rgbOf(SceneBackground::Pink));
}

TEST(ScenePlan, NeverTrainsWhatItKeepsOut) {
    const ScenePlan plan(0);
    int objects = 0;
    for (int shape = 0; shape < sceneShapes; ++shape)
        for (int colour = 0; colour < sceneColours; ++colour)
            objects += plan.isHeldOutObject(static_cast<SceneShape>(shape), static_cast<SceneColour>(colour));
    EXPECT_EQ(objects, sceneShapes);
    std::set<std::pair<int, int>> seen;
    for (uint64_t i = 0; i < 2000; ++i) {
        const Scene scene = plan.trainingScene(i);
        EXPECT_FALSE(plan.isHeldOut(scene));
        for (const SceneObject& object : scene.objects) {
            seen.emplace(static_cast<int>(object.shape), static_cast<int>(object.colour));
            EXPECT_TRUE(isSeenOn(object.colour, *scene.background));
        }
    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(sceneShapes * sceneColours - sceneShapes));  // all others are trained
    for (const SceneKind kind : {SceneKind::Single, SceneKind::Pair, SceneKind::Count})
        for (uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(plan.isHeldOut(plan.heldOutScene(kind, i)));
}

TEST(ScenePlan, FollowsFromSeedAndNumberAlone) {
    EXPECT_EQ(toJson(ScenePlan(5).trainingScene(77)), toJson(ScenePlan(5).trainingScene(77)));
    EXPECT_NE(toJson(ScenePlan(5).trainingScene(77)), toJson(ScenePlan(6).trainingScene(77)));
}

TEST(SceneCaptions, NameEveryObjectAndStayTrue) {
    const Scene scene{SceneBackground::Grey,
                      {{SceneShape::Ring, SceneColour::Orange, SceneSize::Small, 0.25, 0.5, 0.13},
                       {SceneShape::Cross, SceneColour::Blue, SceneSize::Large, 0.75, 0.5, 0.2}},
                      {{0, 1, SceneRelationKind::LeftOf}},
                      {}};
    SeededRandom random(1);
    const std::vector<SceneCaption> captions = sceneCaptions(scene, 40, random);
    EXPECT_GT(captions.size(), 25u);
    for (const SceneCaption& caption : captions) {
        const std::string& text = caption.text;
        const auto has = [&](const char* words) { return text.find(words) != std::string::npos; };
        EXPECT_TRUE(has("orange ring") && has("blue cross")) << text;
        EXPECT_EQ(has("an orange ring"), !has("small orange ring")) << text;
        EXPECT_FALSE(has("large orange") || has("small blue") || has("white")) << text;
        EXPECT_EQ(has("grey"), caption.told.background.has_value()) << text;
        EXPECT_EQ(has("large"), caption.told.objects[1].size.has_value()) << text;
        EXPECT_EQ(has("left") || has("right"), !caption.told.relations.empty()) << text;
        if (has("left")) {
            EXPECT_LT(text.find("ring"), text.find("cross")) << text;
        }
        if (has("right")) {
            EXPECT_GT(text.find("ring"), text.find("cross")) << text;
        }
        EXPECT_FALSE(has("above") || has("below") || has("over") || has("under")) << text;
    }
}

TEST(SceneCaptions, CountInPlural) {
    const SceneObject star{SceneShape::Star, SceneColour::Green, SceneSize::Small, 0.2, 0.2, 0.13};
    SeededRandom random(2);
    const SceneCaption three = sceneCaption({SceneBackground::White, {star, star, star}, {}, {}}, random);
    EXPECT_NE(three.text.find("three "), std::string::npos) << three.text;
    EXPECT_NE(three.text.find("green stars"), std::string::npos) << three.text;
    SceneObject cross = star;
    cross.shape = SceneShape::Cross;
    EXPECT_NE(sceneCaption({SceneBackground::White, {cross, cross}, {}, {}}, random).text.find("green crosses"),
              std::string::npos);
}

TEST(SceneCaptions, UseNoWordInPromptsThatTrainingLacks) {
    const ScenePlan plan(0);
    std::set<std::string> trained;
    for (uint64_t i = 0; i < 1000; ++i) {
        SeededRandom random(9, i);
        for (const SceneCaption& caption : sceneCaptions(plan.trainingScene(i), 6, random))
            for (const std::string& word : wordsOf(caption.text)) trained.insert(word);
    }
    for (const SceneKind kind : {SceneKind::Single, SceneKind::Pair, SceneKind::Count})
        for (uint64_t i = 0; i < 200; ++i) {
            SeededRandom random(10, i);
            const std::string text = sceneCaption(plan.heldOutScene(kind, i), random).text;
            for (const std::string& word : wordsOf(text)) EXPECT_TRUE(trained.contains(word)) << word << " in " << text;
        }
}

}  // namespace
}  // namespace moescope
