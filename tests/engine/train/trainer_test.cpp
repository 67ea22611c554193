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

std::string nameOf(const testing::TestParamInfo<std::pair<std::string, std::vector<std::string>>>& info) {
    std::string name = info.param.first;
    for (const std::string& field : info.param.second) name += "_" + field;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
}

class LearnsByHeart : public testing::TestWithParam<std::pair<std::string, std::vector<std::string>>> {};

// Times and noise follow from the batch's number, so they are held fixed through a source and a step number that do not move: the
// pass itself is run on one batch, and the optimizer steps on it.
TEST_P(LearnsByHeart, OneBatchToAHundredthOfItsLoss) {
    const auto& [family, more] = GetParam();
    const Recipe recipe = toyRecipe(family, more);
    const ModelDescription description = describeRun(recipe, {}, toySourceFor(recipe)).orThrow();
    const ParameterLayout layout(description);
    const auto device = makeCpuTrainingDevice(1);
    NetworkOptions options;
    options.samples = recipe.training.batch;
    options.routingGradient = recipe.model.routingGradient;
    options.checkpointing = recipe.training.checkpointing;
    Optimizer optimizer(*device, layout, {0.9f, 0.95f, 1e-8f, 0, 0, {}, false, false});
    TrainingNetwork network(*device, description, layout, options);
    TrainingPass pass(*device, network, {recipe.model.prediction == Prediction::Velocity ? FlowTarget::Velocity : FlowTarget::CleanImage, 0.05f});
    optimizer.allocate();
    network.allocate();
    pass.allocate();
    std::vector<float> values(static_cast<size_t>(layout.allValues()));
    randomWeights(description, layout, 3, values);
    device->upload(values.data(), optimizer.values(), layout.allValues() * 4);

    ToySource source = toySourceFor(recipe, true);
    const SourceBatch data = source.batch(0).orThrow();
    TrainingBatch batch;
    batch.pictures = data.pictures;
    batch.labels = {0, 1, 2, 3};
    batch.times = {0.2f, 0.4f, 0.6f, 0.8f};
    batch.noise.resize(batch.pictures.size());
    StepRandom(5, 0, RandomPurpose::Noise).normals(batch.noise, 1);
    double first = 0, best = std::numeric_limits<double>::max();
    for (int step = 0; step < 1500 && !(best < 0.01 * first); ++step) {
        optimizer.clearGradients();
        StepTensors tensors;
        const double loss = pass.run(optimizer.values(), batch, 1, optimizer.gradients(), layout, tensors.present).loss;
        if (step == 0) first = loss;
        best = std::min(best, loss);
        optimizer.step(tensors, 0.003, 1);
    }
    EXPECT_LT(best, 0.01 * first);
}

// Every family, and every pair of the options below at least once.
INSTANTIATE_TEST_SUITE_P(
    Options, LearnsByHeart,
    testing::Values(std::pair{std::string("JiT"), std::vector<std::string>{}},
                    std::pair{std::string("JiT"), std::vector<std::string>{"model.prediction=velocity", "model.key_value_heads=1", "training.checkpointing=true"}},
                    std::pair{std::string("JiTMoE"), std::vector<std::string>{}},
                    std::pair{std::string("JiTMoE"), std::vector<std::string>{"experts.router=softmax", "experts.routing_gradient=straight-through", "experts.shared=0"}},
                    std::pair{std::string("JiTMoE"), std::vector<std::string>{"experts.routing_gradient=dense", "experts.shared=2", "model.position=[learned]"}},
                    std::pair{std::string("JiTMoE"), std::vector<std::string>{"experts.layers=all", "model.prediction=velocity", "model.position=[rope-1d]"}},
                    std::pair{std::string("DSMoE"), std::vector<std::string>{}},
                    std::pair{std::string("DSMoE"), std::vector<std::string>{"experts.router=softmax", "experts.routing_gradient=dense", "experts.layers=all", "training.checkpointing=true"}},
                    std::pair{std::string("DSMoE"), std::vector<std::string>{"model.prediction=clean-picture", "experts.shared=0", "model.position=[sincos]"}},
                    std::pair{std::string("DSMoE"), std::vector<std::string>{"experts.routing_gradient=straight-through", "experts.shared=2", "model.key_value_heads=1"}}),
    nameOf);

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
