// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/reference/sampling.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

TEST(GuidedPrediction, GuidesTheFirstChannelsAndTakesTheOthersFromTheCondition) {
    MsContext context(2);
    constexpr int64_t kBatch = 3, kChannels = 5, kStored = 6, kPlane = 7;
    const auto values = spread(2 * kBatch * kStored * kPlane, 3);
    const MsTensor prediction = floatTensor({2 * kBatch, kStored, 1, kPlane}, values);
    const MsTensor params = floatTensor({2}, std::vector<float>{4.0f, 1.0f});
    const auto wideValues = wide(2 * kBatch, kStored * kPlane, values);
    for (const int64_t guided : {int64_t{0}, int64_t{3}, kChannels}) {
        MsTensor out = floatTensor({kBatch, kChannels, 1, kPlane});
        ASSERT_EQ(cpu::guidedPrediction(&context, &prediction, &params, guided, &out), MS_OK) << context.error;
        const auto expected = reference::guidedPrediction(wideValues, kBatch, kChannels * kPlane, guided * kPlane, 4.0, 1.0);
        // Three roundings of numbers up to 4 times the difference of two values below 2.
        EXPECT_LE(relativeDifference(valuesOf(out), expected.data), 4 * 0x1p-24) << guided;
    }
}

TEST(GuidedPrediction, TurnsTheSignAroundExactly) {
    MsContext context(1);
    const MsTensor prediction = floatTensor({1, 2, 3}, std::vector<float>{1, -2, 3, 0.1f, 0.2f, 0.3f});
    const MsTensor params = floatTensor({2}, std::vector<float>{7.0f, -1.0f});
    MsTensor out = floatTensor({1, 1, 3});
    ASSERT_EQ(cpu::guidedPrediction(&context, &prediction, &params, 1, &out), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(out), (std::vector<float>{-1, 2, -3}));
}

TEST(GuidedPrediction, RefusesWhatDoesNotFit) {
    MsContext context(1);
    const MsTensor prediction = floatTensor({3, 2, 4}), params = floatTensor({2});
    MsTensor out = floatTensor({2, 2, 4});
    EXPECT_EQ(cpu::guidedPrediction(&context, &prediction, &params, 1, &out), MS_INVALID) << "3 samples for a batch of 2";
    const MsTensor fits = floatTensor({4, 2, 4});
    EXPECT_EQ(cpu::guidedPrediction(&context, &fits, &params, 3, &out), MS_INVALID) << "3 of 2 channels";
    EXPECT_NE(context.error.find("guided channels"), std::string::npos) << context.error;
}

const reference::DiffusionCoefficients<double> kCoefficients{1.5, 0.75, 0.25, 0.5, 0.125, -2.0, -5.0, 1.0};

MsTensor paramsOf(const reference::DiffusionCoefficients<double>& c) {
    return floatTensor({8}, std::vector<double>{c.cleanZ, c.cleanNoise, c.nextClean, c.nextZ, c.nextNoise, c.logHigh, c.logLow, c.spread});
}

TEST(DiffusionStep, FollowsItsFormulaForEveryElement) {
    MsContext context(2);
    constexpr int64_t kBatch = 2, kChannels = 3, kPlane = 11;
    const auto predicted = spread(kBatch * 2 * kChannels * kPlane, 1), z = spread(kBatch * kChannels * kPlane, 2),
               noise = spread(kBatch * kChannels * kPlane, 3);
    const MsTensor prediction = floatTensor({kBatch, 2 * kChannels, kPlane}, predicted);
    const MsTensor state = floatTensor({kBatch, kChannels, kPlane}, z), drawn = floatTensor({kBatch, kChannels, kPlane}, noise);
    const MsTensor params = paramsOf(kCoefficients);
    MsTensor clean = floatTensor({kBatch, kChannels, kPlane}), next = floatTensor({kBatch, kChannels, kPlane});
    ASSERT_EQ(cpu::diffusionStep(&context, &prediction, &state, &drawn, &params, &clean, &next), MS_OK) << context.error;
    for (int64_t b = 0; b < kBatch; ++b)
        for (int64_t i = 0; i < kChannels * kPlane; ++i) {
            const size_t at = static_cast<size_t>(b * kChannels * kPlane + i);
            const size_t e = static_cast<size_t>(b * 2 * kChannels * kPlane + i), v = e + kChannels * kPlane;
            // Ten roundings of terms that stay below 8; the exponent's own rounding (of up to 5) is magnified by 1.
            EXPECT_NEAR(clean.f32()[at], reference::diffusionClean<double>(kCoefficients, predicted[e], z[at]), 8 * 0x1p-22);
            EXPECT_NEAR(next.f32()[at],
                        reference::diffusionNext<double>(kCoefficients, predicted[e], predicted[v], z[at], noise[at]), 8 * 0x1p-22);
        }
}

TEST(DiffusionStep, UsesTheLowVarianceWhereNoneIsLearned) {
    MsContext context(1);
    const MsTensor prediction = floatTensor({1, 1, 1}, std::vector<float>{0.0f}), z = floatTensor({1, 1, 1}, std::vector<float>{0.0f});
    const MsTensor noise = floatTensor({1, 1, 1}, std::vector<float>{1.0f}), params = paramsOf(kCoefficients);
    MsTensor clean = floatTensor({1, 1, 1}), next = floatTensor({1, 1, 1});
    ASSERT_EQ(cpu::diffusionStep(&context, &prediction, &z, &noise, &params, &clean, &next), MS_OK) << context.error;
    EXPECT_NEAR(next.f32()[0], std::exp(-2.5), 1e-7);
}

TEST(DiffusionStep, AddsNothingWithoutNoise) {
    MsContext context(1);
    const MsTensor prediction = floatTensor({1, 2, 1}, std::vector<float>{2.0f, 9.0f});
    const MsTensor z = floatTensor({1, 1, 1}, std::vector<float>{4.0f}), params = paramsOf(kCoefficients);
    MsTensor clean = floatTensor({1, 1, 1}), next = floatTensor({1, 1, 1});
    ASSERT_EQ(cpu::diffusionStep(&context, &prediction, &z, nullptr, &params, &clean, &next), MS_OK) << context.error;
    EXPECT_EQ(clean.f32()[0], 4.5f);                                  // 1.5 * 4 - 0.75 * 2
    EXPECT_EQ(next.f32()[0], 0.25f * 4.5f + 0.5f * 4 + 0.125f * 2);
}

TEST(DiffusionStep, RefusesWhatDoesNotFit) {
    MsContext context(1);
    const MsTensor z = floatTensor({2, 4, 3}), params = floatTensor({8});
    MsTensor clean = floatTensor({2, 4, 3}), next = floatTensor({2, 4, 3});
    const MsTensor between = floatTensor({2, 6, 3}), fits = floatTensor({2, 8, 3}), shortParams = floatTensor({7});
    EXPECT_EQ(cpu::diffusionStep(&context, &between, &z, nullptr, &params, &clean, &next), MS_INVALID) << "4 and 2 channels";
    EXPECT_EQ(cpu::diffusionStep(&context, &fits, &z, nullptr, &shortParams, &clean, &next), MS_INVALID);
    EXPECT_EQ(cpu::diffusionStep(&context, &fits, &z, nullptr, &params, &clean, &clean), MS_INVALID) << "one tensor for both";
}

}  // namespace
}  // namespace moescope
