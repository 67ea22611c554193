// SPDX-License-Identifier: GPL-3.0-or-later
// The metric: relative to the largest reference value, absolute against zeros, exact for integers, sets without order.
#include "engine/verify/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace moescope::verify {
namespace {

TEST(Comparison, IsRelativeToTheLargestReferenceValue) {
    EXPECT_DOUBLE_EQ(relativeError({1.0f, -3.5f}, {1.5f, -4.0f}), 0.125);
    EXPECT_DOUBLE_EQ(relativeError({0.25f, -0.5f}, {0.0f, 0.0f}), 0.5);
    EXPECT_DOUBLE_EQ(relativeError({0.0f}, {0.0f}), 0.0);
    EXPECT_DOUBLE_EQ(relativeError({}, {}), 0.0);
}

TEST(Comparison, NotANumberOnEitherSideIsNoNumber) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
    EXPECT_TRUE(std::isnan(relativeError({nan, 1}, {0, 1})));
    EXPECT_TRUE(std::isnan(relativeError({0, 1}, {nan, 1})));
    EXPECT_TRUE(std::isnan(relativeError({infinite}, {infinite})));
    EXPECT_FALSE(compareTensor("a", floatTensor({1}, {nan}), nullptr, 1).passed);
    const NamedTensor both = floatTensor({1}, {nan});
    EXPECT_FALSE(compareTensor("a", both, &both, 1).passed);
}

TEST(Comparison, AnErrorAtTheLimitPasses) {
    const NamedTensor reference = floatTensor({2}, {4.0f, 0.0f}), mine = floatTensor({2}, {4.0f, 0.5f});
    EXPECT_TRUE(compareTensor("a", reference, &mine, 0.125).passed);
    EXPECT_FALSE(compareTensor("a", reference, &mine, 0.124).passed);
}

TEST(Comparison, IntegersAreExactAndPicturesOfBytesWithinOne) {
    const NamedTensor reference = integerTensor({3}, {4, 5, 6}), mine = integerTensor({3}, {4, 6, 8});
    const KeyReport report = compareTensor("label", reference, &mine, 100);
    EXPECT_FALSE(report.passed);
    EXPECT_EQ(report.error, 2);
    EXPECT_EQ(compareTensor("image_u8", reference, &mine, 100).error, 1);
}

TEST(Comparison, RoundedNumbersAreComparedByTheirLength) {
    const NamedTensor reference = floatTensor({4}, {3.0f, 4.0f, 0.0f, 0.0f}),
                      mine = floatTensor({4}, {3.0f, 4.0f, 0.3f, 0.4f});
    EXPECT_NEAR(compareRounded("a", reference, &mine, 0.2).error, 0.1, 1e-7);
    EXPECT_TRUE(compareRounded("a", reference, &mine, 0.11).passed);
    EXPECT_FALSE(compareRounded("a", reference, &mine, 0.09).passed);
    const NamedTensor broken = floatTensor({4}, {3.0f, 4.0f, 0.0f, std::numeric_limits<float>::quiet_NaN()});
    EXPECT_FALSE(compareRounded("a", reference, &broken, 1).passed);
    EXPECT_FALSE(compareRounded("a", reference, nullptr, 1).passed);
    const NamedTensor counts = integerTensor({2}, {60, 40});
    for (const auto& [first, passes] : {std::pair<int64_t, bool>{62, true}, {63, false}}) {  // 4 and 6 of 100
        const NamedTensor moved = integerTensor({2}, {first, 100 - first});
        EXPECT_EQ(compareRounded("count", counts, &moved, 1).passed, passes) << first;
    }
}

TEST(Comparison, WhatFollowsChoicesIsKnownByName) {
    for (const char* key :
         {"moe.3.weight", "moe.0.weights", "moe.11.indices", "moe.1.expert", "moe.1.token", "moe.1.count", "moe.3.out"})
        EXPECT_TRUE(followsChoices(key)) << key;
    for (const char* key : {"moe.3.in", "moe.3.scores", "block.3.out", "output", "t_embed.weight"})
        EXPECT_FALSE(followsChoices(key)) << key;
}

TEST(Comparison, IndicesAreSetsPerRow) {
    const NamedTensor reference = integerTensor({2, 2}, {0, 3, 1, 2}), turned = integerTensor({2, 2}, {3, 0, 1, 2});
    const NamedTensor moved = integerTensor({2, 2}, {0, 1, 3, 2});
    EXPECT_TRUE(compareTensor("moe.1.indices", reference, &turned, 0).passed);
    const KeyReport report = compareTensor("moe.1.indices", reference, &moved, 0);
    EXPECT_EQ(report.error, 2);
    EXPECT_EQ(report.problem, "token 0 should go to experts {0 3}, the engine chose {0 1}");
}

TEST(Comparison, WhatIsNotThereOrShapedOtherwiseIsNotCompared) {
    const NamedTensor reference = floatTensor({2, 2}, {1, 2, 3, 4}), flat = floatTensor({4}, {1, 2, 3, 4});
    const NamedTensor integers = integerTensor({2, 2}, {1, 2, 3, 4});
    for (const NamedTensor* mine : {static_cast<const NamedTensor*>(nullptr), &flat, &integers}) {
        const KeyReport report = compareTensor("a", reference, mine, 1);
        EXPECT_FALSE(report.compared);
        EXPECT_FALSE(report.passed);
        EXPECT_FALSE(report.problem.empty());
    }
}

}  // namespace
}  // namespace moescope::verify
