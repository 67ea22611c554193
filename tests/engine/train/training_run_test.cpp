// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/training_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <thread>

#include "engine/model/checkpoint.h"
#include "engine/train/metrics_file.h"
#include "tests/engine/train/toy_training.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope::train {
namespace {

using test::TemporaryFolder;
using test::toyRecipe;
using test::ToySource;
using test::toySourceFor;

Result<RunSummary> runIn(const std::filesystem::path& folder, const Recipe& recipe, int64_t steps, bool resume, RunObserver* observer = nullptr) {
    RunControl control;
    RunOptions options;
    options.folder = folder;
    options.threads = 1;
    options.resume = resume;
    options.stopAfter = steps;
    auto source = std::make_shared<ToySource>(toySourceFor(recipe)), heldOut = std::make_shared<ToySource>(toySourceFor(recipe));
    return runTraining(recipe, source, heldOut, options, observer, control);
}

std::string weightsOf(const std::filesystem::path& file) {
    const auto bytes = test::fileBytes(file);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(TrainingRun, LeavesTheFilesOfARun) {
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiTMoE", {"samples={every: 10, count: 3, steps: 2}", "saving.milestones=[0.5]"});
    const RunSummary summary = runIn(folder.path(), recipe, 0, false).orThrow();
    EXPECT_TRUE(summary.finished);
    EXPECT_EQ(summary.step, 20);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"checkpoints", "metrics.jsonl", "recipe.yaml", "samples", "state-00000020.safetensors"}));
    EXPECT_TRUE(std::filesystem::exists(folder / "samples/00000010.png"));
    EXPECT_TRUE(std::filesystem::exists(folder / "checkpoints/00000010.safetensors"));
    const auto checkpoint = Checkpoint::open(summary.checkpoint).orThrow();
    EXPECT_TRUE(checkpoint->runnable().ok());
    EXPECT_EQ(checkpoint->description().family, "JiTMoE");
    const auto published = Checkpoint::open(folder / "checkpoints/00000020.pth").orThrow();
    EXPECT_EQ(published->weightSet(), "model_ema1");
    const auto lines = readMetrics(folder / "metrics.jsonl").orThrow();
    ASSERT_EQ(lines.size(), 21u);  // one per step, one of the pictures kept aside
    EXPECT_EQ(lines[9].routing.layers().size(), 2u);
    EXPECT_GE(lines.back().heldOutLoss, 0);
}

TEST(TrainingRun, ResumedOnesEndInTheSameBytes) {
    const TemporaryFolder whole, parts;
    const Recipe recipe = toyRecipe("DSMoE");
    const auto uninterrupted = runIn(whole.path(), recipe, 0, false).orThrow();
    for (const int64_t steps : {3, 1, 9}) EXPECT_FALSE(runIn(parts.path(), recipe, steps, true).orThrow().finished);
    const auto resumed = runIn(parts.path(), recipe, 0, true).orThrow();
    EXPECT_EQ(weightsOf(uninterrupted.checkpoint), weightsOf(resumed.checkpoint));
    const auto lines = readMetrics(parts / "metrics.jsonl").orThrow();
    int64_t step = 0;
    for (const MetricsLine& line : lines)
        if (line.heldOutLoss < 0) {
            EXPECT_EQ(line.step, ++step);
        }
    EXPECT_EQ(step, 20);
}

TEST(TrainingRun, PassesOverADamagedStateForTheOneBefore) {
    struct Notes : RunObserver {
        std::vector<std::string> sentences;
        int64_t firstStep = 0;
        void noted(const std::string& sentence) override { sentences.push_back(sentence); }
        void began(const RunFacts& facts) override { firstStep = facts.firstStep; }
    } notes;
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiTMoE");
    runIn(folder.path(), recipe, 4, false).orThrow();
    test::writeFile(folder / "state-00000009.safetensors", std::string_view("no tensors"));
    runIn(folder.path(), recipe, 2, true, &notes).orThrow();
    EXPECT_EQ(notes.firstStep, 5);
    EXPECT_FALSE(notes.sentences.empty());
}

