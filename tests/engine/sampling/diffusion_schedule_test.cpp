// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/sampling/diffusion_schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace moescope {
namespace {

using Steps = std::vector<int>;

TEST(KeptTimesteps, OneSectionReachesFromTheFirstToTheLast) {
    EXPECT_EQ(keptTimesteps("5", 0).orThrow(), (Steps{0, 250, 500, 749, 999})) << "749.25 and 499.5 round, the tie to even";
    EXPECT_EQ(keptTimesteps("", 5).orThrow(), keptTimesteps("5", 5).orThrow());
    EXPECT_EQ(keptTimesteps("1", 0).orThrow(), Steps{0});
}

TEST(KeptTimesteps, SectionsTakeTheirOwnNumbersAndMayTakeNone) {
    EXPECT_EQ(keptTimesteps("3,2,0,0,0", 0).orThrow(), (Steps{0, 100, 199, 200, 399})) << "99.5 rounds to even";
    const Steps uneven = keptTimesteps("1,1,1", 0).orThrow();
    EXPECT_EQ(uneven, (Steps{0, 334, 667})) << "1000 in three sections: the first has one timestep more";
}

TEST(KeptTimesteps, WholeStridesGiveExactlyTheirNumber) {
    const Steps kept = keptTimesteps("ddim5", 0).orThrow();
    EXPECT_EQ(kept, (Steps{0, 200, 400, 600, 800}));
    EXPECT_EQ(keptTimesteps("ddim50", 0).orThrow().size(), 50u);
    const auto none = keptTimesteps("ddim300", 0);
    ASSERT_FALSE(none.ok());
    EXPECT_NE(none.error().message.find("no whole stride keeps exactly 300"), std::string::npos) << none.error().message;
}

TEST(KeptTimesteps, WhatCanNotBeReadIsASentence) {
    for (const char* text : {"fast", "5,,5", "5,", "-3", "ddim", "ddimx", "2.5", "99999999999999"}) {
        const auto kept = keptTimesteps(text, 5);
        ASSERT_FALSE(kept.ok()) << text;
        EXPECT_NE(kept.error().message.find("found '"), std::string::npos) << kept.error().message;
    }
    EXPECT_NE(keptTimesteps("501,1", 0).error().message.find("section 1 of 2 of the respacing has 500"), std::string::npos);
    EXPECT_NE(keptTimesteps("0,0", 0).error().message.find("no timestep at all"), std::string::npos);
    EXPECT_NE(keptTimesteps("", 1001).error().message.find("1 to 1000"), std::string::npos);
}

TEST(DiffusionSchedule, EndsOfTheLinearScheduleAreThePublishedOnes) {
    const std::vector<double> alphas = linearAlphasCumprod();
    ASSERT_EQ(alphas.size(), 1000u);
    EXPECT_DOUBLE_EQ(alphas[0], 1 - 1e-4);
    EXPECT_DOUBLE_EQ(alphas[1], (1 - 1e-4) * (1 - (1e-4 + 0.0199 / 999)));
    EXPECT_NEAR(1 / std::sqrt(alphas[999]), 157.4, 0.1);
}

TEST(DiffusionSchedule, KeptStepsHaveTheVarianceOfTheWholeProcess) {
    const std::vector<double> alphas = linearAlphasCumprod();
    const DiffusionSchedule s = respacedSchedule(alphas, {3, 500, 998});
    for (int i = 0; i < 3; ++i) {
        const double whole = alphas[static_cast<size_t>(s.timesteps[static_cast<size_t>(i)])];
        EXPECT_NEAR(s.alphasCumprod[static_cast<size_t>(i)], whole, 1e-14);
        EXPECT_NEAR(s.betas[static_cast<size_t>(i)], 1 - whole / s.alphasBefore(i), 1e-14);
        EXPECT_FLOAT_EQ(s.noiseLevel(i), static_cast<float>(std::sqrt(1 - whole) / (std::sqrt(1 - whole) + std::sqrt(whole))));
    }
    EXPECT_EQ(s.posteriorLogVariance[0], s.posteriorLogVariance[1]) << "the variance of the last step is 0, its logarithm is not used";
    EXPECT_NEAR(s.posteriorClean[0], 1, 1e-12) << "the last mean is the data";
    EXPECT_EQ(s.posteriorState[0], 0);
    EXPECT_NEAR(std::exp(s.posteriorLogVariance[2]), s.betas[2] * (1 - s.alphasCumprod[1]) / (1 - s.alphasCumprod[2]), 1e-12);
}

TEST(DiffusionSchedule, ASingleTimestepHasFiniteNumbers) {
    const DiffusionSchedule s = respacedSchedule(linearAlphasCumprod(), {999});
    for (const float value : ddpmStep(s, 0)) EXPECT_TRUE(std::isfinite(value));
    for (const float value : ddimStep(s, 0, 1)) EXPECT_TRUE(std::isfinite(value));
}

TEST(DiffusionSchedule, DdimWithEtaOneSpreadsAsMuchAsTheSmallestDdpmVariance) {
    const DiffusionSchedule s = respacedSchedule(linearAlphasCumprod(), keptTimesteps("10", 0).orThrow());
    for (int i = 1; i < s.steps(); ++i) {
        const double expected = std::exp(s.posteriorLogVariance[static_cast<size_t>(i)] / 2);
        // The published code subtracts in fp32: 1 - 0.9999 is off by 2^-25, that is 3e-4 of it, and the root halves that.
        EXPECT_NEAR(ddimStep(s, i, 1)[7], expected, 2e-4 * expected) << i;
    }
    EXPECT_EQ(ddimStep(s, 0, 1)[7], 0.0f);
    EXPECT_EQ(ddimStep(s, 5, 0)[7], 0.0f);
    EXPECT_EQ(ddpmStep(s, 0)[7], 0.0f);
    EXPECT_EQ(ddpmStep(s, 1)[7], 1.0f);
}

}  // namespace
}  // namespace moescope
