// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/train/initial_weights.h"
#include "engine/train/weight_snapshot.h"
#include "tests/engine/train/toy_training.h"
#include "tests/support/temporary_folder.h"

namespace moescope::train {
namespace {

using test::toyRecipe;
using test::toySourceFor;
using test::ToySource;
using test::toyTrainer;

void run(Trainer& trainer, BatchSource& source, int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) trainer.step(source);
}

TEST(Trainer, GoesOnFromItsStateWithTheSameBytes) {
    const test::TemporaryFolder folder;
    const Recipe recipe = toyRecipe("JiTMoE", {"training.averages=[0.9, 0.99]"});
    ToySource source = toySourceFor(recipe);
    const auto whole = toyTrainer(recipe), first = toyTrainer(recipe), second = toyTrainer(recipe);
    run(*whole, source, 12);
    run(*first, source, 5);
    ASSERT_TRUE(first->save(folder / "state.safetensors").ok());
    ASSERT_TRUE(second->load(folder / "state.safetensors").ok());
    EXPECT_EQ(second->steps(), 5);
    run(*second, source, 7);
    EXPECT_EQ(whole->weights(-1), second->weights(-1));
    EXPECT_EQ(whole->weights(0), second->weights(0));
    EXPECT_EQ(whole->weights(1), second->weights(1));
}

TEST(Trainer, RefusesAStateOfAnotherModel) {
    const test::TemporaryFolder folder;
    const auto one = toyTrainer(toyRecipe("JiTMoE")), other = toyTrainer(toyRecipe("JiTMoE", {"experts.count=6"}));
    ASSERT_TRUE(one->save(folder / "state.safetensors").ok());
    const Status loaded = other->load(folder / "state.safetensors");
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.error().message.find("its model has other parameters"), std::string::npos) << loaded.error().message;
}

TEST(Trainer, GivesTheSameBytesOnAnyNumberOfThreads) {
    const Recipe recipe = toyRecipe("DSMoE");
    ToySource source = toySourceFor(recipe);
    const auto one = toyTrainer(recipe, 1), two = toyTrainer(recipe, 2);
    run(*one, source, 4);
    run(*two, source, 4);
    EXPECT_EQ(one->weights(-1), two->weights(-1));
}

TEST(Trainer, ComputesActivationsAgainWithTheSameBytes) {
    const Recipe kept = toyRecipe("JiTMoE"), again = toyRecipe("JiTMoE", {"training.checkpointing=true"});
    ToySource source = toySourceFor(kept);
    const auto a = toyTrainer(kept), b = toyTrainer(again);
    EXPECT_LT(b->memory().activations, a->memory().activations);
    run(*a, source, 4);
    run(*b, source, 4);
    EXPECT_EQ(a->weights(-1), b->weights(-1));
}

TEST(Trainer, TrainsChosenExpertsAndLeavesTheRestBitForBit) {
    const Recipe recipe = toyRecipe("JiTMoE");
    ToySource source = toySourceFor(recipe);
    const auto trainer = toyTrainer(recipe);
    run(*trainer, source, 3);
    const std::vector<float> before = trainer->weights(-1), averageBefore = trainer->weights(0);
    PartsRecipe parts;
    parts.experts = {1, 3};
    trainer->restrict(parts, {});
    run(*trainer, source, 3);
    const std::vector<float> after = trainer->weights(-1), averageAfter = trainer->weights(0);
    bool moved = false;
    for (const Parameter& p : trainer->layout().parameters()) {
        const auto at = static_cast<size_t>(p.offset);
        const bool same = std::memcmp(&before[at], &after[at], static_cast<size_t>(p.values) * 4) == 0;
        const bool averageSame = std::memcmp(&averageBefore[at], &averageAfter[at], static_cast<size_t>(p.values) * 4) == 0;
        if (p.expert == 1 || p.expert == 3) {
            moved = moved || !same;
        } else {
            EXPECT_TRUE(same) << p.name;
            EXPECT_TRUE(averageSame || !p.learned) << p.name;
        }
    }
    EXPECT_TRUE(moved);
}

TEST(Trainer, MovesSelectionBiasesTowardsTheMean) {
    const Recipe recipe = toyRecipe("JiTMoE", {"training.balance_rate=0.5"});
    ToySource source = toySourceFor(recipe);
    const auto trainer = toyTrainer(recipe);
    const StepFacts facts = trainer->step(source);
    const std::vector<float> values = trainer->weights(-1);
    for (const LayerLoad& layer : facts.routing.layers()) {
        const Parameter& p = trainer->layout().at(fmt::format("blocks.{}.mlp.gate.e_score_correction_bias", layer.block));
        double mean = 0;
        for (const double pairs : layer.pairs) mean += pairs / static_cast<double>(layer.pairs.size());
        for (size_t e = 0; e < layer.pairs.size(); ++e) {
            const float bias = values[static_cast<size_t>(p.offset) + e];
            EXPECT_EQ(bias, layer.pairs[e] < mean ? 0.5f : layer.pairs[e] > mean ? -0.5f : 0.0f);
        }
    }
}

