// SPDX-License-Identifier: GPL-3.0-or-later
// Packing of weights: any order of rows, rounding to bf16, what is refused, what is held.
#include <algorithm>
#include <limits>

#include "tests/engine/cpu/packed_weights.h"

namespace moescope::cpu {
namespace {

MsLinear* create(MsContext& context, int64_t in, int64_t out, int64_t count, MsDType storage, MsLinearLayout layout) {
    MsLinearDesc desc{sizeof desc, in, out, count, storage, layout, 1};
    MsLinear* linear = nullptr;
    EXPECT_EQ(linearCreate(&context, &desc, &linear), MS_OK);
    return linear;
}

TEST(LinearWeights, OrderAndSizeOfThePiecesDoNotMatter) {
    MsContext context(2);
    for (const MsDType storage : {MS_F32, MS_BF16}) {
        for (const MsLinearLayout layout : {MS_LINEAR_PLAIN, MS_LINEAR_GATED}) {
            const int64_t in = 45, out = 151, rows = layout == MS_LINEAR_GATED ? 2 * out : out;
            const auto values = randomFloats(static_cast<size_t>(rows * in), 1);
            MsLinear* whole = create(context, in, out, 1, storage, layout);
            ASSERT_EQ(linearLoadRows(&context, whole, 0, 0, rows, values.data()), MS_OK);
            for (const int64_t piece : {1, 7, 40, 200}) {
                MsLinear* pieces = create(context, in, out, 1, storage, layout);
                for (int64_t begin = (rows - 1) / piece * piece; begin >= 0; begin -= piece)  // last piece first
                    ASSERT_EQ(linearLoadRows(&context, pieces, 0, begin, std::min(piece, rows - begin),
                                             values.data() + begin * in),
                              MS_OK);
                EXPECT_EQ(std::memcmp(whole->panels.data(), pieces->panels.data(), whole->panels.size()), 0) << piece;
                linearDestroy(&context, pieces);
            }
            linearDestroy(&context, whole);
        }
    }
    EXPECT_EQ(context.bytesHeld, 0u);
}

TEST(LinearWeights, HoldTheRawSizePlusThePaddingToPanels) {
    MsContext context(1);
    MsLinear* f32 = create(context, 100, 64, 3, MS_F32, MS_LINEAR_PLAIN);
    EXPECT_EQ(linearBytes(f32), 3u * 64 * 100 * 4 + 3 * 64 * 4);
    EXPECT_EQ(context.bytesHeld, linearBytes(f32));
    MsLinear* bf16 = create(context, 100, 50, 2, MS_BF16, MS_LINEAR_GATED);  // 100 rows in 4 panels of 32
    EXPECT_EQ(linearBytes(bf16), 2u * 128 * 100 * 2 + 2 * 128 * 4);
    EXPECT_EQ(context.bytesHeld, linearBytes(f32) + linearBytes(bf16));
    linearDestroy(&context, f32);
    linearDestroy(&context, bf16);
    EXPECT_EQ(context.bytesHeld, 0u);
}

TEST(LinearWeights, RoundToBf16TiesToEvenAndKeepNanAndInfinity) {
    MsContext context(1);
    const float inf = std::numeric_limits<float>::infinity();
    // 1 + 2^-8 lies between 1 and 1 + 2^-7 (tie to the even 1); 1 + 3 2^-8 goes up; the largest float rounds to
    // infinity.
    const std::vector<float> given{
        1.00390625f, 1.01171875f, -1.00390625f, 3.0e-39f, inf, -inf, std::numeric_limits<float>::max(), -0.0f};
    const std::vector<float> expected{1.0f, 1.015625f, -1.0f, nearestBf16(3.0e-39f), inf, -inf, inf, -0.0f};
    const auto rows = static_cast<int64_t>(given.size());
    MsLinear* linear = create(context, 1, rows, 1, MS_BF16, MS_LINEAR_PLAIN);
    ASSERT_EQ(linearLoadRows(&context, linear, 0, 0, rows, given.data()), MS_OK);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto* words = reinterpret_cast<const uint32_t*>(linear->panels.data());
    for (size_t n = 0; n < given.size(); ++n) {
        const uint32_t bits = words[n] << 16;
        float value;
        std::memcpy(&value, &bits, 4);
        EXPECT_EQ(value, expected[n]);
        EXPECT_EQ(std::signbit(value), std::signbit(expected[n]));
    }
    ASSERT_EQ(linearLoadRows(&context, linear, 0, 3, 1, &nan), MS_OK);
    const uint32_t bits = words[3] << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    EXPECT_TRUE(std::isnan(value));
    linearDestroy(&context, linear);
}

TEST(LinearWeights, RefuseWhatDoesNotFit) {
    MsContext context(1);
    MsLinear* linear = nullptr;
    MsLinearDesc desc{sizeof desc, 0, 4, 1, MS_F32, MS_LINEAR_PLAIN, 0};
    EXPECT_EQ(linearCreate(&context, &desc, &linear), MS_INVALID);
    desc.in = int64_t{1} << 62;
    EXPECT_EQ(linearCreate(&context, &desc, &linear), MS_INVALID);
    desc.in = 8;
    desc.storage = MS_I32;
    EXPECT_EQ(linearCreate(&context, &desc, &linear), MS_INVALID);
    desc.storage = MS_F32;
    ASSERT_EQ(linearCreate(&context, &desc, &linear), MS_OK);
    const std::vector<float> rows(64);
    EXPECT_EQ(linearLoadRows(&context, linear, 1, 0, 1, rows.data()), MS_INVALID);
    EXPECT_EQ(linearLoadRows(&context, linear, 0, 3, 2, rows.data()), MS_INVALID);
    EXPECT_EQ(linearLoadRows(&context, linear, 0, -1, 1, rows.data()), MS_INVALID);
    EXPECT_EQ(linearLoadBias(&context, linear, 0, rows.data()), MS_INVALID);
    EXPECT_FALSE(context.error.empty());
    linearDestroy(&context, linear);
}

TEST(LinearLayer, ChecksShapesAndEqualsTheProduct) {
    MsContext context(2);
    const Weights weights(context, 20, 30, 1, MS_F32, MS_LINEAR_PLAIN, true, 1);
    const auto values = randomFloats(6 * 20, 2);
    MsTensor x, y, wrong;
    x.shape = {2, 3, 20};
    x.memory = AlignedBytes(values.size() * sizeof(float));
    std::memcpy(x.memory.data(), values.data(), values.size() * sizeof(float));
    y.shape = {6, 30};
    y.memory = AlignedBytes(6 * 30 * sizeof(float));
    wrong.shape = {6, 29};
    wrong.memory = AlignedBytes(6 * 29 * sizeof(float));
    ASSERT_EQ(linear(&context, &x, weights.linear, MS_ACT_SILU, &y), MS_OK);
    const std::vector<float> result(y.f32(), y.f32() + 6 * 30);
    EXPECT_TRUE(sameBytes(result, multiply(context, weights, values, 6, MS_ACT_SILU)));
    EXPECT_EQ(linear(&context, &x, weights.linear, MS_ACT_SILU, &wrong), MS_INVALID);
    EXPECT_EQ(linear(&context, &y, weights.linear, MS_ACT_SILU, &y), MS_INVALID);
}

}  // namespace
}  // namespace moescope::cpu
