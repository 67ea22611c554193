// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/emoji_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/data/cldr_names.h"
#include "engine/data/emoji_captions.h"
#include "engine/data/emoji_choice.h"
#include "engine/data/emoji_gallery.h"
#include "engine/data/evaluation_prompts.h"
#include "engine/model/label_words.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

#define SKIP_WITHOUT_EMOJI()                                                                 \
    if (!fs::exists(emojiFontFile)) GTEST_SKIP() << "there is no font at " << emojiFontFile; \
    if (!fs::exists(emojiNamesFile)) GTEST_SKIP() << "there are no names at " << emojiNamesFile

EmojiSetRequest toyRequest(const fs::path& folder) {
    EmojiSetRequest request;
    request.target.folder = folder;
    request.count = 6;
    request.views = 3;
    return request;
}

TEST(EmojiChoice, BeginsWithTheClassesOfTheEmbeddedModel) {
    const auto labels = ClassLabels::load(fs::path(MOESCOPE_RESOURCES) / "embedded/labels.json");
    ASSERT_TRUE(labels.ok()) << labels.error().message;
    const auto choice = chooseEmoji({}, labels->size());
    ASSERT_TRUE(choice.ok()) << choice.error().message;
    for (int i = 0; i < labels->size(); ++i) {
        EXPECT_EQ(fmt::format("U+{:04X}", static_cast<uint32_t>((*choice)[static_cast<size_t>(i)].character)),
                  labels->byIndex(i)->codepoint);
        EXPECT_EQ((*choice)[static_cast<size_t>(i)].group, labels->byIndex(i)->group);
    }
}

TEST(EmojiChoice, HasFiveHundredAndTwelveDifferentOnes) {
    const auto all = chooseEmoji({}, 512);
    ASSERT_TRUE(all.ok()) << all.error().message;
    std::set<char32_t> different;
    for (const EmojiChoice& one : *all) different.insert(one.character);
    EXPECT_EQ(different.size(), 512u);
    EXPECT_FALSE(chooseEmoji({}, 513).ok());
    EXPECT_FALSE(chooseEmoji({}, 0).ok());
    EXPECT_NE(chooseEmoji({"fish"}, 1).error().message.find("'animal'"), std::string::npos);
    const auto plants = chooseEmoji({"plant"}, 5);
    ASSERT_TRUE(plants.ok());
    EXPECT_EQ((*plants)[4].group, "plant");
}

TEST(EmojiCaptions, AskOnlyInWordsThatTrainingShows) {
    const std::vector<ClassLabel> classes{
        {0, "red apple", {"fruit", "red apple", "red"}}, {1, "ant", {"insect"}}, {2, "cherries", {"fruit", "berries"}}};
    for (const char* background : {"white", ""}) {
        const std::vector<EmojiCaptions> captions = emojiCaptions(classes, background);
        ASSERT_EQ(captions.size(), 3u);
        for (const EmojiCaptions& one : captions) {
            std::set<std::string> words;
            for (const std::string& text : one.training)
                for (const std::string& word : wordsOf(text)) words.insert(word);
            EXPECT_GE(one.heldOut.size(), 4u);
            for (const std::string& text : one.heldOut) {
                EXPECT_EQ(std::ranges::count(one.training, text), 0) << text;
                for (const std::string& word : wordsOf(text))
                    EXPECT_TRUE(words.contains(word)) << word << " in " << text;
            }
        }
        const auto has = [&](size_t i, const char* text) {
            return std::ranges::count(captions[i].training, text) == 1;
        };
        EXPECT_TRUE(has(0, "red apple") && has(0, "a red apple") && has(0, "a picture of a red apple") &&
                    has(0, "red apple, fruit"));
        EXPECT_FALSE(has(0, "fruit"));  // a cherry is one too
        EXPECT_TRUE(has(1, "insect") && has(1, "an emoji of an ant"));
        EXPECT_TRUE(has(2, "a picture of cherries"));
    }
}

