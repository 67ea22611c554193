// SPDX-License-Identifier: GPL-3.0-or-later
// Whether the embedded model draws what it is asked for: the nearest of the 256 plain class pictures must be the right
// one.
#include <gtest/gtest.h>

#include "engine/data/scene_checker.h"
#include "engine/io/png_file.h"
#include "tests/support/embedded_model.h"

namespace moescope {
namespace {

constexpr int kTile = 32, kTilesPerRow = 16, kClasses = 256;

class Gallery {
public:
    Gallery() : m_sheet(readPng(MOESCOPE_TEST_DATA "/golden/emoji32/gallery.png").orThrow().picture) {}

    /// Class whose tile has the smallest mean squared error.
    int nearest(const Picture& picture) const {
        int best = -1;
        int64_t least = INT64_MAX;
        for (int label = 0; label < kClasses; ++label) {
            int64_t error = 0;
            for (int y = 0; y < kTile; ++y)
                for (int x = 0; x < 3 * kTile; ++x) {
                    const int row = label / kTilesPerRow * kTile + y, column = label % kTilesPerRow * kTile * 3 + x;
                    const int d = picture.rgb[static_cast<size_t>(y * 3 * kTile + x)] -
                                  m_sheet.rgb[static_cast<size_t>(row * m_sheet.width * 3 + column)];
                    error += d * d;
                }
            if (error < least) {
                least = error;
                best = label;
            }
        }
        return best;
    }

private:
    Picture m_sheet;
};

TEST(EmbeddedModel, DrawsTheClassThatItsNameAsksFor) {
    const auto model = test::loadEmbedded();
    const ClassLabels labels = test::embeddedLabels();
    const Gallery gallery;
    int asked = 0, right = 0;
    for (int label = 0; label < kClasses; label += 11) {  // 24 of the 256 names
        const ClassMatch match = labels.match(labels.byIndex(label)->name).orThrow();
        EXPECT_EQ(match.index, label) << labels.byIndex(label)->name;
        GenerationRequest request =
            test::quickRequest(*model.checkpoint, match.index, static_cast<uint64_t>(label), 25);
        request.keepLatents = false;
        right += gallery.nearest(test::runToEnd(*model.denoiser, request)->pictures[0]) == label;
        ++asked;
    }
    // 99.4 % of all pictures are right; of 24 two wrong ones come about once in a hundred draws, and these draws are
    // fixed.
    EXPECT_GE(right, asked - 1);
}

TEST(EmbeddedModel, UnderstandsEverydayWords) {
    const auto model = test::loadEmbedded();
    const ClassLabels labels = test::embeddedLabels();
    const Gallery gallery;
    for (const char* prompt : {"cat", "red heart", "pizza"}) {
        const int label = labels.match(prompt).orThrow().index;
        GenerationRequest request = test::quickRequest(*model.checkpoint, label, 100, 25);
        request.classes.assign(3, label);
        request.keepLatents = false;
        int right = 0;
        const auto run = test::runToEnd(*model.denoiser, request);
        for (const Picture& picture : run->pictures) right += gallery.nearest(picture) == label;
        EXPECT_GE(right, 2) << prompt;
    }
}

TEST(EmbeddedModel, ReadsNamesAsPrompts) {
    const auto model = test::loadBuiltIn("embedded-prompts");
    const ClassLabels labels = test::embeddedLabels();
    const Gallery gallery;
    GenerationRequest request = test::quickRequest(*model.checkpoint, 0, 7, 20);
    request.keepLatents = false;
    std::vector<int> asked;
    for (int label = 3; label < kClasses; label += 17) {
        asked.push_back(label);
        request.prompts.push_back(labels.byIndex(label)->name);
    }
    request.classes.assign(asked.size(), 0);
    const auto run = test::runToEnd(*model.denoiser, request);
    int right = 0;
    for (size_t i = 0; i < asked.size(); ++i) right += gallery.nearest(run->pictures[i]) == asked[i];
    EXPECT_GE(right, static_cast<int>(asked.size()) - 1);  // all 256 were right when the model was scored
}

/// Colours that these shapes never had in its training.
TEST(EmbeddedModel, DrawsShapesThatItNeverSaw) {
    using enum SceneShape;
    using enum SceneColour;
    const std::vector<std::pair<SceneShape, SceneColour>> unseen{
        {Square, Orange}, {Triangle, Green}, {Star, Yellow}, {Ring, White}, {Cross, Red}};
    const auto model = test::loadBuiltIn("embedded-prompts");
    GenerationRequest request = test::quickRequest(*model.checkpoint, 0, 11, 20);
    request.keepLatents = false;
    std::vector<Scene> scenes;
    for (const auto& [shape, colour] : unseen)
        for (const SceneBackground background :
             {SceneBackground::Pink, SceneBackground::Black, SceneBackground::Grey}) {
            Scene scene;
            scene.background = background;
            scene.objects = {{.shape = shape, .colour = colour}};
            scenes.push_back(scene);
            request.prompts.push_back(std::string(colour == Orange ? "an " : "a ") + std::string(nameOf(colour)) + " " +
                                      std::string(nameOf(shape)) + " on " + std::string(nameOf(background)));
        }
    request.classes.assign(scenes.size(), 0);
    const auto run = test::runToEnd(*model.denoiser, request);
    int right = 0;
    for (size_t i = 0; i < scenes.size(); ++i) {
        const Picture& made = run->pictures[i];
        right += checkScene(Picture8{made.width, made.height, made.rgb}, scenes[i]).holds();
    }
    EXPECT_GE(right, 10) << "of " << scenes.size();  // 81 % of 200 were right when the model was scored
}

}  // namespace
}  // namespace moescope
