// SPDX-License-Identifier: GPL-3.0-or-later
// Attention with every option it is trained with, against finite differences; grouped keys against repeated ones.
#include "engine/reference/attention_backward.h"

#include "tests/engine/reference/finite_differences.h"

namespace moescope {
namespace {

using namespace reference;
using namespace test;

struct Shape {
    const char* name;
    int64_t samples, tokens, heads, keyHeads, headWidth;
    bool normed;
    Rope rope;
    int64_t leadTokens;
};

const Shape kShapes[] = {
    {"plain", 2, 5, 2, 2, 3, false, Rope::None, 0},
    {"normed, split halves", 2, 5, 2, 2, 4, true, Rope::SplitHalves, 0},
    {"adjacent pairs behind leading tokens", 1, 6, 2, 2, 6, false, Rope::AdjacentPairs, 2},
    {"normed, adjacent pairs behind a leading token", 2, 4, 1, 1, 4, true, Rope::AdjacentPairs, 1},
    {"split halves behind leading tokens", 1, 5, 2, 1, 8, true, Rope::SplitHalves, 3},
    {"four heads on two of keys", 2, 4, 4, 2, 3, false, Rope::None, 0},
    {"three heads on one of keys", 1, 5, 3, 1, 4, true, Rope::AdjacentPairs, 0},
    {"two tokens", 1, 2, 2, 2, 1, false, Rope::None, 0},
};

AttentionInput<double> inputOf(const Shape& shape, RandomValues& random) {
    AttentionInput<double> in;
    in.samples = shape.samples;
    in.heads = shape.heads;
    in.keyHeads = shape.keyHeads;
    in.rope = shape.rope;
    in.leadTokens = shape.leadTokens;
    if (shape.normed) in.queryNorm = random.vector(shape.headWidth), in.keyNorm = random.vector(shape.headWidth);
    const Matrix<double> angles = random.matrix(shape.tokens - shape.leadTokens, shape.headWidth / 2);
    in.cos = mapped(angles, [](double angle) { return std::cos(3 * angle); });
    in.sin = mapped(angles, [](double angle) { return std::sin(3 * angle); });
    return in;
}

TEST(AttentionBackward, MatchesFiniteDifferences) {
    for (const Shape& shape : kShapes) {
        SCOPED_TRACE(shape.name);
        RandomValues random(31);
        AttentionInput<double> in = inputOf(shape, random);
        const int64_t rows = shape.samples * shape.tokens;
        Matrix<double> qkv = random.matrix(rows, (shape.heads + 2 * shape.keyHeads) * shape.headWidth);
        for (double& value : qkv.data) value *= 2;  // so that the softmax is far from even
        const Matrix<double> dOut = random.matrix(rows, shape.heads * shape.headWidth);
        const auto d = attentionBackward(qkv, in, attentionWithProbabilities(qkv, in).probabilities, dOut);
        std::vector<ClaimedGradient> claims{{"qkv", &qkv.data, d.qkv.data}};
        if (shape.normed) {
            claims.push_back({"query norm", &in.queryNorm, d.queryNorm});
            claims.push_back({"key norm", &in.keyNorm, d.keyNorm});
        }
        expectGradients([&] { return attention(qkv, in).data; }, dOut.data, claims);
    }
}

TEST(ReferenceAttention, AKeyHeadServesNeighbouringQueryHeads) {
    RandomValues random(32);
    Shape shape{"", 2, 4, 4, 2, 4, true, Rope::SplitHalves, 1};
    const AttentionInput<double> grouped = inputOf(shape, random);
    AttentionInput<double> plain = grouped;
    plain.keyHeads = 4;
    const Matrix<double> qkv = random.matrix(8, 32);
    Matrix<double> repeated(8, 48);  // q as it is; key and value heads 0, 0, 1, 1
    for (int64_t row = 0; row < 8; ++row)
        for (int64_t i = 0; i < 16; ++i) {
            repeated(row, i) = qkv(row, i);
            repeated(row, 16 + i) = qkv(row, 16 + i / 8 * 4 + i % 4);
            repeated(row, 32 + i) = qkv(row, 24 + i / 8 * 4 + i % 4);
        }
    EXPECT_EQ(attention(qkv, grouped).data, attention(repeated, plain).data);
}

TEST(AttentionBackward, TheValuesOfOneTokenAloneGetItsGradientAsItIs) {
    // One token per sample: the softmax is 1 whatever q and k are.
    AttentionInput<double> in;
    in.samples = 2;
    RandomValues random(33);
    const Matrix<double> qkv = random.matrix(2, 6), dOut = random.matrix(2, 2);
    const auto d = attentionBackward(qkv, in, attentionWithProbabilities(qkv, in).probabilities, dOut);
    for (int64_t row = 0; row < 2; ++row)
        for (int64_t i = 0; i < 2; ++i) {
            EXPECT_EQ(d.qkv(row, i), 0);
            EXPECT_EQ(d.qkv(row, 2 + i), 0);
            EXPECT_EQ(d.qkv(row, 4 + i), dOut(row, i));
        }
}

}  // namespace
}  // namespace moescope