TEST(CldrNames, ReadsNamesAndKeywords) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "en.xml",
                    "<ldml><annotations><annotation cp=\"☀️\">bright | rays</annotation>\n"
                    "<annotation cp=\"☀\" type=\"tts\">sun &amp; light</annotation><annotation cp=\"x\">only "
                    "words</annotation></annotations></ldml>");
    const auto names = readCldrNames(folder / "en.xml");
    ASSERT_TRUE(names.ok()) << names.error().message;
    ASSERT_EQ(names->size(), 1u);
    EXPECT_EQ(names->at("☀").name, "sun & light");
    EXPECT_EQ(names->at("☀").keywords, (std::vector<std::string>{"bright", "rays"}));
}

TEST(CldrNames, SaysWhatIsMissingOrDamaged) {
    const test::TemporaryFolder folder;
    const auto missing = readCldrNames(folder / "en.xml");
    EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
    EXPECT_NE(missing.error().message.find("unicode-cldr-core"), std::string::npos);
    test::writeFile(folder / "en.xml", "<ldml>\n<annotation cp=");
    EXPECT_NE(readCldrNames(folder / "en.xml").error().message.find("line 2"), std::string::npos);
    test::writeFile(folder / "en.xml", "<ldml/>");
    EXPECT_NE(readCldrNames(folder / "en.xml").error().message.find("names no character"), std::string::npos);
}

TEST(EmojiFont, SaysWhatIsMissingOrNoFont) {
    const test::TemporaryFolder folder;
    EXPECT_NE(EmojiFont::open(folder / "a.ttf").error().message.find("fonts-noto-color-emoji"), std::string::npos);
    test::writeFile(folder / "a.ttf", "no font");
    EXPECT_EQ(EmojiFont::open(folder / "a.ttf").error().code, ErrorCode::Format);
}

TEST(EmojiFont, LaysPremultipliedPixelsOverTheBackground) {
    const EmojiGlyph glyph{2, 1, {100, 50, 0, 128, 10, 20, 30, 255}};
    const Picture8 sheet = onSquare(glyph, 1, {255, 0, 200});
    ASSERT_EQ(sheet.width, 4);
    const auto at = [&](size_t x, size_t y) {
        return std::array<int, 3>{sheet.rgb[3 * (y * 4 + x)], sheet.rgb[3 * (y * 4 + x) + 1],
                                  sheet.rgb[3 * (y * 4 + x) + 2]};
    };
    EXPECT_EQ(at(0, 0), (std::array<int, 3>{255, 0, 200}));
    EXPECT_EQ(at(1, 1), (std::array<int, 3>{100 + 127, 50, (200 * 127 + 127) / 255}));
    EXPECT_EQ(at(2, 1), (std::array<int, 3>{10, 20, 30}));
}

