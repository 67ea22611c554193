// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/load.h"

#include <gtest/gtest.h>

#include "tests/support/sample_run.h"

namespace moescope {
namespace {

using Loads = std::vector<double>;

/// Cells of a matrix as text, '.' where there is no data: rows as drawn.
std::string drawn(const Matrix& matrix) {
    std::string text;
    for (int64_t row = 0; row < matrix.rows; ++row) {
        for (int64_t col = 0; col < matrix.cols; ++col) {
            const double cell = matrix.at(row, col);
            if (col > 0) text += ' ';
            text += hasData(cell) ? std::to_string(static_cast<int>(cell)) : std::string(".");
        }
        text += "\n";
    }
    return text;
}

class Load : public ::testing::Test {
protected:
    RunRecord run = test::sampleRun();
    const RoutingTrace& trace = run.routing;
};

TEST_F(Load, CountsTokensOfOneEvaluationByLayerAndExpert) {
    EXPECT_EQ(drawn(loadByLayer(trace, LoadQuery::at(0))), "3 3 2\n4 4 4\n0 4 0\n");
    EXPECT_EQ(drawn(loadByLayer(trace, LoadQuery::at(1))), "2 3 3\n4 4 4\n0 4 0\n");
}

TEST_F(Load, SumsTheWholeRunUnlessToldOtherwise) {
    EXPECT_EQ(drawn(loadByLayer(trace, {})), "8 8 8\n12 12 12\n0 12 0\n");
}

TEST_F(Load, TellsBranchesApartAddsAndSubtractsThem) {
    EXPECT_EQ(layerLoad(trace, 0, {.branch = BranchChoice::Uncond}), (Loads{16, 0, 0}));
    EXPECT_EQ(layerLoad(trace, 0, {.branch = BranchChoice::Both}), (Loads{24, 8, 8}));
}

TEST_F(Load, SubtractsOnlyWhereBothBranchesRan) {
    // Evaluations 0 and 1: cond 5 6 5, uncond 16 0 0; evaluation 2 has no unconditional branch.
    EXPECT_EQ(layerLoad(trace, 0, {.branch = BranchChoice::Difference}), (Loads{-11, 6, 5}));
    EXPECT_EQ(drawn(loadOverEvaluations(trace, 0, {.branch = BranchChoice::Difference})), "-5 -6 .\n3 3 .\n2 3 .\n");
}

TEST_F(Load, SumsGatesAsMass) {
    const LoadQuery query{.measure = LoadMeasure::GateMass, .endEvaluation = 1, .image = 0};
    EXPECT_EQ(layerLoad(trace, 0, query), (Loads{0.5 + 0.875, 0.625, 0.75}));
    EXPECT_EQ(layerLoad(trace, 1, query), (Loads{0.75, 0.75, 0.75}));
}

TEST_F(Load, TakesOneImageOfTheBatch) {
    EXPECT_EQ(layerLoad(trace, 2, {.endEvaluation = 1, .image = 0}), (Loads{0, 4, 0}));
    EXPECT_EQ(layerLoad(trace, 2, {.endEvaluation = 1, .image = 1}), (Loads{0, 0, 0}));
    EXPECT_FALSE(hasData(layerLoad(trace, 2, {.image = 2})[0])) << "an image that is not there has no data";
}

TEST_F(Load, DrawsExpertsOverEvaluations) {
    EXPECT_EQ(drawn(loadOverEvaluations(trace, 0, {})), "3 2 3\n3 3 2\n2 3 3\n");
    EXPECT_EQ(drawn(loadOverEvaluations(trace, 0, {.branch = BranchChoice::Uncond})), "8 8 .\n0 0 .\n0 0 .\n");
    EXPECT_EQ(drawn(loadOverEvaluations(trace, 0, LoadQuery::at(1))), "2\n3\n3\n");
}

TEST_F(Load, LeavesCellsBeyondALayersExpertsWithoutData) {
    run.routing.layers.push_back(run.routing.layers[0]);
    run.routing.layers.back().experts = 5;
    EXPECT_EQ(drawn(loadByLayer(trace, LoadQuery::at(0))), "3 3 2 . .\n4 4 4 . .\n0 4 0 . .\n. . . . .\n");
}

TEST_F(Load, GivesSharesThatSumToOneAndNoneOfNothing) {
    EXPECT_EQ(shares({1, 0, 3}), (Loads{0.25, 0, 0.75}));
    EXPECT_FALSE(hasData(shares({0, 0})[0]));
    EXPECT_FALSE(hasData(shares({noData, noData})[1]));
}

TEST_F(Load, AnswersWithNothingForAnEmptyTraceOrAnUnknownLayer) {
    EXPECT_EQ(loadByLayer({}, {}).values.size(), 0u);
    EXPECT_TRUE(layerLoad(trace, 7, {}).empty());
    EXPECT_TRUE(layerLoad(trace, -1, {}).empty());
    EXPECT_EQ(loadOverEvaluations(trace, 7, {}).cols, 0);
    EXPECT_EQ(evaluationCount({}), 0);
    EXPECT_EQ(evaluationCount(trace), 3);
}

TEST_F(Load, GivesNoDataForAnImageThatARecordDoesNotHoldYet) {
    RoutingTrace growing = trace;
    for (auto& record : growing.records) {
        if (record->evaluation != 1) continue;  // only image 0 has come to evaluation 1
        auto half = std::make_shared<RoutingRecord>(*record);
        half->counts.resize(3);
        half->mass.resize(3);
        record = half;
    }
    EXPECT_EQ(drawn(loadOverEvaluations(growing, 0, {.image = 0})), "2 1 1\n1 2 1\n1 1 2\n");
    EXPECT_EQ(drawn(loadOverEvaluations(growing, 0, {.image = 1})), "1 . 2\n2 . 1\n1 . 1\n");
    EXPECT_EQ(drawn(loadOverEvaluations(growing, 0, {})), "3 1 3\n3 2 2\n2 1 3\n");
    EXPECT_EQ(drawn(loadOverEvaluations(growing, 0, {.branch = BranchChoice::Difference, .image = 1})), "-3 . .\n2 . .\n1 . .\n");
}

}  // namespace
}  // namespace moescope
