// SPDX-License-Identifier: GPL-3.0-or-later
// Scores of a network that draws what a book says for each prompt, so that every verdict is known beforehand.
#include "engine/evaluate/prompt_scores.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/data/scene_drawing.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope {
namespace {

constexpr int64_t kSide = 32;

/// Predicts the picture that stands in the book for a sample's prompt; grey where there is none.
class PictureBook final : public Denoiser {
public:
    explicit PictureBook(Backend& backend) : m_backend(backend) {
        m_description.family = "book";
        m_description.prediction = Prediction::CleanImage;
        m_description.conditioning = Conditioning::Prompt;
        m_description.config.inChannels = m_description.config.outChannels = 3;
        m_description.config.patch = 1;
        m_description.config.grid = kSide;
        m_description.defaults.steps = 2;
        m_description.defaults.cfgScale = 1;
    }
    std::map<std::string, Picture8> pages;

    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override { return 0; }
    bool decidesOnHost() const override { return true; }
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override {
        auto work = std::make_unique<Workspace>();
        work->picture = m_backend.tensor({samples, 3, kSide, kSide});
        return work;
    }
    void encodePrompts(std::span<const std::string> prompts, PromptStates& into) const override {
        const int64_t values = 3 * kSide * kSide;
        std::vector<float> shown;
        for (const std::string& prompt : prompts) {
            const auto page = pages.find(prompt);
            for (int64_t i = 0; i < values; ++i) {
                const int64_t channel = i / (kSide * kSide), pixel = i % (kSide * kSide);
                shown.push_back(
                    page == pages.end()
                        ? 0.0f
                        : static_cast<float>(page->second.rgb[static_cast<size_t>(3 * pixel + channel)]) / 127.5f - 1);
            }
        }
        into.tokens = m_backend.tensorFrom({static_cast<int64_t>(prompts.size()), 3, kSide, kSide}, shown);
    }
    void forward(DenoiserWorkspace& workspace, const DeviceTensor&, const DeviceTensor&, const Condition& condition,
                 DenoiserObserver*) const override {
        auto& work = static_cast<Workspace&>(workspace);
        m_backend.check(
            m_backend.table().copy(m_backend.context(), condition.prompts->tokens.get(), work.picture.get()));
    }

private:
    struct Workspace : DenoiserWorkspace {
        const DeviceTensor& output() const override { return picture; }
        DeviceTensor picture;
    };
    Backend& m_backend;
    ModelDescription m_description;
};

Scene redLeftOfBlue() {
    Scene scene;
    scene.background = SceneBackground::White;
    scene.objects = {{SceneShape::Circle, SceneColour::Red, SceneSize::Small, 0.25, 0.5, 0.15},
                     {SceneShape::Square, SceneColour::Blue, SceneSize::Small, 0.75, 0.5, 0.15}};
    scene.relations = {{0, 1, SceneRelationKind::LeftOf}};
    return scene;
}

class PromptScoring : public testing::Test {
protected:
    PromptScoring() {
        std::filesystem::create_directories(folder / "set/red");
        std::filesystem::create_directories(folder / "set/blue");
        test::writePngFile(folder / "set/red/1.png", test::flatPicture(kSide, kSide, {250, 0, 0}));
        test::writePngFile(folder / "set/blue/1.png", test::flatPicture(kSide, kSide, {0, 0, 250}));
        request.sampler = book.description().defaults;
        request.set = (folder / "set").string();
    }
    void keep(const std::vector<EvaluationPrompt>& prompts) {
        test::writeFile(folder / "set/evaluation.jsonl", std::string_view(evaluationText(prompts)));
    }
    PromptScores scored() { return scorePrompts(book, nullptr, request).orThrow(); }

