// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/network_choice.h"

#include <gtest/gtest.h>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"
#include "viz/aggregate/token_map.h"

namespace moescope::test {
namespace {

TEST(NetworkChoice, WeightsAreMeansOverPictures) {
    const RunRecord run = sampleNetworksRun();
    const Matrix weights = networkWeights(run.routing, {});
    ASSERT_EQ(weights.rows, 3);
    ASSERT_EQ(weights.cols, 3);
    EXPECT_EQ(weights.at(0, 0), 0.75);
    EXPECT_EQ(weights.at(0, 1), 0.25);  // half of one picture, nothing of the other
    EXPECT_EQ(weights.at(1, 2), 0.75);
    EXPECT_EQ(weights.at(2, 1), 0.25);
}

TEST(NetworkChoice, ANetworkThatDidNotRunHasNoWeightUnlikeZero) {
    const RunRecord run = sampleNetworksRun();
    EXPECT_FALSE(hasData(networkWeights(run.routing, {}).at(0, 2)));
    EXPECT_FALSE(hasData(networkWeights(run.routing, {.image = 0}).at(1, 1)));
    EXPECT_TRUE(hasData(networkWeights(run.routing, {.image = 1}).at(1, 1)));
}

TEST(NetworkChoice, ItsLayersHaveNoLoadOfPicturesThatItLeft) {
    const RunRecord run = sampleNetworksRun();
    const auto cats = [&](int evaluation, int64_t image) {
        LoadQuery query = LoadQuery::at(evaluation);
        query.image = image;
        return layerLoad(run.routing, 1, query);
    };
    EXPECT_EQ(cats(0, 1), (std::vector<double>{2, 2}));
    EXPECT_EQ(cats(1, 0), (std::vector<double>{2, 2}));
    EXPECT_FALSE(hasData(cats(1, 1)[0]));
    EXPECT_EQ(cats(1, -1), (std::vector<double>{2, 2}));
    EXPECT_FALSE(hasData(cats(2, 0)[0]));
    EXPECT_EQ(expertsPerToken(run.routing, 1, LoadQuery::at(1)), (std::vector<int64_t>{0, 4, 0}));
}

TEST(NetworkChoice, RunsOfOneNetworkHaveNone) {
    const RunRecord run = sampleRun();
    EXPECT_EQ(networkLayer(run.routing), -1);
    EXPECT_EQ(networkWeights(run.routing, {}).rows, 0);
    EXPECT_TRUE(NetworkPresence(run.routing).ran(run.routing.layers[0], 0, Branch::Cond, 0));
}

}  // namespace
}  // namespace moescope::test