TEST(TrainingRun, KeepsTheNewestStatesOnly) {
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiT", {"saving.keep=2"});
    for (int i = 0; i < 4; ++i) runIn(folder.path(), recipe, 2, i > 0).orThrow();
    const auto states = savedStates(folder.path());
    ASSERT_EQ(states.size(), 2u);
    EXPECT_EQ(states[0].first, 8);
    EXPECT_EQ(states[1].first, 6);
}

TEST(TrainingRun, DoesNotTrainIntoAFolderThatHoldsARun) {
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiT");
    runIn(folder.path(), recipe, 1, false).orThrow();
    const auto again = runIn(folder.path(), recipe, 1, false);
    ASSERT_FALSE(again.ok());
    EXPECT_NE(again.error().message.find("--resume"), std::string::npos);
}

TEST(TrainingRun, StopsWhenAskedAndSaves) {
    struct Stopper : RunObserver {
        RunControl* control = nullptr;
        int64_t stepsWhilePaused = 0;
        void stepped(const RunProgress& progress) override {
            if (progress.facts.step == 5) control->stop();
        }
    } stopper;
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiT");
    RunControl control;
    stopper.control = &control;
    RunOptions options;
    options.folder = folder.path();
    options.threads = 1;
    const auto summary = runTraining(recipe, std::make_shared<ToySource>(toySourceFor(recipe)), nullptr, options, &stopper, control).orThrow();
    EXPECT_EQ(summary.step, 5);
    EXPECT_FALSE(summary.finished);
    EXPECT_EQ(savedStates(folder.path()).front().first, 5);
}

TEST(TrainingRun, WaitsWhilePausedAndAnswersInBetween) {
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiT");
    RunControl control;
    control.pause();
    RunOptions options;
    options.folder = folder.path();
    options.threads = 1;
    Result<RunSummary> summary = EngineError{};
    std::thread runner([&] { summary = runTraining(recipe, std::make_shared<ToySource>(toySourceFor(recipe)), nullptr, options, nullptr, control); });
    std::promise<int64_t> steps;
    control.between([&](const Trainer& trainer) { steps.set_value(trainer.steps()); });
    EXPECT_EQ(steps.get_future().get(), 0);  // answered although it is paused, before the first step
    control.resume();
    runner.join();
    ASSERT_TRUE(summary.ok());
    EXPECT_TRUE(summary->finished);
}

TEST(TrainingRun, SaysWhatIsWrongWithTheData) {
    const TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiTMoE");
    RunControl control;
    RunOptions options;
    options.folder = folder / "run";
    const auto without = runTraining(recipe, options, nullptr, control);
    ASSERT_FALSE(without.ok());
    EXPECT_NE(without.error().message.find("--data"), std::string::npos) << without.error().message;
    const auto noClasses =
        runTraining(recipe, std::make_shared<ToySource>(Shape{3, 8, 8}, 4, 0), nullptr, options, nullptr, control);
    ASSERT_FALSE(noClasses.ok());
    EXPECT_NE(noClasses.error().message.find("no classes"), std::string::npos) << noClasses.error().message;
    const auto otherSize = runTraining(recipe, std::make_shared<ToySource>(Shape{3, 16, 16}, 4, 3), nullptr, options, nullptr, control);
    ASSERT_FALSE(otherSize.ok());
    EXPECT_NE(otherSize.error().message.find("[3, 8, 8]"), std::string::npos) << otherSize.error().message;
}

TEST(TrainingRun, LearnsFromASinglePicture) {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "data/only");
    test::writePngFile(folder / "data/only/one.png", test::flatPicture(8, 8, {200, 30, 30}));
    const Recipe recipe = toyRecipe("JiTMoE", {"data.path=" + (folder / "data").string(), "training.steps=3"});
    RunControl control;
    RunOptions options;
    options.folder = folder / "run";
    options.threads = 1;
    const auto summary = runTraining(recipe, options, nullptr, control);
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    EXPECT_TRUE(summary->finished);
}

}  // namespace
}  // namespace moescope::train
