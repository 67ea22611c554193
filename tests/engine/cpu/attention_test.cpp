// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/reference/attention.h"

#include <gtest/gtest.h>

#include "engine/cpu/ops.h"
#include "engine/model/position_tables.h"
#include "tests/engine/cpu/packed_weights.h"
#include "tests/support/cpu_tensors.h"

namespace moescope {
namespace {

using namespace test;

struct Case {
    int64_t samples, heads, d, grid, lead;
    MsRope rope;
    bool norms;
};

// Everything that one call needs, and the same for the reference.
struct Problem {
    MsTensor qkv, out, queryNorm, keyNorm, cos, sin;
    MsAttentionDesc desc{};
    reference::Matrix<double> input;
    reference::AttentionInput<double> wanted;

    explicit Problem(const Case& c, float width = 2.0f) {
        const int64_t tokens = c.lead + c.grid * c.grid, rows = c.samples * tokens, columns = c.heads * c.d;
        const auto values = spread(rows * 3 * columns, 1, width), q = spread(c.d, 2), k = spread(c.d, 3);
        qkv = floatTensor({rows, 3 * columns}, values);
        out = floatTensor({rows, columns});
        queryNorm = floatTensor({c.d}, q);
        keyNorm = floatTensor({c.d}, k);
        const RopeTables tables =
            c.rope == MS_ROPE_SPLIT_HALVES ? splitHalvesRope(c.d, c.grid) : adjacentPairsRope(c.d, c.grid);
        cos = floatTensor(tables.cos.shape, tables.cos.data);
        sin = floatTensor(tables.sin.shape, tables.sin.data);
        desc = {sizeof desc,
                c.samples,
                c.heads,
                c.norms ? &queryNorm : nullptr,
                c.norms ? &keyNorm : nullptr,
                1e-6f,
                c.rope,
                &cos,
                &sin,
                c.lead,
                nullptr,
                nullptr,
                0};
        input = wide(rows, 3 * columns, values);
        wanted.samples = c.samples;
        wanted.heads = c.heads;
        if (c.norms) wanted.queryNorm.assign(q.begin(), q.end()), wanted.keyNorm.assign(k.begin(), k.end());
        wanted.rope = c.rope == MS_ROPE_NONE           ? reference::Rope::None
                      : c.rope == MS_ROPE_SPLIT_HALVES ? reference::Rope::SplitHalves
                                                       : reference::Rope::AdjacentPairs;
        wanted.cos = wide(tables.cos.shape[0], tables.cos.shape[1], tables.cos.data);
        wanted.sin = wide(tables.sin.shape[0], tables.sin.shape[1], tables.sin.data);
        wanted.leadTokens = c.lead;
    }
};

std::string describe(const Case& c) {
    return fmt::format("samples {} heads {} d {} grid {} lead {} rope {} norms {}", c.samples, c.heads, c.d, c.grid,
                       c.lead, static_cast<int>(c.rope), c.norms);
}

// A score is a sum of d products of normed values: its error of some 2^-24 sqrt(d) times a score of up to about 8 moves
// a weight by that much relatively; weights and values then average it.
constexpr double kTolerance = 3e-6;

TEST(CpuAttention, FollowsTheReferenceAtOddShapes) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        const Case cases[] = {
            {1, 1, 4, 1, 0, MS_ROPE_NONE, false},
            {1, 1, 1, 3, 0, MS_ROPE_NONE, false},
            {2, 3, 8, 3, 0, MS_ROPE_SPLIT_HALVES, false},
            {2, 2, 20, 6, 3, MS_ROPE_ADJACENT_PAIRS, true},
            {3, 1, 88, 7, 5, MS_ROPE_ADJACENT_PAIRS, true},
            {1, 2, 72, 9, 0, MS_ROPE_SPLIT_HALVES, true},
            {2, 2, 64, 16, 32, MS_ROPE_ADJACENT_PAIRS, true},
            {1, 6, 64, 16, 0, MS_ROPE_SPLIT_HALVES, false},
            {1, 2, 16, 8, 4, MS_ROPE_SPLIT_HALVES, false},
            {1, 1, 33, 23, 0, MS_ROPE_NONE, false},  // 529 keys: a second, short chunk
            {1, 2, 16, 32, 1, MS_ROPE_NONE, true},   // 1025 keys: a chunk of a single key
        };
        for (const Case& c : cases) {
            Problem s(c);
            ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK) << context.error;
            EXPECT_LE(relativeDifference(valuesOf(s.out), reference::attention(s.input, s.wanted).data), kTolerance)
                << describe(c);
        }
    }
}

