// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/reference/activation.h"
#include "engine/reference/norm.h"
#include "engine/reference/sampling.h"
#include "tests/engine/cpu/packed_weights.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

TEST(CpuElementwise, ActivationsFollowTheirFormulas) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        for (int64_t count : {1, 15, 16, 17, 70001}) {
            const auto values = spread(count, 1, 12.0f);
            const MsTensor x = floatTensor({count}, values);
            MsTensor out = floatTensor({count});
            ASSERT_EQ(cpu::activate(&context, &x, MS_ACT_SILU, &out), MS_OK) << context.error;
            // A handful of fp32 roundings (exponential, sum, quotient, product), each relative to the result.
            for (int64_t i = 0; i < count; ++i) {
                const double expected = reference::silu(static_cast<double>(values[static_cast<size_t>(i)]));
                ASSERT_NEAR(out.f32()[i], expected, 8 * 0x1p-24 * std::abs(expected)) << values[static_cast<size_t>(i)];
            }
            ASSERT_EQ(cpu::activate(&context, &x, MS_ACT_GELU_TANH, &out), MS_OK) << context.error;
            // The rounding of the argument u of the tanh is magnified by |2 u| in the exponential, whose weight
            // vanishes with it.
            for (int64_t i = 0; i < count; ++i) {
                const double v = values[static_cast<size_t>(i)], expected = reference::geluTanh(v);
                ASSERT_NEAR(out.f32()[i], expected, 1e-6 * std::max(1.0, std::abs(v))) << v;
            }
        }
    }
}

TEST(CpuElementwise, ActivationsStayFiniteAtTheEndsOfTheRange) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(1);
        const std::vector<float> values = {-3e38f, -200.0f, -104.0f, -88.0f, -0.0f, 0.0f, 88.0f, 104.0f, 200.0f};
        MsTensor x = floatTensor({9}, values);
        ASSERT_EQ(cpu::activate(&context, &x, MS_ACT_SILU, &x), MS_OK) << context.error;
        for (int64_t i = 0; i < 9; ++i)
            EXPECT_NEAR(x.f32()[i], std::max(0.0f, values[static_cast<size_t>(i)]), 1e-35)
                << values[static_cast<size_t>(i)];
    }
}

TEST(CpuElementwise, AnActivatedElementIsTheSameWhereverItLies) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(1);
        const auto values = spread(67, 2, 6.0f);
        const MsTensor x = floatTensor({67}, values);
        MsTensor out = floatTensor({67});
        for (MsActivation activation : {MS_ACT_SILU, MS_ACT_GELU_TANH}) {
            ASSERT_EQ(cpu::activate(&context, &x, activation, &out), MS_OK);
            for (size_t i = 0; i < values.size(); ++i) {
                MsTensor alone = floatTensor({1}, std::vector<float>{values[i]});
                ASSERT_EQ(cpu::activate(&context, &alone, activation, &alone), MS_OK);
                ASSERT_EQ(alone.f32()[0], out.f32()[i]) << i;
            }
        }
    }
}

TEST(CpuElementwise, SumsMeansAndStepsRoundLikeTheirFormulas) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        const int64_t count = 40001;
        const auto a = spread(count, 3), b = spread(count, 4);
        const MsTensor x = floatTensor({count}, a), y = floatTensor({count}, b),
                       dt = floatTensor({1}, std::vector<float>{0.04f});
        MsTensor sum = floatTensor({count}), mean = floatTensor({count}), moved = floatTensor({count});
        ASSERT_EQ(cpu::add(&context, &x, &y, &sum), MS_OK) << context.error;
        ASSERT_EQ(cpu::mean(&context, &x, &y, &mean), MS_OK) << context.error;
        ASSERT_EQ(cpu::advance(&context, &x, &y, &dt, &moved), MS_OK) << context.error;
        for (size_t i = 0; i < a.size(); ++i) {
            const volatile float product = 0.04f * b[i];
            ASSERT_EQ(sum.f32()[i], a[i] + b[i]);
            ASSERT_EQ(mean.f32()[i], 0.5f * (a[i] + b[i]));
            ASSERT_EQ(moved.f32()[i], a[i] + product);
        }
    }
}

TEST(CpuElementwise, OperationsMayWriteOverTheirInput) {
    MsContext context(1);
    MsTensor x = floatTensor({3}, std::vector<float>{1, 2, 3});
    ASSERT_EQ(cpu::add(&context, &x, &x, &x), MS_OK);
    EXPECT_EQ(valuesOf(x), (std::vector<float>{2, 4, 6}));
    const MsTensor half = floatTensor({1}, std::vector<float>{0.5f});
    ASSERT_EQ(cpu::advance(&context, &x, &x, &half, &x), MS_OK);
    EXPECT_EQ(valuesOf(x), (std::vector<float>{3, 6, 9}));
}

