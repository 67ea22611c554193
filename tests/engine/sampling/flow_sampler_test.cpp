// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/sampling/flow_sampler.h"

#include <gtest/gtest.h>

namespace moescope {
namespace {

TEST(FlowSchedule, VelocityModelsTakeEqualStepsRoundedFromDouble) {
    const FlowSchedule schedule = flowSchedule(Prediction::Velocity, 10);
    ASSERT_EQ(schedule.times.size(), 11u);
    for (int i = 0; i <= 10; ++i) EXPECT_EQ(schedule.times[static_cast<size_t>(i)], static_cast<float>(i / 10.0));
    for (const float width : schedule.widths) EXPECT_EQ(width, 0.1f);
}

TEST(FlowSchedule, CleanImageModelsCountDownFromOneInTheSecondHalf) {
    const FlowSchedule schedule = flowSchedule(Prediction::CleanImage, 10);
    EXPECT_EQ(schedule.times.front(), 0.0f);
    EXPECT_EQ(schedule.times.back(), 1.0f);
    EXPECT_EQ(schedule.times[3], 0.1f * 3.0f);
    EXPECT_EQ(schedule.times[7], 1.0f - 0.1f * 3.0f);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(schedule.widths[i], schedule.times[i + 1] - schedule.times[i]);
}

TEST(Guidance, ActsStrictlyInsideTheIntervalInFp32) {
    SamplerSettings settings;
    settings.cfgScale = 2.9;
    settings.cfgLow = 0.1;
    settings.cfgHigh = 0.7;
    EXPECT_EQ(guidanceAt(settings, 0.0f), 1.0f);
    EXPECT_EQ(guidanceAt(settings, 0.1f), 1.0f) << "0.1 in fp32 is not above 0.1 in fp32";
    EXPECT_EQ(guidanceAt(settings, 0.2f), 2.9f);
    EXPECT_EQ(guidanceAt(settings, 0.7f), 1.0f);
}

TEST(Guidance, HasNoLowerBoundAtZeroAndNoUpperBoundAtOne) {
    SamplerSettings settings;
    settings.cfgScale = 1.5;
    EXPECT_EQ(guidanceAt(settings, 0.0f), 1.5f);
    EXPECT_EQ(guidanceAt(settings, 1.0f), 1.5f);
}

}  // namespace
}  // namespace moescope