TEST(EmojiSet, IsReadBackWithItsClassesAndFoundInItsGallery) {
    SKIP_WITHOUT_EMOJI();
    const test::TemporaryFolder folder;
    const auto summary = writeEmojiSet(toyRequest(folder / "set"));
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    EXPECT_EQ(summary->pictures, 18);
    EXPECT_EQ(summary->prompts, 18);  // six names, two phrasings each
    const auto set = openPictureSet((folder / "set").string());
    ASSERT_TRUE(set.ok()) << set.error().message;
    ASSERT_EQ((*set)->size(), 18);
    EXPECT_EQ((*set)->classNames()[0], "grinning face");
    const auto gallery = EmojiGallery::make(**set, 32);
    ASSERT_TRUE(gallery.ok()) << gallery.error().message;
    const EmojiFont font = EmojiFont::open(emojiFontFile).orThrow();
    const auto choice = chooseEmoji({}, 6).orThrow();
    for (int64_t i = 0; i < 18; ++i) {
        EXPECT_EQ((*set)->item(i).label, i / 3);
        EXPECT_EQ((*set)->item(i).captions.size(), 6u);
        EXPECT_EQ((*set)->item(i).captions[0], (*set)->classNames()[static_cast<size_t>(i / 3)]);
        const Picture8 sheet =
            onSquare(*font.glyph(choice[static_cast<size_t>(i / 3)].character), emojiMargin, {255, 255, 255});
        if (i % 3 == 0) {
            EXPECT_EQ((*set)->picture(i).orThrow(), emojiView(sheet, 32));
        }
        const GalleryMatch match = gallery->nearest((*set)->picture(i).orThrow());
        EXPECT_EQ(match.item, i);
        EXPECT_EQ(match.difference, 0);
        // A view between those of the set: nearer to its class than to the other faces.
        EXPECT_EQ(gallery->nearest(emojiView(sheet, 32, 0.97, 0.4, -0.3)).label, i / 3);
    }
    const auto prompts = readEvaluationPrompts((folder / "set").string());
    ASSERT_TRUE(prompts.ok()) << prompts.error().message;
    for (const EvaluationPrompt& prompt : *prompts)
        EXPECT_EQ(std::ranges::count((*set)->classNames(), prompt.className), 1) << prompt.caption;
}

TEST(EmojiSet, KeepsItsBackgroundAndItsLabels) {
    SKIP_WITHOUT_EMOJI();
    const test::TemporaryFolder folder;
    EmojiSetRequest request = toyRequest(folder / "set");
    request.background = "102030";
    request.groups = {"fruit"};
    request.views = 1;
    request.target.layout = SetLayout::Tar;
    ASSERT_TRUE(writeEmojiSet(request).ok());
    const auto set = openPictureSet((folder / "set").string());
    const Picture8 picture = (*set)->picture(0).orThrow();
    EXPECT_EQ((std::vector<uint8_t>(picture.rgb.begin(), picture.rgb.begin() + 3)),
              (std::vector<uint8_t>{0x10, 0x20, 0x30}));
    const auto labels = ClassLabels::load(folder / "set/labels.json");
    ASSERT_TRUE(labels.ok()) << labels.error().message;
    EXPECT_EQ(labels->byIndex(0)->name, "red apple");
    EXPECT_EQ(labels->byIndex(0)->group, "fruit");
    EXPECT_EQ(labels->byIndex(0)->emoji, "🍎");
}

TEST(EmojiSet, RefusesBadRequestsAndWritesNothing) {
    const test::TemporaryFolder folder;
    const auto refused = [&](const EmojiSetRequest& request, const char* part) {
        const auto written = writeEmojiSet(request);
        ASSERT_FALSE(written.ok());
        EXPECT_NE(written.error().message.find(part), std::string::npos) << written.error().message;
    };
    EmojiSetRequest request = toyRequest(folder / "set");
    request.count = 600;
    refused(request, "expected 1 to 512");
    request = toyRequest(folder / "set");
    request.background = "mauve";
    refused(request, "'mauve' is no colour");
    request = toyRequest(folder / "set");
    request.names = folder / "nowhere.xml";
    refused(request, "unicode-cldr-core");
    EXPECT_TRUE(folder.names().empty());
}

TEST(EmojiGallery, RefusesASetWithoutClasses) {
    EXPECT_FALSE(EmojiGallery::make(*test::toySet(3, 0), 4).ok());
    const auto gallery = EmojiGallery::make(*test::toySet(6, 2, {1}), 4);
    ASSERT_TRUE(gallery.ok());
    EXPECT_EQ(gallery->size(), 5);
    const GalleryMatch match =
        gallery->nearest(test::flatPicture(9, 9, {1, 2, 254}));  // item 1 is broken: 0 and 2 are as near
    EXPECT_EQ(match.item, 0);
    EXPECT_EQ(match.difference, 2.0);  // (1 + 4 + 1) / 3
}

}  // namespace
}  // namespace moescope
