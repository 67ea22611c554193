// SPDX-License-Identifier: GPL-3.0-or-later
// The operations of networks over pictures of several resolutions, and batches of pictures, against the reference in double and against single pictures.
#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/reference/picture_network.h"
#include "tests/engine/cpu/packed_weights.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

template <class Body>
void atEveryLevel(Body&& body) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        body();
    }
}

TEST(PictureNetworkOps, GatesWithTheExactGelu) {
    atEveryLevel([] {
        MsContext context(2);
        for (const int64_t width : {1, 15, 16, 17, 5000}) {
            const auto values = spread(3 * 2 * width, 4, 9.0f);
            const MsTensor x = floatTensor({3, 2 * width}, values);
            MsTensor out = floatTensor({3, width});
            ASSERT_EQ(cpu::geglu(&context, &x, &out), MS_OK) << context.error;
            const auto expected = reference::geglu(wide(3, 2 * width, values));
            // Some six roundings, and the exponent x^2/2 rounds with its own size.
            for (int64_t row = 0; row < 3; ++row)
                for (int64_t i = 0; i < width; ++i) {
                    const double gate = values[static_cast<size_t>(row * 2 * width + width + i)],
                                 wanted = expected(row, i);
                    ASSERT_NEAR(out.f32()[row * width + i], wanted, (10 + gate * gate) * 0x1p-24 * std::abs(wanted))
                        << gate;
                }
        }
    });
}

TEST(PictureNetworkOps, GeluIsZeroAndTheIdentityAtTheEndsOfTheRange) {
    atEveryLevel([] {
        MsContext context(1);
        const MsTensor x = floatTensor(
            {4, 2}, std::vector<float>{1, -200.0f, 1, 0.0f, 1, 200.0f, 1, std::numeric_limits<float>::quiet_NaN()});
        MsTensor out = floatTensor({4, 1});
        ASSERT_EQ(cpu::geglu(&context, &x, &out), MS_OK) << context.error;
        EXPECT_EQ(out.f32()[0], 0.0f);
        EXPECT_EQ(out.f32()[1], 0.0f);
        EXPECT_EQ(out.f32()[2], 200.0f);
        EXPECT_TRUE(std::isnan(out.f32()[3]));
    });
}

TEST(PictureNetworkOps, CrossAttentionFollowsTheReferenceAtOddShapes) {
    struct Case {
        int64_t samples, heads, d, queries, keys;
    };
    atEveryLevel([] {
        MsContext context(2);
        for (const Case& c : {Case{1, 1, 4, 1, 1}, Case{2, 3, 8, 9, 7}, Case{2, 2, 20, 61, 77}, Case{3, 1, 40, 5, 529},
                              Case{1, 8, 160, 64, 77}, Case{2, 2, 1, 13, 3}}) {
            const int64_t width = c.heads * c.d;
            const auto qs = spread(c.samples * c.queries * width, 1), kvs = spread(c.samples * c.keys * 2 * width, 2);
            const MsTensor q = floatTensor({c.samples * c.queries, width}, qs),
                           kv = floatTensor({c.samples * c.keys, 2 * width}, kvs);
            MsTensor out = floatTensor(q.shape);
            ASSERT_EQ(cpu::crossAttention(&context, &q, &kv, c.samples, c.heads, &out), MS_OK) << context.error;
            const auto expected = reference::crossAttention(wide(q.dim(0), width, qs), wide(kv.dim(0), 2 * width, kvs),
                                                            c.samples, c.heads);
            // As self-attention: 2^-24 sqrt(d) times a score of up to about 10, averaged over the keys.
            EXPECT_LE(relativeDifference(valuesOf(out), expected.data), 3e-6)
                << c.samples << " " << c.heads << " " << c.d;
        }
    });
}

