// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/prompt_words.h"

#include <gtest/gtest.h>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"

namespace moescope::test {
namespace {

TEST(PromptWords, ArePutTogetherFromTheirPieces) {
    const std::vector<std::string> pieces{"\u2581red", "\u2581hea", "rt", "<unk>"};
    const std::vector<PromptWord> words = wordsOf(pieces);
    ASSERT_EQ(words.size(), 2u);
    EXPECT_EQ(words[0].text, "red");
    EXPECT_EQ(words[1].text, "heart?");
    EXPECT_EQ(words[1].first, 1);
    EXPECT_EQ(words[1].pieces, 3);
    EXPECT_EQ(pieceText(pieces[0]), "red");
    EXPECT_EQ(pieceText(pieces[2]), "-rt");
    EXPECT_TRUE(wordsOf(std::span<const std::string>()).empty());
}

TEST(PromptWords, ShareTheirWeightAmongExperts) {
    const RunRecord run = samplePromptRun();
    LoadQuery now = LoadQuery::at(1);
    now.image = 0;
    const Matrix shares = expertsOfWords(run.routing, 1, now);
    ASSERT_EQ(shares.rows, 3);  // red, heart, empty places
    ASSERT_EQ(shares.cols, 3);
    const std::vector<double> expected{0.75, 0.25, 0, 0, (0.75 + 0.5) / 2, (0.25 + 0.5) / 2, 0, 0, 1};
    EXPECT_EQ(shares.values, expected);
    const Matrix whole = expertsOfWords(run.routing, 1, {.image = 0});
    EXPECT_DOUBLE_EQ(whole.at(1, 1), (1 + 0.75 + 0.5 + 3 * 0.5) / 6);
    const Matrix other = expertsOfWords(run.routing, 1, {.image = 1});
    ASSERT_EQ(other.rows, 2);  // blue, empty places
    EXPECT_DOUBLE_EQ(other.at(1, 2), (0.75 + 3 * 0.5 + 3 * 1) / 9);
}

TEST(PromptWords, OfTheBranchWithoutPromptAreEmptyPlaces) {
    const RunRecord run = samplePromptRun();
    const Matrix shares = expertsOfWords(run.routing, 1, {.branch = BranchChoice::Uncond, .image = 0});
    ASSERT_EQ(shares.rows, 1);
    EXPECT_DOUBLE_EQ(shares.at(0, 0), 0.75 / 4);
}

TEST(PromptWords, AreNoneBeforeTheyJoinAndInOtherModels) {
    EXPECT_EQ(expertsOfWords(samplePromptRun().routing, 0, {.image = 0}).rows, 0);
    EXPECT_EQ(expertsOfWords(samplePromptRun().routing, 9, {.image = 0}).rows, 0);
    EXPECT_EQ(expertsOfWords(sampleRun().routing, 0, {.image = 0}).rows, 0);
    EXPECT_FALSE(sameWords(samplePromptRun().routing, {}));
    EXPECT_TRUE(sameWords(samplePromptRun().routing, {.image = 1}));
    EXPECT_EQ(firstLayerWithWords(samplePromptRun().routing), 1);
    EXPECT_EQ(firstLayerWithWords(sampleRun().routing), 0);
}

}  // namespace
}  // namespace moescope::test
