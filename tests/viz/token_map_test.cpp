// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/token_map.h"

#include <gtest/gtest.h>

#include "tests/support/sample_run.h"

namespace moescope {
namespace {

class TokenMaps : public ::testing::Test {
protected:
    const RunRecord run = test::sampleRun();
    const RoutingTrace& trace = run.routing;
    const MoeLayerDescriptor& layer(int i) const { return trace.layers[static_cast<size_t>(i)]; }
    const RoutingRecord& record(int layer) const { return *trace.find(0, Branch::Cond, layer); }
};

TEST_F(TokenMaps, PlaceClassTokensOutsideTheGrid) {
    const auto places = tokenPlaces(layer(1));
    ASSERT_EQ(places.size(), 5u);
    EXPECT_EQ(places[0].kind, TokenKind::ClassLabel);
    EXPECT_EQ(places[0].row, -1);
    EXPECT_EQ(places[1].row, 0);
    EXPECT_EQ(places[1].col, 0);
    EXPECT_EQ(places[4].row, 1);
    EXPECT_EQ(places[4].col, 1);
    EXPECT_EQ(places[4].numberInGroup, 3);
}

TEST_F(TokenMaps, ShowTheExpertWithTheLargestGateAndTheSmallerOnATie) {
    const auto map = dominantExpertMap(layer(1), record(1), 1);
    ASSERT_TRUE(map.has_value());
    EXPECT_EQ(map->height, 2);
    EXPECT_EQ(map->width, 2);
    EXPECT_EQ(map->grid, (std::vector<int32_t>{0, -1,  //
                                               0, 1}));
    ASSERT_EQ(map->outside.size(), 1u);
    EXPECT_EQ(map->outside[0].kind, TokenKind::ClassLabel);
    EXPECT_EQ(map->outside[0].value, 2);
}

TEST_F(TokenMaps, PreferTheLargerGateOverTheSmallerIndex) {
    const auto one = test::recordOf(trace, 0, Branch::Cond, 0,
                                    {{{0, 0.25f}, {2, 0.75f}}, {}, {}, {}, {}, {}, {}, {{0, -0.5f}, {1, -0.25f}}});
    EXPECT_EQ(dominantExpertMap(layer(0), one, 0)->grid, (std::vector<int32_t>{2, -1, -1, -1}));
    EXPECT_EQ(dominantExpertMap(layer(0), one, 1)->grid, (std::vector<int32_t>{-1, -1, -1, 1}));
}

TEST_F(TokenMaps, CountTheExpertsOfEachToken) {
    const auto map = expertCountMap(layer(1), record(1), 0);
    ASSERT_TRUE(map.has_value());
    EXPECT_EQ(map->grid, (std::vector<int32_t>{3, 0,  //
                                               1, 1}));
    EXPECT_EQ(map->outside[0].value, 1);
}

TEST_F(TokenMaps, DifferBetweenTheImagesOfABatchPool) {
    EXPECT_EQ(expertCountMap(layer(2), record(2), 0)->grid, (std::vector<int32_t>{1, 1, 1, 1}));
    EXPECT_EQ(expertCountMap(layer(2), record(2), 1)->grid, (std::vector<int32_t>{0, 0, 0, 0}));
}

TEST_F(TokenMaps, ShowTheGateOfOneExpert) {
    const Matrix map = expertGateMap(layer(1), record(1), 0, 0);
    ASSERT_EQ(map.rows, 2);
    EXPECT_EQ(map.at(0, 0), 0.5);
    EXPECT_FALSE(hasData(map.at(0, 1)));
    EXPECT_EQ(map.at(1, 0), 0.25);
    EXPECT_FALSE(hasData(map.at(1, 1)));
}

TEST_F(TokenMaps, AreNotMadeWithoutAssignmentsOrForAnImageThatIsNotThere) {
    RoutingRecord counts = record(1);
    counts.rowPtr.clear();
    EXPECT_FALSE(dominantExpertMap(layer(1), counts, 0).has_value());
    EXPECT_EQ(expertGateMap(layer(1), counts, 0, 0).rows, 0);
    EXPECT_FALSE(expertCountMap(layer(1), record(1), 2).has_value());
    EXPECT_FALSE(expertCountMap(layer(1), record(1), -1).has_value());
}

TEST_F(TokenMaps, SurviveAGridThatDoesNotFitItsTokens) {
    MoeLayerDescriptor odd = layer(0);
    odd.tokenGroups[0].height = -3;
    const auto map = expertCountMap(odd, record(0), 0);
    ASSERT_TRUE(map.has_value());
    EXPECT_TRUE(map->grid.empty());
    EXPECT_EQ(map->outside.size(), 4u);
}

TEST_F(TokenMaps, HistogramCountsTokensOfNoneToAllExperts) {
    using Histogram = std::vector<int64_t>;
    EXPECT_EQ(expertsPerToken(trace, 1, LoadQuery::at(0)), (Histogram{2, 6, 0, 2}));
    EXPECT_EQ(expertsPerToken(trace, 1, {}), (Histogram{6, 18, 0, 6}));
    EXPECT_EQ(expertsPerToken(trace, 1, {}, TokenKind::Image), (Histogram{6, 12, 0, 6}));
    EXPECT_EQ(expertsPerToken(trace, 1, {.image = 1}, TokenKind::ClassLabel), (Histogram{0, 3, 0, 0}));
    EXPECT_EQ(expertsPerToken(trace, 0, {.branch = BranchChoice::Both}), (Histogram{0, 40, 0, 0}));
    EXPECT_TRUE(expertsPerToken(trace, 5, {}).empty());
}

TEST_F(TokenMaps, TakeTheImagesThatARecordHoldsSoFar) {
    const RoutingRecord whole = *trace.find(0, Branch::Cond, 1);
    auto half = std::make_shared<RoutingRecord>(whole);
    half->rowPtr.resize(6);  // 5 tokens of image 0
    half->expert.resize(half->rowPtr.back());
    half->gate.resize(half->rowPtr.back());
    EXPECT_EQ(dominantExpertMap(trace.layers[1], *half, 0)->grid, dominantExpertMap(trace.layers[1], whole, 0)->grid);
    EXPECT_FALSE(dominantExpertMap(trace.layers[1], *half, 1).has_value());
    EXPECT_EQ(expertGateMap(trace.layers[1], *half, 1, 0).rows, 0);
    RoutingTrace growing = trace;
    growing.records = {half};
    EXPECT_EQ(expertsPerToken(growing, 1, {}), (std::vector<int64_t>{1, 3, 0, 1}));
    EXPECT_TRUE(expertsPerToken(growing, 1, {.image = 1}).empty());
}

}  // namespace
}  // namespace moescope