TEST(CpuElementwise, GatesBelongToTheSampleOfTheRow) {
    MsContext context(2);
    const int64_t samples = 3, tokens = 7, width = 45;
    const auto x = spread(samples * tokens * width, 5), y = spread(samples * tokens * width, 6);
    const auto m = spread(samples * 6 * width, 7);
    MsTensor target = floatTensor({samples * tokens, width}, x);
    const MsTensor source = floatTensor({samples * tokens, width}, y),
                   modulation = floatTensor({samples, 6 * width}, m);
    ASSERT_EQ(cpu::gatedAdd(&context, &target, &source, &modulation, 5), MS_OK) << context.error;
    const auto expected = reference::gatedAdd(wide(21, width, x), wide(21, width, y), wide(samples, 6 * width, m), 5);
    // The product and the sum are rounded once each.
    EXPECT_LE(relativeDifference(valuesOf(target), expected.data), 2 * 0x1p-24);
    EXPECT_EQ(cpu::gatedAdd(&context, &target, &source, &modulation, 6), MS_INVALID);
    EXPECT_EQ(context.error, "[gated_add] expected chunk 6 of width 45 inside the modulation, got [3, 270]");
}

TEST(CpuElementwise, GuidanceUsesTheFirstChannelsOfBothBranches) {
    MsContext context(2);
    const int64_t batch = 2, channels = 3, extra = 5, pixels = 11 * 13;
    const auto p = spread(2 * batch * extra * pixels, 8), zs = spread(batch * channels * pixels, 9);
    const MsTensor prediction = floatTensor({2 * batch, extra, 11, 13}, p),
                   z = floatTensor({batch, channels, 11, 13}, zs);
    MsTensor velocity = floatTensor({batch, channels, 11, 13});
    for (float kind : {0.0f, 1.0f}) {
        const MsTensor params = floatTensor({3}, std::vector<float>{kind, 0.25f, 2.5f});
        ASSERT_EQ(cpu::guidedVelocity(&context, &prediction, &z, &params, &velocity), MS_OK) << context.error;
        const auto expected = reference::guidedVelocity(wide(2 * batch, extra * pixels, p),
                                                        wide(batch, channels * pixels, zs), kind == 1.0f, 0.25, 2.5);
        // Five roundings, of values up to about three times the largest result.
        EXPECT_LE(relativeDifference(valuesOf(velocity), expected.data), 1e-6) << kind;
    }
}

TEST(CpuElementwise, OneBranchIsTheVelocityItself) {
    MsContext context(1);
    const MsTensor prediction = floatTensor({1, 2, 2}, std::vector<float>{1, 2, 3, 4});
    const MsTensor z = floatTensor({1, 1, 2}, std::vector<float>{0, 1});
    MsTensor velocity = floatTensor({1, 1, 2});
    MsTensor params = floatTensor({3}, std::vector<float>{0, 0.5f, 7});
    ASSERT_EQ(cpu::guidedVelocity(&context, &prediction, &z, &params, &velocity), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(velocity), (std::vector<float>{1, 2}));
    params.f32()[0] = 1;
    ASSERT_EQ(cpu::guidedVelocity(&context, &prediction, &z, &params, &velocity), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(velocity), (std::vector<float>{2, 2}));
    params.f32()[0] = 2;
    EXPECT_EQ(cpu::guidedVelocity(&context, &prediction, &z, &params, &velocity), MS_INVALID);
}

TEST(CpuElementwise, ARepeatedBatchHoldsItsInputTwice) {
    MsContext context(2);
    const auto values = spread(3 * 20000, 10);
    const MsTensor z = floatTensor({3, 20000}, values);
    MsTensor out = floatTensor({6, 20000});
    ASSERT_EQ(cpu::repeatBatch(&context, &z, &out), MS_OK) << context.error;
    auto expected = values;
    expected.insert(expected.end(), values.begin(), values.end());
    EXPECT_EQ(valuesOf(out), expected);
    EXPECT_EQ(cpu::repeatBatch(&context, &out, &out), MS_INVALID);
}

TEST(CpuElementwise, ACancelledContextComputesNothingMore) {
    MsContext context(2);
    context.poll = [](void*) { return 1; };
    MsTensor x = floatTensor({4}, std::vector<float>{1, 2, 3, 4});
    EXPECT_EQ(cpu::add(&context, &x, &x, &x), MS_CANCELLED);
    EXPECT_EQ(valuesOf(x), (std::vector<float>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace moescope
