// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/scene_set.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "engine/data/evaluation_prompts.h"
#include "engine/data/scene_checker.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

SceneSetRequest toyRequest(const fs::path& folder, SetLayout layout = SetLayout::Folder) {
    SceneSetRequest request;
    request.target = {folder, layout};
    request.count = 30;
    request.prompts = 10;
    return request;
}

TEST(SceneSet, IsReadBackAsItWasDrawn) {
    const test::TemporaryFolder folder;
    const auto summary = writeSceneSet(toyRequest(folder / "set"));
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    EXPECT_EQ(summary->pictures, 30);
    EXPECT_EQ(summary->prompts, 30);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"set"});
    const auto set = openPictureSet((folder / "set").string());
    ASSERT_TRUE(set.ok()) << set.error().message;
    ASSERT_EQ((*set)->size(), 30);
    EXPECT_TRUE((*set)->classNames().empty());
    EXPECT_TRUE((*set)->remarks().empty());
    std::ifstream metadata(folder / "set/metadata.jsonl");
    int wrong = 0;
    std::string line;
    for (int64_t i = 0; i < 30; ++i) {
        EXPECT_GE((*set)->item(i).captions.size(), 3u);
        ASSERT_TRUE(std::getline(metadata, line));
        const auto json = nlohmann::json::parse(line);
        EXPECT_EQ(json["file_name"], (*set)->item(i).key);
        const auto scene = sceneFrom(json["scene"]);
        ASSERT_TRUE(scene.ok());
        wrong += !checkScene((*set)->picture(i).orThrow(), *scene).holdsInEveryDetail();
    }
    EXPECT_LE(wrong, 1);
}

TEST(SceneSet, HoldsTheSameInShards) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(writeSceneSet(toyRequest(folder / "plain")).ok());
    SceneSetRequest request = toyRequest(folder / "shards", SetLayout::Tar);
    request.target.perShard = 12;
    ASSERT_TRUE(writeSceneSet(request).ok());
    const auto plain = openPictureSet((folder / "plain").string()),
               shards = openPictureSet((folder / "shards").string());
    ASSERT_TRUE(shards.ok()) << shards.error().message;
    ASSERT_EQ((*shards)->size(), 30);
    EXPECT_TRUE(fs::exists(folder / "shards/shard-00002.tar"));
    for (int64_t i = 0; i < 30; ++i) {
        EXPECT_EQ((*plain)->picture(i).orThrow(), (*shards)->picture(i).orThrow());
        EXPECT_EQ((*plain)->item(i).captions, (*shards)->item(i).captions);
    }
    EXPECT_EQ(test::fileBytes(folder / "plain/evaluation.jsonl"), test::fileBytes(folder / "shards/evaluation.jsonl"));
}

TEST(SceneSet, AsksOnlyForWhatTrainingLacks) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(writeSceneSet(toyRequest(folder / "set")).ok());
    const auto prompts = readEvaluationPrompts((folder / "set").string());
    ASSERT_TRUE(prompts.ok()) << prompts.error().message;
    const auto set = openPictureSet((folder / "set").string());
    int singles = 0;
    for (const EvaluationPrompt& prompt : *prompts) {
        singles += prompt.kind == "single";
        ASSERT_TRUE(prompt.scene.has_value());
        if (prompt.kind == "pair") {
            EXPECT_EQ(prompt.scene->relations.size(), 1u);
        }
        for (int64_t i = 0; i < (*set)->size(); ++i)
            EXPECT_EQ(std::ranges::count((*set)->item(i).captions, prompt.caption), 0) << prompt.caption;
    }
    EXPECT_EQ(singles, 10);
    EXPECT_EQ(readEvaluationPrompts(folder.path().string()).error().code, ErrorCode::NotFound);
}

TEST(SceneSet, ReplacesOnlyItsOwnAndOnlyWhenAsked) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(writeSceneSet(toyRequest(folder / "set")).ok());
    SceneSetRequest again = toyRequest(folder / "set");
    again.count = 3;
    EXPECT_NE(writeSceneSet(again).error().message.find("--force"), std::string::npos);
    again.target.replace = true;
    ASSERT_TRUE(writeSceneSet(again).ok());
    EXPECT_EQ(openPictureSet((folder / "set").string()).orThrow()->size(), 3);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"set"});
    fs::create_directory(folder / "photos");
    test::writeFile(folder / "photos/holiday.txt", "keep me");
    again.target.folder = folder / "photos";
    EXPECT_NE(writeSceneSet(again).error().message.find("no data set of this program"), std::string::npos);
    EXPECT_TRUE(fs::exists(folder / "photos/holiday.txt"));
    fs::create_directory(folder / "empty");
    again.target.folder = folder / "empty/";
    EXPECT_TRUE(writeSceneSet(again).ok());
}

TEST(SceneSet, LeavesNothingWhenItIsStopped) {
    const test::TemporaryFolder folder;
    const auto stopped = writeSceneSet(toyRequest(folder / "set"), [](int64_t done, int64_t) { return done < 7; });
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
    EXPECT_TRUE(folder.names().empty());
}

TEST(SceneSet, RefusesNumbersOutOfRange) {
    const test::TemporaryFolder folder;
    SceneSetRequest request = toyRequest(folder / "set");
    request.count = 0;
    EXPECT_EQ(writeSceneSet(request).error().message, "the number of pictures has to be 1 to 100000000, found 0");
    EXPECT_TRUE(folder.names().empty());
}

/// In a child process whose files may hold few bytes, as on a disk with that much left.
void exitWithFullDisk(const fs::path& folder, SetLayout layout) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5'000, 5'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    SceneSetRequest request = toyRequest(folder / "set", layout);
    request.target.replace = true;
    const auto written = writeSceneSet(request);
    std::_Exit(!written.ok() && written.error().code == ErrorCode::NoSpace &&
                       written.error().message.find("could not be written") != std::string::npos
                   ? 0
                   : 1);
}

TEST(SceneSet, KeepsTheOldSetOnAFullDisk) {
    for (const SetLayout layout : {SetLayout::Folder, SetLayout::Tar}) {
        const test::TemporaryFolder folder;
        ASSERT_TRUE(writeSceneSet(toyRequest(folder / "set", layout)).ok());
        EXPECT_EXIT(exitWithFullDisk(folder.path(), layout), testing::ExitedWithCode(0), "");
        EXPECT_EQ(folder.names(), std::vector<std::string>{"set"});
        EXPECT_EQ(openPictureSet((folder / "set").string()).orThrow()->size(), 30);
    }
}

}  // namespace
}  // namespace moescope
