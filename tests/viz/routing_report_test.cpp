// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/export/routing_report.h"

#include <gtest/gtest.h>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"

namespace moescope {
namespace {

bool says(const std::string& report, const std::string& text) {
    return report.find(text) != std::string::npos;
}

TEST(RoutingReport, NamesTheRunAndWhereTheNumbersAreFrom) {
    const std::string report = routingReport(test::sampleRun());
    EXPECT_TRUE(says(report, "sample.safetensors (dsmoe, weights ema, hash 0123abcd)")) << report;
    EXPECT_TRUE(says(report, "Prompt   red heart"));
    EXPECT_TRUE(says(report, "2 heun steps, 3 evaluations, CFG 2.5"));
    EXPECT_TRUE(says(report, "conditional branch (the prompt's), evaluations 0 to 2 together"));
    EXPECT_TRUE(says(report, "How to read it"));
}

TEST(RoutingReport, GivesBothIndicesSharesAndBalanceOfEachLayer) {
    const std::string report = routingReport(test::sampleRun());
    EXPECT_TRUE(
        says(report, "Block 1 (MoE layer 0): 3 routed experts, each token takes 1, and a shared expert takes all"));
    EXPECT_TRUE(says(report, "Block 3 (MoE layer 1): 3 routed experts, each expert takes 2 tokens"));
    EXPECT_TRUE(says(report, "    0  33.3 % "));
    EXPECT_TRUE(says(report, "    1 100.0 % ████████████████████████████████████████\n"));
    EXPECT_TRUE(says(report, "entropy 0.000, busiest expert 3.00 x the mean, 2 of 3 unused"));
    EXPECT_TRUE(says(report, "share of the gate mass (counts are equal by construction)"));
}

TEST(RoutingReport, ComparesTheFirstWithTheLastThird) {
    // Layer 0: 3 3 2 of 8 tokens in evaluation 0, 3 2 3 in evaluation 2.
    const std::string report = routingReport(test::sampleRun());
    EXPECT_TRUE(says(report, "12.5 % of the load moved; up: 2 (+12.5); down: 1 (-12.5)")) << report;
    EXPECT_TRUE(says(report, "with against without the condition: 68.8 % of the load differs"));
    EXPECT_TRUE(says(report,
                     "The least even layer is Block 5 (MoE layer 2) (entropy 0.000), and the experts change most "
                     "between noise and picture in Block 1 (MoE layer 0) (12.5 % of the load)."));
}

TEST(RoutingReport, SaysWhenThereIsNothingToReport) {
    RunRecord run = test::sampleRun();
    run.routing.records.clear();
    EXPECT_TRUE(says(routingReport(run), "nothing was captured of this layer"));
    run.routing.layers.clear();
    EXPECT_TRUE(says(routingReport(run), "no MoE layers"));
}

TEST(RoutingReport, ReportsARunOfOneEvaluationAndManyExperts) {
    RunRecord run = test::sampleRun();
    run.evaluations.resize(1);
    run.routing.layers.resize(1);
    run.routing.layers[0].experts = 48;
    std::vector<std::vector<std::pair<int, float>>> tokens(8);
    for (int i = 0; i < 8; ++i) tokens[static_cast<size_t>(i)] = {{40 + i, 1.0f}};
    run.routing.records = {};
    run.routing.records.push_back(
        std::make_shared<RoutingRecord>(test::recordOf(run.routing, 0, Branch::Cond, 0, tokens)));
    const std::string report = routingReport(run);
    EXPECT_TRUE(says(report, " 47  12.5 % ████████\n")) << report;
    EXPECT_TRUE(says(report, "40 of 48 unused"));
    EXPECT_FALSE(says(report, "first to last third"));
}

TEST(RoutingReport, SaysHowTokensAndExpertsOfAPoolMatched) {
    const std::string report = routingReport(test::samplePoolRun());
    EXPECT_TRUE(says(report, "Pool     the whole batch")) << report;
    // Experts 0, 1, 2 took 4, 1, 0 of 8 tokens first and 5, 4, 1 in the end.
    EXPECT_TRUE(says(report, "an expert took 0.00 to 1.88 times an even share"));
    EXPECT_TRUE(says(report, "0.88 experts per token on average; 33.3 % of the tokens had none but the shared one"));
    EXPECT_TRUE(says(report, "  threshold 0.250\n"));
}

TEST(RoutingReport, MarksTheUnconditionalExpert) {
    const std::string report = routingReport(test::samplePrototypeRun());
    EXPECT_TRUE(says(report, "each token takes the nearest prototype; expert 2 is the one for tokens without condition")) << report;
    EXPECT_TRUE(says(report, "  without condition\n"));
    EXPECT_TRUE(says(report, "0 of 2 unused"));
}

TEST(RoutingReport, GivesTheWeightsOfNetworksAndTheirOwnLayers) {
    const std::string report = routingReport(test::sampleNetworksRun());
    EXPECT_TRUE(says(report, "Choice of networks: 3 networks, each picture is blended from 2")) << report;
    EXPECT_TRUE(says(report, "share of the weights in the blend"));
    EXPECT_TRUE(says(report, "  50.0 % "));  // dogs: 1.5 of the 3 evaluations
    EXPECT_TRUE(says(report, "  sketch\n"));
    EXPECT_TRUE(says(report, "Block 3 (MoE layer 0, network dogs)"));
}

}  // namespace
}  // namespace moescope
