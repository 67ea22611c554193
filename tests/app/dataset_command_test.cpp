// SPDX-License-Identifier: GPL-3.0-or-later
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/png_file.h"
#include "tests/app/cli_process.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

class DatasetCommand : public CliTest {};

TEST_F(DatasetCommand, DrawsScenesAndSaysWhatTheyHold) {
    const CliResult made =
        runCli({"dataset", "scenes", "-o", file("scenes"), "--count", "12", "--prompts", "4", "--json"});
    ASSERT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(Json::parse(made.out)["pictures"], 12);
    EXPECT_EQ(Json::parse(made.out)["prompts"], 12);
    const CliResult looked =
        runCli({"dataset", "folder", file("scenes"), "-o", file("sheet.png"), "--cell", "32", "--json"});
    ASSERT_EQ(looked.status, 0) << looked.err;
    const Json told = Json::parse(looked.out);
    EXPECT_EQ(told["pictures"], 12);
    EXPECT_EQ(told["sizes"], Json::parse(R"([{"width": 32, "height": 32, "pictures": 12}])"));
    EXPECT_TRUE(told["broken"].empty());
    const auto sheet = readPng(file("sheet.png"));
    ASSERT_TRUE(sheet.ok());
    EXPECT_EQ(sheet->picture.width, 4 * 33 + 1);
    EXPECT_EQ(sheet->picture.height, 3 * 33 + 1);
}

TEST_F(DatasetCommand, DrawsEmojiAsShards) {
    if (!fs::exists("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf") ||
        !fs::exists("/usr/share/unicode/cldr/common/annotations/en.xml"))
        GTEST_SKIP() << "there is no Noto Color Emoji or no CLDR";
    const CliResult made = runCli({"dataset", "emoji", "-o", file("emoji"), "--groups", "fruit,sky", "--count", "5",
                                   "--views", "2", "--tar", "--per-shard", "4"});
    ASSERT_EQ(made.status, 0) << made.err;
    EXPECT_NE(made.out.find("10 pictures of 5 classes"), std::string::npos) << made.out;
    EXPECT_TRUE(fs::exists(file("emoji/shard-00002.tar")));
    const CliResult looked = runCli({"dataset", "folder", file("emoji")});
    ASSERT_EQ(looked.status, 0) << looked.err;
    EXPECT_NE(looked.out.find("red apple: 2 pictures"), std::string::npos) << looked.out;
}

TEST_F(DatasetCommand, ListsBrokenFilesWithReasons) {
    fs::create_directories(file("photos/cats"));
    ASSERT_TRUE(writePng(file("photos/cats/good.png"), {3, 2, std::vector<uint8_t>(18, 100)}).ok());
    std::ofstream(file("photos/cats/bad.jpg")) << "this is no picture";
    std::ofstream(file("photos/cats/empty.webp")).flush();
    const CliResult looked = runCli({"dataset", "folder", file("photos")});
    ASSERT_EQ(looked.status, 0) << looked.err;
    EXPECT_NE(looked.out.find("3 pictures, 2 of them broken"), std::string::npos) << looked.out;
    EXPECT_NE(looked.out.find("cats/bad.jpg: the file is no PNG, JPEG or WebP"), std::string::npos) << looked.out;
    EXPECT_NE(looked.out.find("cats/empty.webp: the file is empty"), std::string::npos) << looked.out;
    fs::remove(file("photos/cats/good.png"));
    EXPECT_EQ(runCli({"dataset", "folder", file("photos")}).status, 1);
}

TEST_F(DatasetCommand, WrongRequestsAreSentencesAndWriteNothing) {
    const std::vector<std::pair<std::vector<std::string>, int>> cases{
        {{"dataset"}, 2},
        {{"dataset", "scenes"}, 2},
        {{"dataset", "scenes", "-o", file("a"), "--count", "0"}, 2},
        {{"dataset", "scenes", "-o", file("a"), "--size", "5"}, 2},
        {{"dataset", "emoji", "-o", file("a"), "--groups", "trains"}, 2},
        {{"dataset", "emoji", "-o", file("a"), "--count", "9999"}, 2},
        {{"dataset", "emoji", "-o", file("a"), "--annotations", file("no.xml"), "--count", "1"}, 1},
        {{"dataset", "folder", file("nowhere")}, 1},
        {{"dataset", "folder", folder.string()}, 1},
    };
    for (const auto& [arguments, status] : cases) {
        const CliResult run = runCli(arguments);
        EXPECT_EQ(run.status, status) << run.err;
        EXPECT_EQ(run.out, "");
        EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    }
    EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(DatasetCommand, LeavesNothingWhenInterrupted) {
    const CliResult run = runCli({"dataset", "scenes", "-o", file("many"), "--count", "5000000"}, 1500);
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("it was stopped"), std::string::npos) << run.err;
    EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace
}  // namespace moescope::test
