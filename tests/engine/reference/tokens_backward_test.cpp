// SPDX-License-Identifier: GPL-3.0-or-later
// Embeddings, patches, joined, repeated and pooled tokens against finite differences; permutations against their
// inverses.
#include "engine/reference/embedding.h"
#include "engine/reference/patch.h"
#include "engine/reference/tokens.h"
#include "tests/engine/reference/finite_differences.h"

namespace moescope {
namespace {

using namespace reference;
using namespace test;

TEST(EmbeddingBackward, GatheredRowsMatchFiniteDifferences) {
    RandomValues random(41);
    Matrix<double> table = random.matrix(4, 3);
    const std::vector<int64_t> index{2, 0, 2, 2};  // rows 1 and 3 unused, row 2 thrice
    const Matrix<double> dy = random.matrix(4, 3);
    const Matrix<double> d = gatherRowsBackward(index, dy, 4);
    expectGradients([&] { return gatherRows(table, index).data; }, dy.data, {{"table", &table.data, d.data}});
    for (int64_t i = 0; i < 3; ++i) {
        EXPECT_EQ(d(1, i), 0);
        EXPECT_EQ(d(0, i), dy(1, i));
    }
}

TEST(EmbeddingBackward, AddedRowsMatchFiniteDifferences) {
    RandomValues random(42);
    Matrix<double> x = random.matrix(6, 2), table = random.matrix(3, 2);
    const Matrix<double> dy = random.matrix(6, 2);
    expectGradients([&] { return addRows(x, table).data; }, dy.data,
                    {{"x", &x.data, dy.data}, {"table", &table.data, addRowsBackward(dy, 3).data}});
}

TEST(TokensBackward, JoinedTokensMatchFiniteDifferencesAndSplitAgain) {
    RandomValues random(43);
    Matrix<double> front = random.matrix(4, 3), x = random.matrix(6, 3);  // 2 samples of 2 + 3 tokens
    const Matrix<double> dy = random.matrix(10, 3);
    const auto d = splitTokens(dy, 2, 2);
    expectGradients([&] { return joinTokens(front, x, 2).data; }, dy.data,
                    {{"front", &front.data, d.front.data}, {"x", &x.data, d.x.data}});
    const auto parts = splitTokens(joinTokens(front, x, 2), 2, 2);
    EXPECT_EQ(parts.front.data, front.data);
    EXPECT_EQ(parts.x.data, x.data);
}

TEST(TokensBackward, RepeatedRowsMatchFiniteDifferences) {
    RandomValues random(44);
    Matrix<double> x = random.matrix(2, 3), position = random.matrix(4, 3);
    const Matrix<double> dy = random.matrix(8, 3);
    const auto d = repeatRowsBackward(dy, 2);
    expectGradients([&] { return repeatRows(x, position).data; }, dy.data,
                    {{"x", &x.data, d.x.data}, {"position", &position.data, d.position.data}});
}

TEST(TokensBackward, PooledTokensMatchFiniteDifferences) {
    RandomValues random(45);
    Matrix<double> x = random.matrix(6, 2);
    const Matrix<double> weight(2, 3, Values{1, 1, 0, 0.5, 2, 1}), dOut = random.matrix(2, 2);
    expectGradients([&] { return pool(x, weight).data; }, dOut.data, {{"x", &x.data, poolBackward(weight, dOut).data}});
}

TEST(Pool, IsAMeanAndZeroWithoutAnyWeight) {
    const Matrix<double> x(4, 1, Values{2, 8, 5, 7}), weight(2, 2, Values{3, 1, 0, 0});
    EXPECT_EQ(pool(x, weight).data, (Values{3.5, 0}));
    EXPECT_EQ(poolBackward(weight, Matrix<double>(2, 1, Values{4, 4})).data, (Values{3, 1, 0, 0}));
}

TEST(PatchBackward, MatchesFiniteDifferencesAndUndoesTheForward) {
    RandomValues random(46);
    Pictures<double> picture(2, 3, 4, 4);
    picture.data = random.vector(96);
    const Matrix<double> dTokens = random.matrix(8, 12);
    expectGradients([&] { return patchify(picture, 2).data; }, dTokens.data,
                    {{"pictures", &picture.data, patchifyBackward(dTokens, 2, 2, 2, 2).data}});
    EXPECT_EQ(patchifyBackward(patchify(picture, 2), 2, 2, 2, 2).data, picture.data);

    Matrix<double> tokens = random.matrix(8, 12);
    Pictures<double> dPicture(2, 3, 4, 4);
    dPicture.data = random.vector(96);
    expectGradients([&] { return unpatchify(tokens, 2, 2, 2, 2).data; }, dPicture.data,
                    {{"tokens", &tokens.data, unpatchifyBackward(dPicture, 2).data}});
    EXPECT_EQ(unpatchifyBackward(unpatchify(tokens, 2, 2, 2, 2), 2).data, tokens.data);
}

}  // namespace
}  // namespace moescope
