// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/ensemble/prompt_features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace moescope {
namespace {

using Words = std::vector<std::string>;
using Floats = std::vector<float>;

constexpr const char* kCapitals = "Ärger ÉCLAIR ΣΟΦΊΑ Ёлка Ŵ ŽIŻKA İ";

Floats some(const PromptFeatures& features, const char* text) {
    const Floats all = features.embed(text);
    Floats picked;
    for (const size_t i : {0, 1, 63, 64, 69}) picked.push_back(all.at(i));
    return picked;
}

TEST(PromptFeatures, WordsAreLowerCaseRunsOfLettersAndDigits) {
    EXPECT_EQ(promptWords("Red-heart, 2 red HEARTS!"), (Words{"red", "heart", "2", "red", "hearts"}));
    EXPECT_EQ(promptWords(kCapitals), (Words{"ärger", "éclair", "σοφία", "ёлка", "ŵ", "žiżka", "i"}));
    EXPECT_EQ(promptWords("日本 ½ 😀x a×b"), (Words{"日本", "x", "a", "b"}));
    EXPECT_EQ(promptWords("a\xFF\xC3"
                          "b"),
              (Words{"a", "b"}));
    EXPECT_EQ(promptWords(std::string_view("a\0b", 3)), (Words{"a", "b"}));
    EXPECT_TRUE(promptWords(" ... ").empty());
}

// The numbers were computed from the definition by a program of its own in Python.
TEST(PromptFeatures, NumbersEqualThoseOfAnIndependentProgram) {
    EXPECT_EQ((PromptFeatures{6, 0}.embed("Cat")),
              (Floats{0.6324555277824402F, 0.3162277638912201F, 0.3162277638912201F, 0.6324555277824402F, 0, 0}));
    EXPECT_EQ((PromptFeatures{6, 0}.embed(kCapitals)),
              (Floats{0.7171371579170227F, -0.47809144854545593F, -0.47809144854545593F, -0.11952286213636398F, 0,
                      0.11952286213636398F}));
    EXPECT_EQ((PromptFeatures{3, 0xFFFFFFFFFFFFFFFFU}.embed("日本 ½ 😀x")),
              (Floats{-0.5070925354957581F, 0.8451542258262634F, 0.16903084516525269F}));
    EXPECT_EQ(some({70, 7}, "ox a"), (Floats{0.05607721582055092F, 0.05607721582055092F, 0.05607721582055092F,
                                             -0.05607721582055092F, 0.16823165118694305F}));
    EXPECT_EQ(some({70, 7}, "red-heart, red HEART!"),
              (Floats{-0.07602859288454056F, -0.07602859288454056F, -0.15205718576908112F, 0, -0.07602859288454056F}));
}

TEST(PromptFeatures, ATextWithoutWordsIsTheZeroVector) {
    for (const char* text : {"", "  ", "!?"}) EXPECT_EQ((PromptFeatures{5, 3}.embed(text)), Floats(5));
}

TEST(PromptFeatures, EveryOtherEmbeddingHasLengthOne) {
    double squares = 0;
    for (const float value : PromptFeatures{300, 1}.embed("a cat on a mat"))
        squares += static_cast<double>(value) * value;
    EXPECT_NEAR(squares, 1, 300 * 6e-8);  // each element is rounded once
}

TEST(PromptFeatures, OrderOfWordsAndCaseDoNotCountAndSeedsDo) {
    const PromptFeatures features{128, 5};
    EXPECT_EQ(features.embed("blue Heart"), features.embed("HEART, blue"));
    EXPECT_NE(features.embed("blue heart"), features.embed("blue hearts"));
    EXPECT_NE(features.embed("blue heart"), (PromptFeatures{128, 6}.embed("blue heart")));
}

TEST(PromptFeatures, ANarrowEmbeddingPointsWhereTheWideOneBegins) {
    const Floats wide = PromptFeatures{130, 5}.embed("tulip"), narrow = PromptFeatures{65, 5}.embed("tulip");
    const auto at = std::ranges::find_if(narrow, [](float value) { return value != 0; }) - narrow.begin();
    for (size_t i = 0; i < narrow.size(); ++i)
        EXPECT_NEAR(narrow[i] * wide[static_cast<size_t>(at)], wide[i] * narrow[static_cast<size_t>(at)], 1e-7);
}

}  // namespace
}  // namespace moescope