TEST(CpuAttention, NormsWithBiasRemoveTheMean) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(2);
        for (const Case& c : {Case{2, 2, 20, 5, 0, MS_ROPE_NONE, true},
                              {1, 3, 72, 4, 2, MS_ROPE_ADJACENT_PAIRS, true},
                              {1, 1, 3, 4, 0, MS_ROPE_NONE, true}}) {
            Problem s(c);
            const auto q = spread(c.d, 5), k = spread(c.d, 6);
            MsTensor queryBias = floatTensor({c.d}, q), keyBias = floatTensor({c.d}, k);
            s.desc.queryNormBias = &queryBias;
            s.desc.keyNormBias = &keyBias;
            s.wanted.queryNormBias.assign(q.begin(), q.end());
            s.wanted.keyNormBias.assign(k.begin(), k.end());
            ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK) << context.error;
            EXPECT_LE(relativeDifference(valuesOf(s.out), reference::attention(s.input, s.wanted).data), kTolerance)
                << describe(c);
        }
    }
}

double toHalf(double value) {
    if (value == 0) return value;
    const double step = std::ldexp(1.0, std::max(std::ilogb(value), -14) - 10);
    return std::nearbyint(value / step) * step;
}

TEST(CpuAttention, QueriesAndKeysCanBeRoundedToHalf) {
    MsContext context(1);
    // One key per sample: the output is the value. Two keys with scores s and t: the share of the first is
    // sigmoid((s - t) / sqrt(d)), which shows what the queries and keys were rounded to.
    for (const float value : {1.0f + 0x1p-11f, 1.0f + 3 * 0x1p-11f, 0.1f, -3.14159f, 2049.0f, 0x1p-14f * 1.3f,
                              0x1p-24f * 1.5f, 0x1p-24f * 2.5f, 0x1p-26f}) {
        MsTensor qkv = floatTensor({2, 3}), out = floatTensor({2, 1});
        const double key = 1.0 / value;
        const float rows[] = {value, static_cast<float>(key), 1.0f, value, 0.0f, 0.0f};
        std::copy_n(rows, 6, qkv.f32());
        MsAttentionDesc desc{};
        desc.size = sizeof desc;
        desc.samples = desc.heads = 1;
        desc.roundQueryKeyToHalf = 1;
        ASSERT_EQ(cpu::attention(&context, &qkv, &desc, &out), MS_OK);
        const double keyHalf = std::fabs(key) >= 65520 ? INFINITY : toHalf(static_cast<float>(key));
        if (std::isinf(keyHalf)) continue;
        const double share = 1 / (1 + std::exp(-toHalf(value) * keyHalf));
        EXPECT_NEAR(out.f32()[0], share, 4e-7) << value;
    }
    // A normed head through the reference: rounding moves what follows by up to 2^-11 of a value.
    Problem s({1, 2, 20, 4, 0, MS_ROPE_NONE, true});
    s.desc.roundQueryKeyToHalf = 1;
    s.wanted.rounding = toHalf;
    ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK);
    // Where fp32 and double fall on two sides of a rounding boundary, one of 20 products differs by 2^-11.
    EXPECT_LE(relativeDifference(valuesOf(s.out), reference::attention(s.input, s.wanted).data), 2e-4);
}

TEST(CpuAttention, ManyKeysAndHeadsInGroupsFollowTheReference) {
    MsContext context(2);
    // Four heads of 1024 packed keys and values fill the scratch: the fifth comes in a second round.
    const Case c{1, 5, 512, 32, 0, MS_ROPE_NONE, false};
    Problem s(c, 0.5f);
    ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK) << context.error;
    // The reference for a few rows of the first and the last head only.
    const int64_t width = c.heads * c.d, tokens = 1024;
    for (const int64_t head : {int64_t{0}, c.heads - 1})
        for (const int64_t row : {int64_t{0}, int64_t{777}, tokens - 1}) {
            std::vector<double> weight(static_cast<size_t>(tokens)), expected(static_cast<size_t>(c.d)),
                got(static_cast<size_t>(c.d));
            double sum = 0;
            for (int64_t key = 0; key < tokens; ++key) {
                double score = 0;
                for (int64_t i = 0; i < c.d; ++i)
                    score += s.input(row, head * c.d + i) * s.input(key, width + head * c.d + i);
                sum += weight[static_cast<size_t>(key)] = std::exp(score / std::sqrt(static_cast<double>(c.d)));
            }
            for (int64_t i = 0; i < c.d; ++i) {
                for (int64_t key = 0; key < tokens; ++key)
                    expected[static_cast<size_t>(i)] +=
                        weight[static_cast<size_t>(key)] / sum * s.input(key, 2 * width + head * c.d + i);
                got[static_cast<size_t>(i)] = s.out.f32()[row * width + head * c.d + i];
            }
            // The average of 4096 values of either sign is some 60 times smaller than the values that carry the
            // rounding.
            EXPECT_LE(relativeDifference(got, expected), kTolerance) << head << " " << row;
        }
}

