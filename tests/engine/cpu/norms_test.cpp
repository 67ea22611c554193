// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/reference/norm.h"
#include "tests/engine/cpu/packed_weights.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

// Sums of n squares in fp32 partial sums stay within a few ulp of the exact sum; the root halves that; four roundings
// follow.
constexpr double kTolerance = 1e-6;

TEST(CpuModulatedNorm, LayerNormWithShiftAndScaleOfTheSample) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        for (int64_t width : {1, 7, 16, 40, 63, 64, 384, 1153}) {
            const int64_t samples = 3, tokens = 5;
            const auto x = spread(samples * tokens * width, 1), m = spread(samples * 6 * width, 2);
            const MsTensor in = floatTensor({samples * tokens, width}, x),
                           modulation = floatTensor({samples, 6 * width}, m);
            MsTensor out = floatTensor({samples * tokens, width});
            ASSERT_EQ(cpu::modulatedNorm(&context, &in, MS_NORM_LAYER, 1e-6f, nullptr, &modulation, 3, 4, &out), MS_OK)
                << context.error;
            const auto expected = reference::modulate(reference::layerNorm(wide(samples * tokens, width, x), 1e-6),
                                                      wide(samples, 6 * width, m), 3, 4);
            EXPECT_LE(relativeDifference(valuesOf(out), expected.data), kTolerance) << width;
        }
    }
}

TEST(CpuModulatedNorm, RmsNormWithWeightsAloneOrWithOneChunk) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        for (int64_t width : {1, 20, 48, 97, 768}) {
            const auto x = spread(6 * width, 3), w = spread(width, 4), m = spread(2 * 2 * width, 5);
            const MsTensor in = floatTensor({6, width}, x), weight = floatTensor({width}, w);
            const MsTensor modulation = floatTensor({2, 2 * width}, m);
            MsTensor out = floatTensor({6, width});
            const auto normed = reference::rmsNorm(wide(6, width, x), std::vector<double>(w.begin(), w.end()), 1e-6);
            ASSERT_EQ(cpu::modulatedNorm(&context, &in, MS_NORM_RMS, 1e-6f, &weight, nullptr, -1, -1, &out), MS_OK)
                << context.error;
            EXPECT_LE(relativeDifference(valuesOf(out), normed.data), kTolerance) << width;
            for (int chunk : {0, 1}) {
                ASSERT_EQ(cpu::modulatedNorm(&context, &in, MS_NORM_RMS, 1e-6f, &weight, &modulation, chunk ? -1 : 1,
                                             chunk ? 1 : -1, &out),
                          MS_OK)
                    << context.error;
                const auto expected =
                    reference::modulate(normed, wide(2, 2 * width, m), chunk ? -1 : 1, chunk ? 1 : -1);
                EXPECT_LE(relativeDifference(valuesOf(out), expected.data), kTolerance) << width;
            }
        }
    }
}

TEST(CpuModulatedNorm, ALargeMeanDoesNotEatTheVariance) {
    MsContext context(1);
    auto x = spread(100, 6, 0.5f);
    for (float& value : x) value += 1000.0f;
    const MsTensor in = floatTensor({1, 100}, x);
    MsTensor out = floatTensor({1, 100});
    ASSERT_EQ(cpu::modulatedNorm(&context, &in, MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, &out), MS_OK);
    EXPECT_LE(relativeDifference(valuesOf(out), reference::layerNorm(wide(1, 100, x), 1e-6).data), kTolerance);
}

TEST(CpuModulatedNorm, RowsNearZeroAreRuledByEps) {
    MsContext context(1);
    const auto x = spread(64, 7, 1e-4f);
    const MsTensor in = floatTensor({1, 64}, x);
    MsTensor out = floatTensor({1, 64});
    for (MsNorm norm : {MS_NORM_LAYER, MS_NORM_RMS}) {
        ASSERT_EQ(cpu::modulatedNorm(&context, &in, norm, 1e-6f, nullptr, nullptr, -1, -1, &out), MS_OK);
        const auto expected = norm == MS_NORM_LAYER ? reference::layerNorm(wide(1, 64, x), 1e-6)
                                                    : reference::rmsNorm<double>(wide(1, 64, x), {}, 1e-6);
        EXPECT_LE(relativeDifference(valuesOf(out), expected.data), kTolerance);
    }
}

TEST(CpuModulatedNorm, ARowKeepsItsBitsInAnyBatchAndWithAnyThreads) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        const int64_t rows = 3000, width = 52;
        const auto x = spread(rows * width, 8);
        const MsTensor in = floatTensor({rows, width}, x);
        MsTensor out = floatTensor({rows, width}), other = floatTensor({rows, width});
        MsContext one(1), three(3);
        ASSERT_EQ(cpu::modulatedNorm(&one, &in, MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, &out), MS_OK);
        ASSERT_EQ(cpu::modulatedNorm(&three, &in, MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, &other), MS_OK);
        EXPECT_EQ(valuesOf(out), valuesOf(other));
        for (int64_t row : {0, 1, 1777, 2999}) {
            const std::vector<float> own(x.begin() + row * width, x.begin() + (row + 1) * width);
            const MsTensor alone = floatTensor({1, width}, own);
            MsTensor result = floatTensor({1, width});
            ASSERT_EQ(cpu::modulatedNorm(&one, &alone, MS_NORM_LAYER, 1e-6f, nullptr, nullptr, -1, -1, &result), MS_OK);
            EXPECT_TRUE(std::equal(result.f32(), result.f32() + width, out.f32() + row * width)) << row;
        }
    }
}

TEST(CpuModulatedNorm, ShapesThatDoNotFitGetASentence) {
    MsContext context(1);
    const MsTensor x = floatTensor({6, 8}), modulation = floatTensor({4, 16}), weight = floatTensor({7});
    MsTensor out = floatTensor({6, 8});
    EXPECT_EQ(cpu::modulatedNorm(&context, &x, MS_NORM_LAYER, 1e-6f, &weight, nullptr, -1, -1, &out), MS_INVALID);
    EXPECT_EQ(context.error, "[modulated_norm] expected fp32 weights [8], got [7]");
    EXPECT_EQ(cpu::modulatedNorm(&context, &x, MS_NORM_LAYER, 1e-6f, nullptr, &modulation, 0, 1, &out), MS_INVALID);
    EXPECT_EQ(cpu::modulatedNorm(&context, &x, MS_NORM_LAYER, 1e-6f, nullptr, nullptr, 0, -1, &out), MS_INVALID);
}

}  // namespace
}  // namespace moescope