    test::TemporaryFolder folder;
    Backend backend{cpuBackendTable(), BackendOptions{1}};
    PictureBook book{backend};
    ScoreRequest request;
};

TEST_F(PromptScoring, CountsTheNearestTrainingPictureOfNames) {
    keep({{"name", "red", "red", {}},
          {"name", "blue", "blue", {}},
          {"phrasing", "like the sky", "blue", {}},
          {"phrasing", "like blood", "red", {}}});
    book.pages = {{"red", test::flatPicture(kSide, kSide, {200, 30, 30})},
                  {"blue", test::flatPicture(kSide, kSide, {40, 30, 220})},
                  {"like the sky", test::flatPicture(kSide, kSide, {60, 60, 255})},
                  {"like blood", test::flatPicture(kSide, kSide, {0, 0, 200})}};
    const PromptScores scores = scored();
    ASSERT_EQ(scores.kinds.size(), 2u);
    EXPECT_EQ(scores.kinds[0].kind, "name");
    EXPECT_EQ(scores.kinds[0].right, 2);
    EXPECT_EQ(scores.kinds[1].prompts, 2);
    EXPECT_EQ(scores.kinds[1].right, 1);
    EXPECT_FALSE(scores.prompts[3].right);
    EXPECT_EQ(scores.prompts[3].found, "class 'blue'");
    EXPECT_EQ(scores.prompts[3].picture.rgb, test::flatPicture(kSide, kSide, {0, 0, 200}).rgb);
}

TEST_F(PromptScoring, HoldsScenesAgainstWhatWasAsked) {
    const Scene scene = redLeftOfBlue();
    Scene mirrored = scene;
    std::swap(mirrored.objects[0].x, mirrored.objects[1].x);
    Scene alone = scene;
    alone.objects.pop_back();
    alone.relations.clear();
    keep({{"pair", "right", "", scene}, {"pair", "mirrored", "", scene}, {"pair", "alone", "", scene}});
    book.pages = {{"right", drawScene(scene, kSide)},
                  {"mirrored", drawScene(mirrored, kSide)},
                  {"alone", drawScene(alone, kSide)}};
    const PromptScores scores = scored();
    ASSERT_EQ(scores.kinds.size(), 1u);
    EXPECT_EQ(scores.kinds[0].right, 1);
    EXPECT_EQ(scores.kinds[0].count, 2);
    EXPECT_EQ(scores.kinds[0].objects, 2);
    EXPECT_TRUE(scores.kinds[0].scenes);
    EXPECT_EQ(scores.kinds[0].withRelations, 3);
    EXPECT_EQ(scores.kinds[0].relations, 1);
    EXPECT_TRUE(scores.prompts[0].right) << scores.prompts[0].found;
    EXPECT_NE(scores.prompts[1].found.find("relations"), std::string::npos) << scores.prompts[1].found;
    EXPECT_NE(scores.prompts[2].found.find("count"), std::string::npos) << scores.prompts[2].found;
}

TEST_F(PromptScoring, TakesSomeOfEachKindAndMoreThanOneRun) {
    std::vector<EvaluationPrompt> prompts;
    for (int i = 0; i < 100; ++i)
        prompts.push_back({i % 2 ? "name" : "phrasing", "word " + std::to_string(i), "red", {}});
    keep(prompts);
    request.limit = 3;
    const PromptScores few = scored();
    ASSERT_EQ(few.prompts.size(), 6u);
    EXPECT_EQ(few.prompts[0].prompt.caption, "word 0");
    EXPECT_EQ(few.prompts[1].prompt.caption, "word 32");
    request.limit = 0;
    request.kinds = {"name"};
    EXPECT_EQ(scored().prompts.size(), 50u);
    request.kinds.clear();
    EXPECT_EQ(scored().prompts.size(), 100u);
}

TEST_F(PromptScoring, RefusesWithASentence) {
    EXPECT_EQ(scorePrompts(book, nullptr, request).error().code, ErrorCode::NotFound);
    keep({});
    EXPECT_EQ(scorePrompts(book, nullptr, request).error().code, ErrorCode::NotFound);
    keep({{"name", "red", "red", {}}});
    request.kinds = {"pair"};
    EXPECT_NE(scorePrompts(book, nullptr, request).error().message.find("it has name"), std::string::npos);
    request.kinds.clear();
    std::stop_source stopped;
    stopped.request_stop();
    EXPECT_EQ(scorePrompts(book, nullptr, request, {}, stopped.get_token()).error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace moescope