TEST(CpuAttention, OneKeyFarAboveTheOthersTakesAll) {
    MsContext context(1);
    Problem s({1, 1, 4, 2, 0, MS_ROPE_NONE, false});
    std::fill(s.qkv.f32(), s.qkv.f32() + s.qkv.elements(), 0.0f);
    for (int64_t token = 0; token < 4; ++token) {
        float* row = s.qkv.f32() + token * 12;
        row[0] = 100.0f;                         // query
        row[4] = token == 2 ? 100.0f : -100.0f;  // key: scores of 5000 and -5000
        row[8] = static_cast<float>(token + 1);  // value
    }
    ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK);
    for (int64_t token = 0; token < 4; ++token) EXPECT_EQ(s.out.f32()[token * 4], 3.0f);
}

TEST(CpuAttention, ANotANumberReachesTheRowsThatSeeIt) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        SCOPED_TRACE(level);
        MsContext context(1);
        Problem s({2, 1, 8, 3, 0, MS_ROPE_NONE, false});
        s.qkv.f32()[5 * 24 + 8] = std::numeric_limits<float>::quiet_NaN();  // a key of the first sample
        ASSERT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_OK);
        for (int64_t row = 0; row < 18; ++row) EXPECT_EQ(std::isnan(s.out.f32()[row * 8]), row < 9) << row;
    }
}

TEST(CpuAttention, ASampleKeepsItsBitsInAnyBatchAndWithAnyThreads) {
    for (const std::string& level : cpu::instructionLevels()) {
        const cpu::LevelScope scope(level);
        if (!scope.available) continue;
        for (const Case& c :
             {Case{3, 2, 24, 9, 4, MS_ROPE_ADJACENT_PAIRS, true}, Case{2, 1, 16, 23, 0, MS_ROPE_NONE, false}}) {
            MsContext one(1), three(3);
            Problem all(c), again(c);
            ASSERT_EQ(cpu::attention(&one, &all.qkv, &all.desc, &all.out), MS_OK) << one.error;
            ASSERT_EQ(cpu::attention(&three, &again.qkv, &again.desc, &again.out), MS_OK) << three.error;
            EXPECT_EQ(valuesOf(all.out), valuesOf(again.out)) << level << " " << describe(c);

            Case single = c;
            single.samples = 1;
            Problem alone(single);
            const int64_t last = c.samples - 1;
            std::copy_n(all.qkv.f32() + last * alone.qkv.elements(), alone.qkv.elements(), alone.qkv.f32());
            ASSERT_EQ(cpu::attention(&three, &alone.qkv, &alone.desc, &alone.out), MS_OK);
            EXPECT_TRUE(std::equal(alone.out.f32(), alone.out.f32() + alone.out.elements(),
                                   all.out.f32() + last * alone.out.elements()))
                << level << " " << describe(c);
        }
    }
}

TEST(CpuAttention, ShapesThatDoNotFitGetASentence) {
    MsContext context(1);
    Problem s({2, 2, 8, 3, 1, MS_ROPE_SPLIT_HALVES, true});
    s.desc.heads = 3;
    EXPECT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_INVALID);
    EXPECT_EQ(context.error, "[attention] expected a width of 3 D with D a multiple of 3 heads, got 48");
    s.desc.heads = 2;
    s.desc.leadTokens = 2;
    EXPECT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_INVALID);
    EXPECT_EQ(context.error, "[attention] expected fp32 rotation tables [8, 4], got [9, 4]");
    s.desc.leadTokens = 11;
    EXPECT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_INVALID);
    s.desc.leadTokens = 1;
    s.desc.samples = 3;
    EXPECT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_INVALID);
}

TEST(CpuAttention, ACancelledContextStops) {
    MsContext context(2);
    context.poll = [](void*) { return 1; };
    Problem s({1, 1, 8, 3, 0, MS_ROPE_NONE, false});
    EXPECT_EQ(cpu::attention(&context, &s.qkv, &s.desc, &s.out), MS_CANCELLED);
}

}  // namespace
}  // namespace moescope
