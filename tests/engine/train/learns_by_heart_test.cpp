// SPDX-License-Identifier: GPL-3.0-or-later
// Whether a network learns one fixed batch by heart, for every family and every pair of options.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <string>
#include <vector>

#include "engine/train/initial_weights.h"
#include "engine/train/optimizer.h"
#include "engine/train/training_pass.h"
#include "tests/engine/train/toy_training.h"

namespace moescope::train {
namespace {

using test::toyRecipe;
using test::ToySource;
using test::toySourceFor;

struct Factor {
    const char* field;
    std::vector<std::string> values;
    bool dense;  // means something for a network without experts
};

/// The family stands first; its last value is the dense one.
const std::vector<Factor>& factors() {
    static const std::vector<Factor> all{
        {"model.family", {"JiTMoE", "DSMoE", "MoEscope-T", "JiT"}, true},
        {"model.prediction", {"clean-picture", "velocity"}, true},
        {"model.position", {"[none]", "[learned]", "[sincos]", "[rope-1d]", "[rope-2d]", "[learned, rope-2d]"}, true},
        {"model.key_value_heads", {"2", "1"}, true},
        {"training.checkpointing", {"false", "true"}, true},
        {"experts.router", {"sigmoid", "softmax"}, false},
        {"experts.routing_gradient", {"chosen", "straight-through", "dense"}, false},
        {"experts.shared", {"0", "1", "2"}, false},
        {"experts.layers", {"interleave", "all"}, false},
        {"experts.groups", {"1", "2"}, false},
        {"training.balance", {"none", "auxiliary"}, false},
        {"training.z_loss", {"0", "0.001"}, false},
    };
    return all;
}

constexpr int kNone = -1;  // the factor means nothing in this case
/// A value of every factor.
using Case = std::vector<int>;

struct Pair {
    size_t first, second;
    int a, b;
    bool in(const Case& one) const { return one[first] == a && one[second] == b; }
};

bool isDense(const Case& one) {
    return one[0] == static_cast<int>(factors()[0].values.size()) - 1;
}

/// Every pair of values that can stand together.
std::vector<Pair> allPairs() {
    std::vector<Pair> pairs;
    for (size_t i = 0; i < factors().size(); ++i)
        for (size_t j = i + 1; j < factors().size(); ++j)
            for (int a = 0; a < static_cast<int>(factors()[i].values.size()); ++a)
                for (int b = 0; b < static_cast<int>(factors()[j].values.size()); ++b)
                    if (i > 0 || factors()[j].dense || a + 1 < static_cast<int>(factors()[0].values.size()))
                        pairs.push_back({i, j, a, b});
    return pairs;
}

/// Few cases in which every pair occurs: each begins with a pair that is still missing and takes, factor by factor, the
/// value that adds most.
std::vector<Case> pairwiseCases() {
    std::vector<Pair> missing = allPairs();
    std::vector<Case> cases;
    while (!missing.empty()) {
        const Pair seed = missing.front();
        Case one(factors().size(), kNone);
        one[seed.first] = seed.a;
        one[seed.second] = seed.b;
        if (one[0] == kNone) one[0] = static_cast<int>(cases.size() % (factors()[0].values.size() - 1));
        for (size_t f = 1; f < factors().size(); ++f) {
            if (one[f] != kNone || (isDense(one) && !factors()[f].dense)) continue;
            long most = -1;
            int best = 0;
            for (int value = 0; value < static_cast<int>(factors()[f].values.size()); ++value) {
                one[f] = value;
                const long added = std::ranges::count_if(
                    missing, [&](const Pair& pair) { return (pair.first == f || pair.second == f) && pair.in(one); });
                if (added > most) most = added, best = value;
            }
            one[f] = best;
        }
        std::erase_if(missing, [&](const Pair& pair) { return pair.in(one); });
        cases.push_back(one);
    }
    return cases;
}

std::vector<std::string> fieldsOf(const Case& one) {
    std::vector<std::string> fields;
    for (size_t f = 1; f < one.size(); ++f)
        if (one[f] != kNone)
            fields.push_back(std::string(factors()[f].field) + "=" + factors()[f].values[static_cast<size_t>(one[f])]);
    if (factors()[0].values[static_cast<size_t>(one[0])] == "MoEscope-T")
        fields.insert(fields.end(), {"prompt.layers=1", "prompt.vocabulary=24"});
    return fields;
}

std::string nameOf(const testing::TestParamInfo<Case>& info) {
    std::string name;
    for (size_t f = 0; f < info.param.size(); ++f)
        if (info.param[f] != kNone) name += "_" + factors()[f].values[static_cast<size_t>(info.param[f])];
    std::erase_if(name, [](unsigned char c) { return c != '_' && std::isalnum(c) == 0; });
    return std::to_string(info.index) + name;
}

TEST(PairwiseCases, HoldEveryPairOfOptions) {
    const std::vector<Case> cases = pairwiseCases();
    for (const Pair& pair : allPairs())
        EXPECT_TRUE(std::ranges::any_of(cases, [&](const Case& one) { return pair.in(one); }))
            << factors()[pair.first].field << " " << factors()[pair.first].values[static_cast<size_t>(pair.a)]
            << " with " << factors()[pair.second].field << " "
            << factors()[pair.second].values[static_cast<size_t>(pair.b)];
}

/// Four pictures of their own conditions, at four fixed times with fixed noise.
TrainingBatch fixedBatch(const Recipe& recipe, const ModelDescription& description) {
    ToySource source = toySourceFor(recipe, true);
    TrainingBatch batch;
    batch.pictures = source.batch(0).orThrow().pictures;
    batch.times = {0.2f, 0.4f, 0.6f, 0.8f};
    batch.noise.resize(batch.pictures.size());
    StepRandom(5, 0, RandomPurpose::Noise).normals(batch.noise, 1);
    for (int i = 0; i < 4; ++i) {
        if (description.prompt.tokenizer)
            batch.prompts.add(description, source.classNames()[static_cast<size_t>(i)]);
        else
            batch.labels.push_back(i);
    }
    return batch;
}

class LearnsByHeart : public testing::TestWithParam<Case> {};

TEST_P(LearnsByHeart, OneBatchToAHundredthOfItsLoss) {
    const Recipe recipe = toyRecipe(factors()[0].values[static_cast<size_t>(GetParam()[0])], fieldsOf(GetParam()));
    const ModelDescription description = describeRun(recipe, {}, toySourceFor(recipe)).orThrow();
    const ParameterLayout layout(description);
    const auto device = makeCpuTrainingDevice(1);
    NetworkOptions options;
    options.samples = recipe.training.batch;
    options.routingGradient = recipe.model.routingGradient;
    options.checkpointing = recipe.training.checkpointing;
    options.losses.auxiliary =
        recipe.training.balance == Balance::Auxiliary ? static_cast<float>(recipe.training.auxiliaryWeight) : 0;
    options.losses.z = static_cast<float>(recipe.training.zLoss);
    Optimizer optimizer(*device, layout, {0.9f, 0.95f, 1e-8f, 0, 0, {}, false, false});
    TrainingNetwork network(*device, description, layout, options);
    const FlowTarget target =
        recipe.model.prediction == Prediction::Velocity ? FlowTarget::Velocity : FlowTarget::CleanImage;
    TrainingPass pass(*device, network, {target, 0.05f});
    optimizer.allocate();
    network.allocate();
    pass.allocate();
    std::vector<float> values(static_cast<size_t>(layout.allValues()));
    randomWeights(description, layout, 3, values);
    device->upload(values.data(), optimizer.values(), layout.allValues() * 4);

    const TrainingBatch batch = fixedBatch(recipe, description);
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

INSTANTIATE_TEST_SUITE_P(Options, LearnsByHeart, testing::ValuesIn(pairwiseCases()), nameOf);

}  // namespace
}  // namespace moescope::train
