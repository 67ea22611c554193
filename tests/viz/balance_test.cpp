// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/balance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/sample_run.h"

namespace moescope {
namespace {

// A handful of additions, divisions and logarithms in double: a few units in the last place.
constexpr double tolerance = 1e-14;

Balance of(std::vector<double> load) {
    return balanceOf(load);
}

TEST(Balance, IsOneWhenEveryExpertHasTheSame) {
    const Balance even = of({4, 4, 4});
    EXPECT_NEAR(even.entropy, 1, tolerance);
    EXPECT_NEAR(even.maxOverMean, 1, tolerance);
    EXPECT_EQ(even.unused, 0);
    EXPECT_EQ(even.total, 12);
}

TEST(Balance, IsZeroWhenOneExpertHasAll) {
    const Balance one = of({0, 4, 0});
    EXPECT_EQ(one.entropy, 0);
    EXPECT_NEAR(one.maxOverMean, 3, tolerance);
    EXPECT_EQ(one.unused, 2);
}

TEST(Balance, FollowsTheEntropyOfTheShares) {
    // Shares 1/2, 1/4, 1/4: 1.5 bits of log2(3).
    const Balance middle = of({2, 1, 1});
    EXPECT_NEAR(middle.entropy, 1.5 / std::log2(3.0), tolerance);
    EXPECT_NEAR(middle.maxOverMean, 1.5, tolerance);
}

TEST(Balance, HasNoEntropyWithoutLoad) {
    EXPECT_FALSE(of({}).hasData());
    EXPECT_FALSE(of({noData, noData}).hasData());
    const Balance idle = of({0, 0});
    EXPECT_FALSE(idle.hasData());
    EXPECT_EQ(idle.unused, 2);
}

TEST(Balance, OfASingleExpertIsEven) {
    EXPECT_EQ(of({3}).entropy, 1);
}

TEST(Balance, TakesNegativeGateMassAsNothing) {
    EXPECT_NEAR(of({-1, 2, 2}).entropy, 1 / std::log2(3.0), tolerance);
}

TEST(Balance, IsGivenPerLayerAndOverTheRun) {
    const RunRecord run = test::sampleRun();
    const auto layers = balancePerLayer(run.routing, {});
    ASSERT_EQ(layers.size(), 3u);
    EXPECT_NEAR(layers[0].entropy, 1, tolerance);
    EXPECT_EQ(layers[2].unused, 2);
    const auto overRun = balanceOverEvaluations(run.routing, 0, {.branch = BranchChoice::Uncond});
    ASSERT_EQ(overRun.size(), 3u);
    EXPECT_EQ(overRun[0].entropy, 0);
    EXPECT_FALSE(overRun[2].hasData()) << "the unconditional branch was not run there";
    EXPECT_FALSE(balancePerLayer(run.routing, {.branch = BranchChoice::Difference})[0].hasData());
}

TEST(ShareDistance, IsTheLoadThatWouldHaveToMove) {
    const std::vector<double> a{0.5, 0.5, 0}, b{0.5, 0, 0.5}, c{1, 0}, d{0, 1}, none{noData, noData};
    EXPECT_EQ(shareDistance(a, b), 0.5);
    EXPECT_EQ(shareDistance(a, a), 0);
    EXPECT_EQ(shareDistance(c, d), 1);
    EXPECT_FALSE(hasData(shareDistance(c, none)));
    EXPECT_FALSE(hasData(shareDistance(a, c)));
}

}  // namespace
}  // namespace moescope
