// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/routing_change.h"

#include <gtest/gtest.h>

#include "tests/support/sample_run.h"

namespace moescope {
namespace {

// A handful of divisions and differences in double: a few units in the last place.
constexpr double tolerance = 1e-14;

TEST(RoutingChange, IsTheShareOfTheLoadThatMoved) {
    const RunRecord run = test::sampleRun();
    const Matrix change = routingChange(run.routing, {});
    ASSERT_EQ(change.rows, 3);
    ASSERT_EQ(change.cols, 3);
    // Layer 0, both pictures: 3 3 2, then 2 3 3, then 3 2 3 of 8 tokens; each time one token's worth moves.
    EXPECT_NEAR(change.at(0, 1), 1.0 / 8, tolerance);
    EXPECT_NEAR(change.at(0, 2), 1.0 / 8, tolerance);
    // Layers 1 and 2 route alike at every evaluation: zero, which is not the same as no data.
    for (const int layer : {1, 2})
        for (const int evaluation : {1, 2}) EXPECT_EQ(change.at(layer, evaluation), 0) << layer << ' ' << evaluation;
}

TEST(RoutingChange, HasNoDataAtTheFirstEvaluation) {
    const RunRecord run = test::sampleRun();
    const Matrix change = routingChange(run.routing, {});
    for (int64_t layer = 0; layer < 3; ++layer) EXPECT_FALSE(hasData(change.at(layer, 0)));
    EXPECT_EQ(routingChange({}, {}).values.size(), 0u);
}

TEST(RoutingChange, ComparesWithTheEvaluationBeforeTheQuery) {
    const RunRecord run = test::sampleRun();
    const Matrix last = routingChange(run.routing, LoadQuery::at(2));
    ASSERT_EQ(last.cols, 1);
    EXPECT_NEAR(last.at(0, 0), 1.0 / 8, tolerance);
    EXPECT_EQ(routingChange(run.routing, LoadQuery::at(3)).cols, 0);
}

TEST(RoutingChange, FollowsMeasureAndPicture) {
    const RunRecord run = test::sampleRun();
    // Picture 0, layer 0: 2 1 1 tokens, then 1 2 1.
    EXPECT_NEAR(routingChange(run.routing, {.image = 0}).at(0, 1), 1.0 / 4, tolerance);
    // Gates 4/8 5/8 6/8 7/8 go to experts 0 1 2 0, then 1 2 0 1: 11 5 6, then 6 11 5 of 22.
    EXPECT_NEAR(routingChange(run.routing, {.measure = LoadMeasure::GateMass, .image = 0}).at(0, 1), 6.0 / 22,
                tolerance);
    // The batch pool of layer 2 serves picture 0 only.
    EXPECT_FALSE(hasData(routingChange(run.routing, {.image = 1}).at(2, 1)));
    EXPECT_EQ(routingChange(run.routing, {.image = 0}).at(2, 1), 0);
}

TEST(RoutingChange, ComparesOnlyWhatRanAlike) {
    const RunRecord run = test::sampleRun();
    const Matrix uncond = routingChange(run.routing, {.branch = BranchChoice::Uncond});
    EXPECT_EQ(uncond.at(0, 1), 0);
    EXPECT_FALSE(hasData(uncond.at(0, 2))) << "the unconditional branch was not run there";
    const Matrix both = routingChange(run.routing, {.branch = BranchChoice::Both});
    EXPECT_NEAR(both.at(0, 1), 1.0 / 16, tolerance);  // 11 3 2, then 10 3 3
    EXPECT_FALSE(hasData(both.at(0, 2))) << "two branches against one";
    EXPECT_FALSE(hasData(routingChange(run.routing, {.branch = BranchChoice::Difference}).at(0, 1)));
}

TEST(RoutingChange, HasNoDataBesideAMissingEvaluation) {
    RunRecord run = test::sampleRun();
    std::erase_if(run.routing.records,
                  [](const auto& record) { return record->evaluation == 1 && record->layer == 0; });
    const Matrix change = routingChange(run.routing, {});
    EXPECT_FALSE(hasData(change.at(0, 1)));
    EXPECT_FALSE(hasData(change.at(0, 2)));
    EXPECT_EQ(change.at(1, 1), 0);
}

}  // namespace
}  // namespace moescope
