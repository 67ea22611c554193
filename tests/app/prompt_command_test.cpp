// SPDX-License-Identifier: GPL-3.0-or-later
// Models that read prompts on the command line: generate, info, label, export and evaluate with a toy network.
#include <nlohmann/json.hpp>

#include "engine/io/png_file.h"
#include "engine/io/session_file.h"
#include "tests/app/cli_process.h"
#include "tests/support/prompt_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;

class PromptModel : public CliTest {
protected:
    void SetUp() override {
        CliTest::SetUp();
        PromptToy().write(folder / "toy.safetensors");
    }
    std::vector<std::string> generate(std::vector<std::string> more) const {
        std::vector<std::string> all{"generate", "-m", file("toy.safetensors"), "-s", "3", "--steps", "2"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
};

TEST_F(PromptModel, DrawsWhatAPromptSaysAndTellsHowItWasRead) {
    const CliResult red = runCli(generate({"-p", "a red heart", "-o", file("red.png")}));
    ASSERT_EQ(red.status, 0) << red.err;
    EXPECT_NE(red.out.find("the prompt takes 3 of 5 places"), std::string::npos) << red.out;
    const CliResult stars = runCli(generate({"-p", "two green zebras of a red circle", "-o", file("stars.png")}));
    EXPECT_NE(stars.out.find("not known to the model: 'zebras'"), std::string::npos) << stars.out;
    EXPECT_NE(stars.out.find("no place left for"), std::string::npos) << stars.out;
    EXPECT_NE(readPng(file("red.png"))->picture, readPng(file("stars.png"))->picture);
}

TEST_F(PromptModel, IsLedAwayFromANegativePromptAndRepeatsIt) {
    ASSERT_EQ(runCli(generate({"-p", "a red heart", "-o", file("plain.png")})).status, 0);
    ASSERT_EQ(runCli(generate({"-p", "a red heart", "-n", "blurry", "-o", file("away.png")})).status, 0);
    EXPECT_NE(readPng(file("plain.png"))->picture, readPng(file("away.png"))->picture);
    ASSERT_EQ(
        runCli({"generate", "-m", file("toy.safetensors"), "--from", file("away.png"), "-o", file("again.png")}).status,
        0);
    EXPECT_EQ(readPng(file("away.png"))->picture, readPng(file("again.png"))->picture);
}

TEST_F(PromptModel, HasNoClasses) {
    for (const auto& wrong : {generate({"--class", "3", "-o", file("a.png")}), generate({"-o", file("a.png")})}) {
        const CliResult run = runCli(wrong);
        EXPECT_EQ(run.status, 2);
        EXPECT_NE(run.err.find("-p"), std::string::npos) << run.err;
    }
    EXPECT_NE(runCli({"label", "-m", file("toy.safetensors")}).err.find("reads the words"), std::string::npos);
}

TEST_F(PromptModel, IsToldFromClassModelsInScores) {
    // A class model is given the class that the words mean; its own pictures are nearest to themselves.
    for (const auto& [name, seed] : {std::pair{"red heart", "5"}, std::pair{"pizza", "6"}}) {
        std::filesystem::create_directories(folder / "set" / name);
        ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "-p", name, "-s", seed, "--steps", "3", "-o",
                          (folder / "set" / name / "1.png").string()})
                      .status,
                  0);
    }
    writeFile(folder / "set/evaluation.jsonl",
              std::string_view("{\"kind\": \"name\", \"caption\": \"red heart\", \"class\": \"red heart\"}\n"
                               "{\"kind\": \"name\", \"caption\": \"pizza\", \"class\": \"pizza\"}\n"
                               "{\"kind\": \"phrasing\", \"caption\": \"qqqq\", \"class\": \"pizza\"}\n"));
    const CliResult run =
        runCli({"evaluate", "-m", "embedded-emoji", "--data", file("set"), "--steps", "3", "-s", "5", "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const Json scores = Json::parse(run.out);
    EXPECT_EQ(scores["kinds"]["name"]["right"], 2) << run.out;
    EXPECT_EQ(scores["kinds"]["phrasing"]["right"], 0);
}

TEST_F(PromptModel, IsDescribed) {
    const Json info = Json::parse(runCli({"info", "-m", file("toy.safetensors"), "--json"}).out);
    EXPECT_EQ(info["condition"], "prompt");
    EXPECT_EQ(info["prompt"]["places"], 5);
    EXPECT_NE(runCli({"info", "-m", file("toy.safetensors")}).out.find("5 text tokens from block 1"),
              std::string::npos);
}

TEST_F(PromptModel, ExportsItsTextTokens) {
    ASSERT_EQ(runCli(generate({"-p", "a red heart", "-o", file("a.png"), "--session", file("a.moescope")})).status, 0);
    EXPECT_EQ(openSession(file("a.moescope")).orThrow()->classIds.size(), 0u);
    const CliResult run = runCli({"export", file("a.moescope"), "--data", file("a.json")});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(readFile(file("a.json")).find("\"text\""), std::string::npos);
}

TEST_F(PromptModel, IsScoredOnTheSetItLearned) {
    for (const char* name : {"red heart", "green star"}) {
        std::filesystem::create_directories(folder / "set" / name);
        writePngFile(folder / "set" / name / "1.png",
                     flatPicture(8, 8, {static_cast<uint8_t>(name[0] == 'r' ? 250 : 0), 200, 0}));
    }
    writeFile(
        folder / "set/evaluation.jsonl",
        std::string_view(
            "{\"kind\": \"name\", \"caption\": \"red heart\", \"class\": \"red heart\"}\n"
            "{\"kind\": \"name\", \"caption\": \"green star\", \"class\": \"green star\"}\n"
            "{\"kind\": \"single\", \"caption\": \"a red circle\", \"scene\": {\"objects\": [{\"shape\": \"circle\", "
            "\"colour\": \"red\"}]}}\n"));
    const CliResult run = runCli({"evaluate", "-m", file("toy.safetensors"), "--data", file("set"), "--steps", "2",
                                  "--sheet", file("sheet.png"), "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const Json scores = Json::parse(run.out);
    EXPECT_EQ(scores["kinds"]["name"]["prompts"], 2);
    EXPECT_EQ(scores["kinds"]["single"]["prompts"], 1);
    EXPECT_TRUE(scores["kinds"]["single"].contains("holds"));
    ASSERT_EQ(scores["prompts"].size(), 3u);
    EXPECT_EQ(readPng(file("sheet.png"))->picture.width, 3 * 9 + 1);
    const CliResult words = runCli({"evaluate", "-m", file("toy.safetensors"), "--data", file("set"), "--kinds", "name",
                                    "--limit", "1", "--steps", "2"});
    EXPECT_NE(words.out.find("of 1 right"), std::string::npos) << words.out;
    EXPECT_EQ(runCli({"evaluate", "-m", file("toy.safetensors"), "--data", file("nowhere")}).status, 1);
}

}  // namespace
}  // namespace moescope::test