TEST(PictureNetworkOps, CrossAttentionOverAPicturesOwnTokensIsSelfAttention) {
    MsContext context(2);
    const int64_t samples = 2, tokens = 50, width = 24, heads = 3;
    const auto values = spread(samples * tokens * 3 * width, 5);
    const MsTensor qkv = floatTensor({samples * tokens, 3 * width}, values);
    MsTensor q = floatTensor({samples * tokens, width}), kv = floatTensor({samples * tokens, 2 * width});
    for (int64_t row = 0; row < samples * tokens; ++row) {
        std::copy_n(qkv.f32() + row * 3 * width, width, q.f32() + row * width);
        std::copy_n(qkv.f32() + row * 3 * width + width, 2 * width, kv.f32() + row * 2 * width);
    }
    MsTensor cross = floatTensor(q.shape), self = floatTensor(q.shape);
    MsAttentionDesc desc{};
    desc.size = sizeof desc;
    desc.samples = samples;
    desc.heads = heads;
    ASSERT_EQ(cpu::attention(&context, &qkv, &desc, &self), MS_OK) << context.error;
    ASSERT_EQ(cpu::crossAttention(&context, &q, &kv, samples, heads, &cross), MS_OK) << context.error;
    EXPECT_EQ(valuesOf(cross), valuesOf(self));
}

TEST(PictureNetworkOps, WavesTakeTheirOrderAndFrequencies) {
    MsContext context(1);
    const std::vector<float> times{0.0f, 1.5f, 999.0f}, rates{1.0f, 0.25f, 0.001f};
    const MsTensor t = floatTensor({3}, times), f = floatTensor({3}, rates);
    MsTensor out = floatTensor({3, 6});
    for (const bool sinFirst : {false, true}) {
        ASSERT_EQ(cpu::waves(&context, &t, &f, sinFirst, &out), MS_OK) << context.error;
        const auto expected = reference::waves<double>({0.0, 1.5, 999.0}, {1.0, 0.25, 0.001}, sinFirst);
        // The angle of 999 and the rate 0.001 are rounded to fp32: 2^-24 of an angle of up to 999.
        EXPECT_LE(relativeDifference(valuesOf(out), expected.data), 999 * 0x1p-23);
    }
    EXPECT_EQ(out.f32()[0], 0.0f);
    EXPECT_EQ(out.f32()[3], 1.0f);
}

TEST(PictureNetworkOps, RowsGoToTheirSampleAndColumnsSideBySide) {
    MsContext context(2);
    const int64_t samples = 3, each = 700, width = 33;
    const auto xs = spread(samples * each * width, 6), rows = spread(samples * width, 7),
               more = spread(samples * each * 5, 8);
    MsTensor x = floatTensor({samples * each, width}, xs);
    const MsTensor added = floatTensor({samples, width}, rows), right = floatTensor({samples * each, 5}, more);
    MsTensor joined = floatTensor({samples * each, width + 5});
    ASSERT_EQ(cpu::concatColumns(&context, &x, &right, &joined), MS_OK) << context.error;
    const auto side = reference::concatColumns(wide(samples * each, width, xs), wide(samples * each, 5, more));
    EXPECT_EQ(relativeDifference(valuesOf(joined), side.data), 0.0);
    ASSERT_EQ(cpu::addPerSample(&context, &x, &added), MS_OK) << context.error;
    const auto sum = reference::addPerSample(wide(samples * each, width, xs), wide(samples, width, rows));
    EXPECT_LE(relativeDifference(valuesOf(x), sum.data), 0x1p-24);
}

