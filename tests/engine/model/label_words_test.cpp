// SPDX-License-Identifier: GPL-3.0-or-later
// Folding, plurals and typing errors of words.
#include "engine/model/label_words.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace moescope {
namespace {

using Words = std::vector<std::string>;

TEST(LabelWords, FoldCaseAccentsHyphensAndApostrophes) {
    EXPECT_EQ(wordsOf("Jack-o'-Lantern"), (Words{"jack", "o", "lantern"}));
    EXPECT_EQ(wordsOf("PIÑA  Colada, straße"), (Words{"pina", "colada", "strasse"}));
    EXPECT_EQ(wordsOf("pin\u0303a"), Words{"pina"});
    EXPECT_EQ(wordsOf("Ærø Łódź ÿ"), (Words{"aero", "lodz", "y"}));
    EXPECT_EQ(wordsOf("КОТ Ω"), (Words{"кот", "ω"}));
    EXPECT_EQ(wordsOf("dog’s 1st_try"), (Words{"dogs", "1st", "try"}));
    EXPECT_EQ(wordsOf("❤️ 🍕 × … \xFF"), Words{});
}

TEST(LabelWords, FindTheSingular) {
    const auto knows = [](const std::string& plural, const std::string& singular) {
        const Words forms = singularForms(plural);
        return std::ranges::find(forms, singular) != forms.end();
    };
    EXPECT_TRUE(knows("cats", "cat"));
    EXPECT_TRUE(knows("cherries", "cherry"));
    EXPECT_TRUE(knows("wolves", "wolf"));
    EXPECT_TRUE(knows("knives", "knife"));
    EXPECT_TRUE(knows("tomatoes", "tomato"));
    EXPECT_TRUE(knows("foxes", "fox"));
    EXPECT_TRUE(knows("mice", "mouse"));
    for (const std::string single : {"bus", "glass", "octopus", "tennis", "cat", ""})
        EXPECT_TRUE(singularForms(single).empty()) << single;
}

TEST(LabelWords, CountOneEdit) {
    EXPECT_TRUE(withinOneEdit("heart", "heart"));
    EXPECT_TRUE(withinOneEdit("heart", "hear"));
    EXPECT_TRUE(withinOneEdit("hert", "heart"));
    EXPECT_TRUE(withinOneEdit("heert", "heart"));
    EXPECT_TRUE(withinOneEdit("haert", "heart"));
    EXPECT_TRUE(withinOneEdit("ab", "ba"));
    EXPECT_TRUE(withinOneEdit("", "a"));
    EXPECT_FALSE(withinOneEdit("hart", "heat"));
    EXPECT_FALSE(withinOneEdit("haetr", "heart"));
    EXPECT_FALSE(withinOneEdit("he", "heart"));
    EXPECT_FALSE(withinOneEdit("", "ab"));
}

}  // namespace
}  // namespace moescope
