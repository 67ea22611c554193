// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/reference/router.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/reference/moe_layer.h"
#include "tests/support/cpu_tensors.h"
#include "tests/support/golden_tensors.h"

namespace moescope {
namespace {

using namespace test;
using reference::Matrix;
using reference::RouterShape;

TEST(ReferenceRouter, EverySetOfTheRecordedRoutersIsReproducedTiesIncluded) {
    const GoldenTensors golden("attention-rope/router.safetensors");
    std::ifstream file(std::string(MOESCOPE_TEST_DATA) + "/golden/attention-rope/dsmoe.json");
    int compared = 0;
    const auto description = nlohmann::json::parse(file);
    for (const auto& entry : description.at("router")) {
        const std::string prefix = entry.at("prefix");
        if (prefix == "bf16_autocast")
            continue;  // its affinities are rounded to 16 bits, which this router does not do
        const RouterShape shape{entry.at("experts"), entry.at("k"), entry.at("n_group"), entry.at("topk_group"),
                                entry.at("scale")};
        const HostTensor logits = golden.tensor(prefix + ".logits");
        const Matrix<float> input(logits.shape[0], logits.shape[1], logits.data);  // fp32: ties are ties of fp32 values
        const auto result = reference::route(input, golden.floats(prefix + ".bias"), shape);
        EXPECT_LE(relativeDifference(result.scores.data, golden.floats(prefix + ".scores")), 5e-7) << prefix;
        EXPECT_LE(relativeDifference(result.gate.data, golden.floats(prefix + ".weights")), 1e-6) << prefix;

        const auto wanted = golden.integers(prefix + ".indices"), ties = golden.integers(prefix + ".tie");
        for (int64_t token = 0; token < input.rows; ++token) {
            if (ties[static_cast<size_t>(token)] == 2) continue;  // closer than the last bits of two sigmoids
            const auto begin = token * shape.topK, end = begin + shape.topK;
            EXPECT_TRUE(std::equal(result.expert.begin() + begin, result.expert.begin() + end, wanted.begin() + begin))
                << prefix << " token " << token;
        }
        ++compared;
    }
    EXPECT_EQ(compared, 11);
}

TEST(ReferenceRouter, GatesSumToTheScaleUnlessOneExpertIsChosen) {
    const Matrix<double> logits(1, 3, std::vector<double>{0.0, 2.0, -1.0});
    const auto two = reference::route(logits, {}, {3, 2, 1, 1, 2.5});
    EXPECT_EQ(two.expert, (std::vector<int64_t>{0, 1}));
    EXPECT_NEAR(two.gate(0, 0) + two.gate(0, 1), 2.5, 1e-12);
    const auto one = reference::route(logits, {}, {3, 1, 1, 1, 2.5});
    EXPECT_NEAR(one.gate(0, 0), 2.5 / (1 + std::exp(-2.0)), 1e-12);
}

TEST(ReferenceRouter, TheBiasMovesTheChoiceAndNotTheGate) {
    const Matrix<double> logits(1, 3, std::vector<double>{0.0, 2.0, -1.0});
    const auto result = reference::route<double>(logits, {0.0, 0.0, 1.0}, {3, 1, 1, 1, 1.0});
    EXPECT_EQ(result.expert, (std::vector<int64_t>{2}));
    EXPECT_NEAR(result.gate(0, 0), 1 / (1 + std::exp(1.0)), 1e-12);
    // 1 + sigmoid(-1) is chosen, sigmoid(2) refused.
    EXPECT_NEAR(result.margin[0], 1 + 1 / (1 + std::exp(1.0)) - 1 / (1 + std::exp(-2.0)), 1e-12);
}

TEST(ReferenceRouter, ARefusedGroupStandsAtZeroAndCanStillWin) {
    // Groups {0, 1} and {2, 3}: the second is stronger, but its expert 3 ranks below the zeros of the refused group.
    const Matrix<double> logits(1, 4, std::vector<double>{0.0, 0.0, 3.0, 0.0});
    const auto result = reference::route<double>(logits, {-0.7, -0.6, 0.0, -0.9}, {4, 2, 2, 1, 1.0});
    EXPECT_LT(result.expert[0], 2);
    EXPECT_EQ(result.expert[1], 2);
}

TEST(ReferenceMoeLayer, AddsGatedExpertsAndTheSharedOneOrTheInput) {
    // Expert e maps x to (e + 1) silu(x) x: one channel and one hidden unit.
    std::vector<reference::GatedMlp<double>> experts;
    for (int e = 0; e < 3; ++e)
        experts.push_back({Matrix<double>(2, 1, std::vector<double>{1, 1}),
                           {},
                           Matrix<double>(1, 1, std::vector<double>{e + 1.0}),
                           {}});
    const Matrix<double> x(2, 1, std::vector<double>{1.0, -2.0});
    const Matrix<double> gate(2, 2, std::vector<double>{0.5, 0.25, 1.0, 2.0});
    const auto unit = [](double v) { return reference::silu(v) * v; };
    const auto alone = reference::moeLayer<double>(x, {0, 2, 1, 2}, gate, experts, nullptr);
    EXPECT_NEAR(alone.routed(0, 0), (0.5 * 1 + 0.25 * 3) * unit(1.0), 1e-12);
    EXPECT_NEAR(alone.routed(1, 0), (1.0 * 2 + 2.0 * 3) * unit(-2.0), 1e-12);
    EXPECT_NEAR(alone.sum(1, 0), alone.routed(1, 0) - 2.0, 1e-12);
    const auto shared = reference::moeLayer<double>(x, {0, 2, 1, 2}, gate, experts, &experts[0]);
    EXPECT_NEAR(shared.sum(0, 0), shared.routed(0, 0) + unit(1.0), 1e-12);
}

}  // namespace
}  // namespace moescope
