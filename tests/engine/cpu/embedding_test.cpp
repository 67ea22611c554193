// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/reference/embedding.h"

#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/reference/patch.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

reference::Pictures<double> pictures(int64_t b, int64_t c, int64_t h, int64_t w, const std::vector<float>& values) {
    reference::Pictures<double> image(b, c, h, w);
    image.data.assign(values.begin(), values.end());
    return image;
}

TEST(CpuEmbedding, PatchesLieChannelFirstAndMoveNoBit) {
    MsContext context(2);
    for (int64_t patch : {1, 2, 3, 16}) {
        const int64_t h = 3 * patch, w = 5 * patch;
        const auto values = spread(2 * 3 * h * w, 1);
        const MsTensor image = floatTensor({2, 3, h, w}, values);
        MsTensor tokens = floatTensor({2 * 15, 3 * patch * patch});
        ASSERT_EQ(cpu::patchify(&context, &image, patch, &tokens), MS_OK) << context.error;
        EXPECT_EQ(relativeDifference(valuesOf(tokens), reference::patchify(pictures(2, 3, h, w, values), patch).data),
                  0.0);
    }
}

TEST(CpuEmbedding, UnpatchedTokensLieChannelLast) {
    MsContext context(2);
    // One token of 2 x 2 pixels and 2 channels: (p, q, c).
    const MsTensor tokens = floatTensor({1, 8}, std::vector<float>{1, 10, 2, 20, 3, 30, 4, 40});
    MsTensor image = floatTensor({1, 2, 2, 2});
    ASSERT_EQ(cpu::unpatchify(&context, &tokens, 2, &image), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(image), (std::vector<float>{1, 2, 3, 4, 10, 20, 30, 40}));

    const auto values = spread(3 * 4 * 7 * 9 * 5, 2);
    const MsTensor many = floatTensor({3 * 4 * 7, 9 * 5}, values);
    MsTensor large = floatTensor({3, 5, 12, 21});
    ASSERT_EQ(cpu::unpatchify(&context, &many, 3, &large), MS_OK) << context.error;
    EXPECT_EQ(relativeDifference(valuesOf(large), reference::unpatchify(wide(84, 45, values), 3, 3, 4, 7).data), 0.0);
}

TEST(CpuEmbedding, PicturesThatPatchesDoNotCoverAreRefused) {
    MsContext context(1);
    const MsTensor image = floatTensor({1, 1, 4, 5});
    MsTensor tokens = floatTensor({4, 4});
    EXPECT_EQ(cpu::patchify(&context, &image, 2, &tokens), MS_INVALID);
    EXPECT_EQ(context.error,
              "[patchify] expected a height and width that are multiples of the patch 2, got [1, 1, 4, 5]");
    EXPECT_EQ(cpu::patchify(&context, &image, 0, &tokens), MS_INVALID);
}

TEST(CpuEmbedding, WavesAreCosinesThenSinesAndAnOddColumnIsZero) {
    MsContext context(2);
    const std::vector<float> t = {0.0f, 0.001f, 0.3f, 1.0f};
    const MsTensor times = floatTensor({4}, t);
    for (int64_t width : {1, 2, 7, 64, 256}) {
        MsTensor out = floatTensor({4, width});
        ASSERT_EQ(cpu::timestepWaves(&context, &times, 10000.0f, &out), MS_OK) << context.error;
        // Angles are at most 1: the rate is rounded twice and the angle once, each by 2^-24, and the result once more.
        const auto expected = reference::timestepWaves(std::vector<double>(t.begin(), t.end()), 10000.0, width);
        for (size_t i = 0; i < expected.data.size(); ++i) ASSERT_NEAR(out.f32()[i], expected.data[i], 1e-6) << width;
    }
}

TEST(CpuEmbedding, RowsAreGatheredAndWrongIndicesRefused) {
    MsContext context(2);
    const auto values = spread(5 * 33, 3);
    const MsTensor table = floatTensor({5, 33}, values);
    MsTensor index = indexTensor({4, 0, 4});
    MsTensor out = floatTensor({3, 33});
    ASSERT_EQ(cpu::gatherRows(&context, &table, &index, &out), MS_OK) << context.error;
    EXPECT_EQ(relativeDifference(valuesOf(out), reference::gatherRows(wide(5, 33, values), {4, 0, 4}).data), 0.0);
    index.i32()[1] = 5;
    EXPECT_EQ(cpu::gatherRows(&context, &table, &index, &out), MS_INVALID);
    EXPECT_EQ(context.error, "[gather_rows] expected an index below 5, got 5 at place 1");
}

TEST(CpuEmbedding, TableRowsAreAddedToEverySample) {
    MsContext context(2);
    const auto x = spread(3 * 4 * 19, 4), rows = spread(4 * 19, 5);
    MsTensor target = floatTensor({12, 19}, x);
    const MsTensor table = floatTensor({4, 19}, rows);
    ASSERT_EQ(cpu::addRows(&context, &target, &table), MS_OK) << context.error;
    // One rounding to fp32.
    EXPECT_LE(relativeDifference(valuesOf(target), reference::addRows(wide(12, 19, x), wide(4, 19, rows)).data),
              0x1p-24);
    const MsTensor uneven = floatTensor({5, 19});
    EXPECT_EQ(cpu::addRows(&context, &target, &uneven), MS_INVALID);
}

TEST(CpuEmbedding, LeadTokensStandInFrontAndAreDroppedAgain) {
    MsContext context(2);
    const int64_t samples = 3, own = 5, lead = 2, width = 17;
    const auto x = spread(samples * own * width, 6), e = spread(samples * width, 7), p = spread(lead * width, 8);
    const MsTensor tokens = floatTensor({samples * own, width}, x), embedding = floatTensor({samples, width}, e);
    const MsTensor position = floatTensor({lead, width}, p);
    MsTensor all = floatTensor({samples * (lead + own), width}), back = floatTensor({samples * own, width});
    ASSERT_EQ(cpu::prependTokens(&context, &tokens, &embedding, &position, &all), MS_OK) << context.error;
    const auto expected =
        reference::prependTokens(wide(samples * own, width, x), wide(samples, width, e), wide(lead, width, p));
    EXPECT_LE(relativeDifference(valuesOf(all), expected.data), 0x1p-24);
    ASSERT_EQ(cpu::dropLeadTokens(&context, &all, samples, &back), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(back), x);
    EXPECT_EQ(cpu::dropLeadTokens(&context, &all, 4, &back), MS_INVALID);
}

}  // namespace
}  // namespace moescope