TEST(PictureNetworkOps, ConvolvesEachPictureOfABatchAsIfAlone) {
    MsContext context(2);
    const int64_t samples = 3, height = 7, width = 5, channels = 6, out = 11;
    const auto xs = spread(samples * height * width * channels, 9);
    for (const int64_t kernel : {1, 3})
        for (const int64_t stride : {1, 2})
            for (const int64_t upsample : {1, 2})
                for (const int64_t strip : {0, 2}) {
                    const cpu::Weights weights(context, channels * kernel * kernel, out, 1, MS_F32, MS_LINEAR_PLAIN,
                                               true, 10);
                    MsConvDesc desc{};
                    desc.size = sizeof desc;
                    desc.height = height;
                    desc.width = width;
                    desc.kernel = kernel;
                    desc.stride = stride;
                    desc.upsample = upsample;
                    desc.padTop = desc.padLeft = desc.padBottom = desc.padRight = kernel / 2;
                    desc.stripRows = strip;
                    const int64_t outHeight = (height * upsample - 1) / stride + 1,
                                  outWidth = (width * upsample - 1) / stride + 1;
                    const int64_t in = height * width * channels, made = outHeight * outWidth * out;
                    const MsTensor batch = floatTensor({samples * height * width, channels}, xs);
                    MsTensor all = floatTensor({samples * outHeight * outWidth, out});
                    desc.samples = samples;
                    ASSERT_EQ(cpu::conv2d(&context, &batch, weights.linear, &desc, &all), MS_OK) << context.error;
                    desc.samples = 0;
                    for (int64_t sample = 0; sample < samples; ++sample) {
                        const MsTensor one =
                            floatTensor({height * width, channels},
                                        std::vector<float>(xs.begin() + sample * in, xs.begin() + (sample + 1) * in));
                        MsTensor alone = floatTensor({outHeight * outWidth, out});
                        ASSERT_EQ(cpu::conv2d(&context, &one, weights.linear, &desc, &alone), MS_OK) << context.error;
                        EXPECT_TRUE(std::equal(alone.f32(), alone.f32() + made, all.f32() + sample * made))
                            << kernel << " " << stride << " " << upsample << " sample " << sample;
                    }
                }
}

TEST(PictureNetworkOps, NormalisesEachPictureOfABatchAsIfAlone) {
    MsContext context(2);
    const int64_t samples = 3, pixels = 300, channels = 12, each = pixels * channels;
    auto xs = spread(samples * each, 11);
    for (int64_t i = 0; i < each; ++i) xs[static_cast<size_t>(i)] += 5.0f;  // other statistics than its neighbours
    const MsTensor weight = floatTensor({channels}, spread(channels, 12)),
                   bias = floatTensor({channels}, spread(channels, 13));
    const MsTensor batch = floatTensor({samples, pixels, channels}, xs);
    MsTensor all = floatTensor(batch.shape);
    ASSERT_EQ(cpu::groupNorm(&context, &batch, 4, 1e-5f, &weight, &bias, MS_ACT_SILU, &all), MS_OK) << context.error;
    for (int64_t sample = 0; sample < samples; ++sample) {
        const MsTensor one = floatTensor(
            {pixels, channels}, std::vector<float>(xs.begin() + sample * each, xs.begin() + (sample + 1) * each));
        MsTensor alone = floatTensor(one.shape);
        ASSERT_EQ(cpu::groupNorm(&context, &one, 4, 1e-5f, &weight, &bias, MS_ACT_SILU, &alone), MS_OK)
            << context.error;
        EXPECT_TRUE(std::equal(alone.f32(), alone.f32() + each, all.f32() + sample * each)) << sample;
    }
}

TEST(PictureNetworkOps, ShapesThatDoNotFitGetASentence) {
    MsContext context(1);
    MsTensor q = floatTensor({4, 6}), kv = floatTensor({3, 12}), out = floatTensor({4, 6});
    EXPECT_EQ(cpu::crossAttention(&context, &q, &kv, 2, 2, &out), MS_INVALID);
    EXPECT_EQ(context.error, "[cross_attention] expected fp32 keys and values [2 * T, 12], got [3, 12]");
    EXPECT_EQ(cpu::crossAttention(&context, &q, &kv, 1, 4, &out), MS_INVALID);
    EXPECT_EQ(cpu::crossAttention(&context, &q, &kv, 1, 2, &q), MS_INVALID);
    EXPECT_EQ(cpu::concatColumns(&context, &q, &kv, &out), MS_INVALID);
    EXPECT_EQ(context.error, "[concat_columns] expected fp32 tensors of equally many rows, got [4, 6] and [3, 12]");
    EXPECT_EQ(cpu::addPerSample(&context, &q, &kv), MS_INVALID);
    MsTensor odd = floatTensor({2, 5});
    EXPECT_EQ(cpu::geglu(&context, &odd, &out), MS_INVALID);
    EXPECT_EQ(cpu::waves(&context, &q, &q, 0, &out), MS_INVALID);
}

}  // namespace
}  // namespace moescope
