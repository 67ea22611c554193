// SPDX-License-Identifier: GPL-3.0-or-later
// Which class a prompt means, for the embedded model's 256 names and for ImageNet's 1000.
#include "engine/model/class_labels.h"

#include <gtest/gtest.h>

#include <fstream>

namespace moescope {
namespace {

const ClassLabels& emoji() {
    static const ClassLabels labels = ClassLabels::load(MOESCOPE_RESOURCES "/embedded/labels.json").orThrow();
    return labels;
}

const ClassLabels& imageNet() {
    static const ClassLabels labels = ClassLabels::load(MOESCOPE_RESOURCES "/labels/imagenet-1k.json").orThrow();
    return labels;
}

std::string nameFor(const ClassLabels& labels, const std::string& prompt) {
    const auto match = labels.match(prompt);
    return match ? match->name : "error: " + match.error().message;
}

std::string withSpacesForHyphens(std::string text) {
    for (char& c : text)
        if (c == '-') c = ' ';
    return text;
}

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

TEST(ClassLabels, TakeEveryEmojiNameAsItsClass) {
    ASSERT_EQ(emoji().size(), 256);
    for (const ClassLabel& label : emoji().classes()) {
        for (const std::string& prompt : {label.name, upper(label.name), "a " + label.name, "The " + label.name + "!",
                                          withSpacesForHyphens(label.name), "  " + label.name + "\n"}) {
            const auto match = emoji().match(prompt);
            ASSERT_TRUE(match) << prompt;
            EXPECT_EQ(match->index, label.index) << prompt << " -> " << match->name;
            EXPECT_EQ(match->name, label.name);
            EXPECT_EQ(match->reason, "the words are its name");
        }
        EXPECT_EQ(nameFor(emoji(), "a photo of a " + label.name), label.name);
        EXPECT_EQ(nameFor(emoji(), label.name + " on the grass, sharp"), label.name);
        EXPECT_EQ(nameFor(emoji(), "look: " + label.emoji), label.name);
        EXPECT_EQ(emoji().byName(label.name), label.index);
        EXPECT_EQ(*emoji().resolve(std::to_string(label.index)), label.index);
    }
}

TEST(ClassLabels, TakeEveryImageNetNameAsItsClass) {
    ASSERT_EQ(imageNet().size(), 1000);
    for (const ClassLabel& label : imageNet().classes()) {
        EXPECT_EQ(imageNet().match(label.name)->index, label.index) << label.name;
        EXPECT_EQ(*imageNet().resolve(label.name), label.index) << label.name;
    }
    // Two names differ in nothing but a capital: the spelling decides, and where it cannot the lower index is taken.
    EXPECT_EQ(imageNet().byName("Cardigan"), 264);
    EXPECT_EQ(imageNet().byName("cardigan"), 474);
    EXPECT_EQ(imageNet().byName("a cardigan"), 264);
    EXPECT_EQ(imageNet().byName("a corn"), 987);  // not "acorn"
}

TEST(ClassLabels, TakeWhatAPersonExpects) {
    const std::vector<std::pair<std::string, std::string>> expected{
        {"cat", "cat face"},
        {"two cats", "cat face"},
        {"dog", "dog face"},
        {"heart", "red heart"},
        {"red heart", "red heart"},
        {"a photo of a red heart on blue", "red heart"},
        {"an apple that is green", "green apple"},
        {"pizza", "pizza"},
        {"orange", "tangerine"},
        {"fish", "tropical fish"},
        {"donut", "doughnut"},
        {"car", "automobile"},
        {"a red car", "automobile"},
        {"train", "locomotive"},
        {"coffee", "hot beverage"},
        {"ice cream", "soft ice cream"},
        {"hotdog", "hot dog"},
        {"t shirt", "t-shirt"},
        {"wolves", "wolf"},
        {"cherry", "cherries"},
        {"sad face", "loudly crying face"},
        {"ufo", "flying saucer"},
        {"table tennis", "ping pong"},
        {"fire truck", "fire engine"},
        {"a cat on a red heart", "cat face"},
        {"a heart with an arrow", "heart with arrow"},
        {"books and a candle", "books"},
        {"a candle and books", "candle"},
        {"piña colada", "coconut"},
        {"pina colada", "coconut"},
        {"face", "grinning face"},
    };
    for (const auto& [prompt, name] : expected) EXPECT_EQ(nameFor(emoji(), prompt), name) << prompt;
    EXPECT_EQ(nameFor(imageNet(), "a golden retriever in the snow"), "golden retriever");
    EXPECT_EQ(nameFor(imageNet(), "red fox"), "red fox");
}

TEST(ClassLabels, SayWhyAClassWasTaken) {
    EXPECT_EQ(emoji().match("cat")->reason, "'cat' is in its name and keywords");
    EXPECT_EQ(emoji().match("my red heart")->reason, "its whole name 'red heart' is in the prompt");
    EXPECT_EQ(emoji().match("table tennis")->reason, "'table' and 'tennis' are in its keywords");
    EXPECT_EQ(emoji().match("for you 🍕")->reason, "its emoji 🍕 is in the prompt");
    EXPECT_EQ(emoji().match("big elephnat")->reason,
              "its whole name 'elephant' is in the prompt, 'elephnat' was read as 'elephant'");
    EXPECT_EQ(imageNet().match("cat")->reason, "'cat' is in its name");
}

TEST(ClassLabels, ForgiveOneTypingErrorInLongWordsOnly) {
    for (const std::string prompt : {"crocodil", "crocodilee", "crocadile", "corcodile"})
        EXPECT_EQ(nameFor(emoji(), prompt), "crocodile") << prompt;
    EXPECT_FALSE(emoji().match("krakodile"));
    EXPECT_FALSE(emoji().match("piza"));
    EXPECT_FALSE(imageNet().match("flower")) << "no hand blower";
}

TEST(ClassLabels, OfferAlternativesBestFirst) {
    const auto match = emoji().match("apple");
    ASSERT_FALSE(match->alternatives.empty());
    EXPECT_EQ(match->alternatives[0].name, "green apple");
    double last = match->score;
    const auto heart = emoji().match("heart");
    EXPECT_EQ(heart->alternatives.size(), 5U);
    for (const ClassAlternative& other : heart->alternatives) EXPECT_NE(other.name, "red heart");
    for (const ClassAlternative& other : match->alternatives) {
        EXPECT_LE(other.score, last);
        last = other.score;
    }
    EXPECT_LE(emoji().match("bird")->alternatives.size(), 5U);
}

TEST(ClassLabels, AnswerWithASentenceWhereNothingFits) {
    for (const std::string prompt : {"", "   ", "?!", "asdfgh", "котик", "the", "of", "\xFF\xFE"}) {
        const auto match = emoji().match(prompt);
        ASSERT_FALSE(match) << prompt << " -> " << match->name;
        EXPECT_EQ(match.error().code, ErrorCode::InvalidArgument);
        EXPECT_NE(match.error().message.find("'grinning face'"), std::string::npos) << match.error().message;
    }
    EXPECT_NE(emoji().match("piza").error().message.find("did you mean 'pizza'"), std::string::npos);
    const auto endless = emoji().match(std::string(100'000, 'q'));
    ASSERT_FALSE(endless);
    EXPECT_LT(endless.error().message.size(), 400U);
}

TEST(ClassLabels, ResolveNumbersInRangeAndNames) {
    EXPECT_EQ(*emoji().resolve("145"), 145);
    EXPECT_EQ(*emoji().resolve("Red Heart"), 145);
    for (const std::string bad : {"256", "-1", "99999999999999999999", "", "red hart", "1.5"}) {
        const auto index = emoji().resolve(bad);
        ASSERT_FALSE(index) << bad;
        EXPECT_EQ(index.error().code, ErrorCode::InvalidArgument);
    }
    EXPECT_NE(emoji().resolve("256").error().message.find("0 to 255"), std::string::npos);
    EXPECT_NE(emoji().resolve("red hart").error().message.find("'red heart'"), std::string::npos)
        << emoji().resolve("red hart").error().message;
    EXPECT_EQ(emoji().byIndex(256), nullptr);
    EXPECT_EQ(emoji().byIndex(-1), nullptr);
    EXPECT_EQ(emoji().byIndex(145)->name, "red heart");
}

TEST(ClassLabels, FindRanksTheExactNameThenWordsThenParts) {
    const auto hearts = emoji().find("red heart");
    ASSERT_GT(hearts.size(), 9U);
    EXPECT_EQ(hearts[0].index, 145);
    EXPECT_EQ(emoji().find("").size(), 256U);
    EXPECT_EQ(emoji().find("145").front().index, 145);
    const auto parts = emoji().find("berr");
    ASSERT_FALSE(parts.empty());
    EXPECT_EQ(parts[0].name, "strawberry");
    EXPECT_TRUE(emoji().find("qqqq").empty());
}

TEST(ClassLabels, GiveTiesToTheLowerIndex) {
    const ClassLabels labels = ClassLabels::parse(R"(["red fox", "red dog", "blue fox"])").orThrow();
    EXPECT_EQ(labels.match("fox")->index, 0);
    EXPECT_EQ(labels.match("red")->index, 0);
}

TEST(ClassLabels, ReadAllThreeFormsOfAFile) {
    EXPECT_EQ(ClassLabels::parse(R"(["a", "b"])").orThrow().size(), 2);
    EXPECT_EQ(ClassLabels::parse(R"({"source": "x", "labels": ["cat", "dog"]})").orThrow().classes()[1].name, "dog");
    const ClassLabels objects =
        ClassLabels::parse(R"([{"index": 0, "name": "n", "keywords": ["k"], "group": "g", "emoji": "e"}])").orThrow();
    EXPECT_EQ(objects.classes()[0].keywords, std::vector<std::string>{"k"});
    EXPECT_EQ(objects.classes()[0].group, "g");
}

TEST(ClassLabels, RefuseDamagedFilesWithASentence) {
    for (const std::string text :
         {"", "{", "[]", "{}", "[1]", R"([{"keywords": []}])", R"([""])", R"([{"name": "a", "index": 1}])",
          R"([{"name": 3}])", R"([{"name": "a", "keywords": "k"}])", R"([{"name": "a", "keywords": [1]}])",
          R"({"labels": "a"})", R"([{"name": "a", "emoji": 1}])"}) {
        const auto labels = ClassLabels::parse(text);
        ASSERT_FALSE(labels) << text;
        EXPECT_EQ(labels.error().code, ErrorCode::Format) << text;
        EXPECT_NE(labels.error().message.find("labels"), std::string::npos) << labels.error().message;
    }
    const auto missing = ClassLabels::load("/nonexistent/labels.json");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace moescope
