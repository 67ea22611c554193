// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/set_statistics.h"

#include <gtest/gtest.h>

#include "engine/data/evaluation_prompts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope {
namespace {

TEST(SetStatistics, CountsWhatASetHolds) {
    const auto statistics = measureSet(*test::toySet(7, 2, {5, 1}), 2);
    ASSERT_TRUE(statistics.ok()) << statistics.error().message;
    EXPECT_EQ(statistics->items, 7);
    EXPECT_EQ(statistics->perClass, (std::vector<int64_t>{4, 3}));
    EXPECT_EQ(statistics->captions, 14);
    EXPECT_EQ(statistics->differentCaptions, 14);
    EXPECT_EQ(statistics->words, 7 + 2);  // 0 .. 6, a, b
    ASSERT_EQ(statistics->sizes.size(), 1u);
    EXPECT_EQ(statistics->sizes[0].pictures, 5);
    ASSERT_EQ(statistics->broken.size(), 2u);
    EXPECT_EQ(statistics->broken[0].key, "1.png");
    EXPECT_EQ(measureSet(*test::toySet(3, 0), 1)->unlabelled, 3);
    EXPECT_EQ(measureSet(*test::toySet(3, 0), 1, [](int64_t, int64_t) { return false; }).error().code,
              ErrorCode::Cancelled);
}

TEST(SetStatistics, DrawsAContactSheetOfTheWholeSet) {
    const auto sheet = contactSheet(*test::toySet(100, 2, {0}), 4, 3);
    ASSERT_TRUE(sheet.ok()) << sheet.error().message;
    ASSERT_EQ(sheet->width, 9);
    ASSERT_EQ(sheet->height, 9);
    const auto red = [&](size_t x, size_t y) { return static_cast<int>(sheet->rgb[3 * (y * 9 + x)]); };
    EXPECT_EQ(red(0, 0), 200);  // the line around
    EXPECT_EQ(red(1, 1), 128);  // item 0 is broken
    EXPECT_EQ(red(5, 1), 25);
    EXPECT_EQ(red(1, 5), 50);
    EXPECT_EQ(red(7, 7), 75);
    EXPECT_FALSE(contactSheet(*test::toySet(1, 0), 1'000'000, 512).ok());
}

TEST(EvaluationPrompts, NameTheLineThatIsWrong) {
    const test::TemporaryFolder folder;
    for (const auto& [line, part] : std::initializer_list<std::pair<const char*, const char*>>{
             {"{\"kind\": \"name\", \"caption\": \"a\"}\nnonsense", "line 2 of evaluation.jsonl"},
             {"{\"caption\": \"a\"}", "kind"},
             {"{\"kind\": \"single\", \"caption\": \"a\", \"scene\": {\"objects\": 3}}", "objects"}}) {
        test::writeFile(folder / "evaluation.jsonl", std::string_view(line));
        const auto prompts = readEvaluationPrompts(folder.path().string());
        ASSERT_FALSE(prompts.ok()) << line;
        EXPECT_NE(prompts.error().message.find(part), std::string::npos) << prompts.error().message;
    }
}

}  // namespace
}  // namespace moescope