TEST(Trainer, StopsAtNumbersThatAreNotFiniteAndChangesNothing) {
    const Recipe recipe = toyRecipe("JiTMoE");
    const auto trainer = toyTrainer(recipe);
    struct Broken final : BatchSource {
        ToySource inner;
        explicit Broken(ToySource source) : inner(std::move(source)) {}
        Shape pictureShape() const override { return inner.pictureShape(); }
        int64_t batchSize() const override { return inner.batchSize(); }
        int64_t items() const override { return inner.items(); }
        const std::vector<std::string>& classNames() const override { return inner.classNames(); }
        std::vector<std::string> captions() const override { return {}; }
        Result<SourceBatch> batch(int64_t number) override {
            SourceBatch made = inner.batch(number).orThrow();
            made.pictures[0] = std::numeric_limits<float>::quiet_NaN();
            return made;
        }
    } broken(toySourceFor(recipe));
    const std::vector<float> before = trainer->weights(-1);
    try {
        trainer->step(broken);
        FAIL() << "a NaN went through";
    } catch (const EngineException& e) {
        EXPECT_EQ(e.error().code, ErrorCode::Numeric);
        EXPECT_NE(e.error().message.find("step 1"), std::string::npos) << e.error().message;
    }
    EXPECT_EQ(before, trainer->weights(-1));
    EXPECT_EQ(trainer->steps(), 0);
}

TEST(Trainer, UpcycledModelsComputeWhatTheDenseOneDoes) {
    const test::TemporaryFolder folder;
    const Recipe dense = toyRecipe("JiT");
    ToySource source = toySourceFor(dense);
    const auto teacher = toyTrainer(dense);
    run(*teacher, source, 5);
    ASSERT_TRUE(writeSnapshot(folder / "dense.safetensors", teacher->description(), teacher->layout(), teacher->weights(0), DType::F32).ok());
    const int64_t inner = dense.model.config.denseWidth;
    const Recipe sparse = toyRecipe("JiTMoE", {fmt::format("experts.width={}", inner), "start.upcycle=" + (folder / "dense.safetensors").string()});
    const auto student = toyTrainer(sparse);
    // Averages of the dense run are its weights 0; the student's raw weights begin as their copy.
    ToySource held = toySourceFor(dense, true);
    const double a = teacher->evaluate(held, 2, true).loss, b = student->evaluate(held, 2, false).loss;
    EXPECT_NEAR(a, b, 1e-5 * a);
}

TEST(Trainer, AddsExpertsToACheckpointAndTrainsThemAlone) {
    const test::TemporaryFolder folder;
    const auto old = toyTrainer(toyRecipe("JiTMoE"));
    ASSERT_TRUE(writeSnapshot(folder / "old.safetensors", old->description(), old->layout(), old->weights(0), DType::F32).ok());
    const Recipe recipe = toyRecipe("JiTMoE", {"experts.count=6", "parts.experts=[4, 5]", "start.checkpoint=" + (folder / "old.safetensors").string()});
    ToySource source = toySourceFor(recipe);
    const ModelDescription description = describeRun(recipe, {}, source).orThrow();
    Trainer trainer(makeCpuTrainingDevice(1), recipe, description);
    const RunStart start = startValues(recipe, {}, description, trainer.layout()).orThrow();
    EXPECT_EQ(start.freshExperts, (std::vector<int>{4, 5}));
    trainer.begin(start.values);
    trainer.restrict(recipe.parts, start.freshExperts);
    run(trainer, source, 3);
    const std::vector<float> after = trainer.weights(-1), before = old->weights(0);
    for (const Parameter& p : trainer.layout().parameters()) {
        if (p.expert >= 4) continue;
        const int there = old->layout().find(p.name);
        ASSERT_GE(there, 0) << p.name;
        const Parameter& stored = old->layout().parameters()[static_cast<size_t>(there)];
        EXPECT_EQ(std::memcmp(&after[static_cast<size_t>(p.offset)], &before[static_cast<size_t>(stored.offset)], static_cast<size_t>(stored.values) * 4), 0)
            << p.name;
    }
}

}  // namespace
}  // namespace moescope::train
