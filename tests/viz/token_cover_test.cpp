// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/token_cover.h"

#include <gtest/gtest.h>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"
#include "viz/aggregate/balance.h"

namespace moescope::test {
namespace {

TEST(TokenCover, CapacityOfExpertChoiceIsItsFactor) {
    const RunRecord run = sampleExpertChoiceRun();
    const Matrix capacity = capacityOverEvaluations(run.routing, 0, {});
    ASSERT_EQ(capacity.rows, 3);
    ASSERT_EQ(capacity.cols, 3);
    for (const double value : capacity.values) EXPECT_DOUBLE_EQ(value, 1.5);  // 2 tokens each of 4, three experts
}

TEST(TokenCover, CapacityOfAPoolFollowsWhatWasTaken) {
    const RunRecord run = samplePoolRun();
    const Matrix both = capacityOverEvaluations(run.routing, 0, {});
    EXPECT_DOUBLE_EQ(both.at(0, 0), 4 * 3 / 8.0);
    EXPECT_DOUBLE_EQ(both.at(1, 1), 2 * 3 / 8.0);
    EXPECT_EQ(both.at(2, 0), 0);  // took nothing, which is data
    EXPECT_DOUBLE_EQ(capacityOverEvaluations(run.routing, 0, {.image = 1}).at(1, 0), 3 / 4.0);
    const Matrix uncond = capacityOverEvaluations(run.routing, 0, {.branch = BranchChoice::Uncond});
    EXPECT_FALSE(hasData(uncond.at(0, 2)));
}

TEST(TokenCover, CountsTokensWithoutAnExpert) {
    const RunRecord run = samplePoolRun();
    const std::vector<TokenCover> cover = coverOverEvaluations(run.routing, 0, {});
    EXPECT_DOUBLE_EQ(cover[0].expertsPerToken, 5 / 8.0);
    EXPECT_DOUBLE_EQ(cover[0].unrouted, 3 / 8.0);
    EXPECT_DOUBLE_EQ(cover[2].unrouted, 2 / 8.0);
    const Matrix numbers = expertsPerTokenOverEvaluations(run.routing, 0, {.image = 0});
    EXPECT_EQ(numbers.at(1, 0), 4);
    EXPECT_EQ(numbers.at(2, 2), 2);
    EXPECT_EQ(numbers.at(0, 2), 0);
}

TEST(TokenCover, GateMassIsWhatTellsWhereEveryLayerIsExpertChoice) {
    EXPECT_EQ(usualMeasure(sampleExpertChoiceRun().routing), LoadMeasure::GateMass);
    EXPECT_EQ(usualMeasure(sampleRun().routing), LoadMeasure::Counts);  // one of three layers
    EXPECT_EQ(usualMeasure(sampleNetworksRun().routing), LoadMeasure::Counts);
    EXPECT_EQ(usualMeasure({}), LoadMeasure::Counts);
}

TEST(TokenCover, BalanceLeavesTheUnconditionalExpertOut) {
    const RunRecord run = samplePrototypeRun();
    const Balance cond = balancePerLayer(run.routing, LoadQuery::at(0))[0];
    EXPECT_DOUBLE_EQ(cond.entropy, 1);
    EXPECT_EQ(cond.unused, 0);
    EXPECT_FALSE(balancePerLayer(run.routing, {.branch = BranchChoice::Uncond})[0].hasData());
}

}  // namespace
}  // namespace moescope::test
