// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/generation_parameters.h"
#include "engine/io/png_file.h"
#include "engine/io/session_file.h"
#include "tests/app/cli_process.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;

class Generate : public CliTest {};

TEST_F(Generate, WritesPictureSessionAndReportAndSaysWhichClassItTook) {
    const CliResult run = runCli({"generate", "-m", "embedded-emoji", "-p", "a photo of a red heart", "-s", "5", "--steps", "4", "-o", file("a.png"), "--session",
                                  file("a.moescope"), "--report", file("a.txt")});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("class 145 'red heart'"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("seed 5"), std::string::npos);
    const auto png = readPng(file("a.png"));
    ASSERT_TRUE(png.ok());
    EXPECT_EQ(png->picture.width, 32);
    EXPECT_NE(png->text("parameters")->find("Steps: 4, Sampler: Heun, CFG scale: 2.5, Seed: 5"), std::string::npos);
    const auto session = openSession(file("a.moescope"));
    ASSERT_TRUE(session.ok()) << session.error().message;
    EXPECT_EQ((*session)->pictures[0], png->picture);
    EXPECT_EQ((*session)->routing.records.size(), 7u * 2 * 4);
    EXPECT_NE(readFile(file("a.txt")).find("Block 7 (MoE layer 3)"), std::string::npos);
    for (const char* name : {"a.png", "a.moescope", "a.txt"})
        EXPECT_EQ(readFile(file(name)).find(folder.string()), std::string::npos) << name << " holds an absolute path";
}

TEST_F(Generate, RepeatsAPictureFromItsOwnSettings) {
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "-p", "rocket", "-s", "31", "--steps", "3", "--sampling-method", "euler", "--cfg-scale", "3.5", "--cfg-interval",
                      "0.2,0.9", "-b", "2", "-n", "pizza", "-o", file("a.png")})
                  .status,
              0);
    ASSERT_EQ(runCli({"generate", "--from", file("a-2.png"), "-o", file("again.png")}).status, 0);
    EXPECT_EQ(readPng(file("again.png"))->picture, readPng(file("a-2.png"))->picture);
    ASSERT_EQ(runCli({"generate", "--from", file("a-2.png"), "--cfg-scale", "1", "-o", file("other.png")}).status, 0);
    EXPECT_NE(readPng(file("other.png"))->picture, readPng(file("a-2.png"))->picture) << "options beat the picture's settings";
}

TEST_F(Generate, LeavesSettingsOutOnRequest) {
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "--class", "66", "--steps", "2", "--no-metadata", "-o", file("a.png")}).status, 0);
    EXPECT_TRUE(readPng(file("a.png"))->texts.empty());
    const CliResult repeat = runCli({"generate", "--from", file("a.png"), "-o", file("b.png")});
    EXPECT_EQ(repeat.status, 1);
    EXPECT_NE(repeat.err.find("no settings"), std::string::npos) << repeat.err;
}

TEST_F(Generate, KeepsThePictureOfAPromptThatIsNoUtf8) {
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "-p", "cat \xFF", "--steps", "1", "-o", file("a.png")}).status, 0);
    const auto png = readPng(file("a.png"));
    ASSERT_TRUE(png.ok());
    EXPECT_TRUE(png->text("parameters")->starts_with("cat \uFFFD\n"));
}

TEST_F(Generate, ImageOfABatchEqualsTheOneMadeAloneWithTheNextSeed) {
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "--class", "66", "-s", "9", "-b", "2", "--steps", "3", "-o", file("a.png")}).status, 0);
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "--class", "66", "-s", "10", "--steps", "3", "-o", file("b.png")}).status, 0);
    EXPECT_EQ(readPng(file("a-2.png"))->picture, readPng(file("b.png"))->picture);
}

TEST_F(Generate, RunsOnePromptPerLineOfAFile) {
    std::ofstream(file("prompts.txt")) << "\xEF\xBB\xBFred apple\n\nblue heart\r\n";
    const CliResult run = runCli({"generate", "-m", "embedded-emoji", "--prompt-file", file("prompts.txt"), "-s", "1", "--steps", "2", "-o", file("p.png"), "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const Json results = Json::parse(run.out);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0]["className"], "red apple");
    EXPECT_EQ(results[1]["className"], "blue heart");
    EXPECT_TRUE(std::filesystem::exists(file("p-2.png")));
}

TEST_F(Generate, KeepsNothingHalfWrittenWhenAFileCanNotBeWritten) {
    std::filesystem::create_directories(folder / "taken.png");  // a folder of that name
    const CliResult run = runCli({"generate", "-m", "embedded-emoji", "-p", "cat", "--steps", "2", "-o", file("taken.png"), "--session", file("s.moescope")});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("taken.png"), std::string::npos) << run.err;
    EXPECT_TRUE(openSession(file("s.moescope")).ok()) << "the run is kept";
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
}

TEST_F(Generate, StopsOnCtrlC) {
    const CliResult run = runCli({"generate", "-m", "embedded-emoji", "-p", "cat", "--steps", "10000", "-o", file("a.png")}, 700);
    EXPECT_EQ(run.status, 1) << run.out << run.err;
    EXPECT_NE(run.err.find("cancelled"), std::string::npos) << run.err;
    EXPECT_FALSE(std::filesystem::exists(file("a.png")));
}

struct BadInput {
    std::vector<std::string> arguments;
    int status;
    const char* says;
};

void PrintTo(const BadInput& input, std::ostream* out) {
    for (const std::string& word : input.arguments) *out << '\'' << word << "' ";
}

class BadGenerateInput : public testing::TestWithParam<BadInput> {};

TEST_P(BadGenerateInput, EndsWithOneSentence) {
    std::vector<std::string> arguments{"generate", "-o", "/tmp/moescope-never-written.png"};
    arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
    if (std::ranges::find(arguments, "-m") == arguments.end()) arguments.insert(arguments.end(), {"-m", "embedded-emoji"});
    const CliResult run = runCli(arguments);
    EXPECT_EQ(run.status, GetParam().status) << run.err;
    EXPECT_NE(run.err.find(GetParam().says), std::string::npos) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_FALSE(std::filesystem::exists("/tmp/moescope-never-written.png"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadGenerateInput,
    testing::Values(BadInput{{}, 2, "say what to draw"}, BadInput{{"-p", ""}, 2, "say what to draw"},
                    BadInput{{"-p", "   "}, 2, "prompt"}, BadInput{{"-p", "xyzzyq"}, 2, "no class"}, BadInput{{"--class", "257"}, 2, "0 to 255"},
                    BadInput{{"--class", "-1"}, 2, "out of range"}, BadInput{{"--class", "zebraaa"}, 2, "no class"},
                    BadInput{{"-p", "cat", "--steps", "0"}, 2, "1 to 10000"}, BadInput{{"-p", "cat", "--steps", "99999"}, 2, "1 to 10000"},
                    BadInput{{"-p", "cat", "--steps", "many"}, 2, "--steps"}, BadInput{{"-p", "cat", "-s", "x"}, 2, "seed"},
                    BadInput{{"-p", "cat", "-s", "18446744073709551616"}, 2, "seed"}, BadInput{{"-p", "cat", "-s", "-2"}, 2, "seed"},
                    BadInput{{"-p", "cat", "--cfg-scale", "nan"}, 2, "guidance scale"},
                    BadInput{{"-p", "cat", "--cfg-interval", "0.5"}, 2, "LO,HI"}, BadInput{{"-p", "cat", "--cfg-interval", "0.9,0.1"}, 2, "LO <= HI"},
                    BadInput{{"-p", "cat", "--cfg-interval", "-1,2"}, 2, "interval"}, BadInput{{"-p", "cat", "-b", "0"}, 2, "1 to 4096"},
                    BadInput{{"-p", "cat", "--noise-scale", "-3"}, 2, "noise scale"}, BadInput{{"-p", "cat", "--rng", "dice"}, 2, "torch-cpu"},
                    BadInput{{"-p", "cat", "--capture", "everything"}, 2, "--capture"},
                    BadInput{{"-p", "cat", "--capture", "scores", "--capture-layers", "2"}, 2, "block 2"},
                    BadInput{{"-p", "cat", "--capture", "scores", "--capture-layers", "2147483647"}, 2, "block 2147483647"},
                    BadInput{{"-p", "cat", "--capture-steps", "30"}, 2, "step 30"}, BadInput{{"-p", "cat", "--capture-steps", "a-b"}, 2, "ranges"},
                    BadInput{{"-p", "cat", "--class", "3"}, 2, "excludes"}, BadInput{{"-p", "cat", "--session", "/nowhere/at/all.moescope"}, 2, "does not exist"},
                    BadInput{{"-p", "cat", "-m", "/nope.pt"}, 1, "no file or folder"}, BadInput{{"-p", "cat", "--weights", "ema"}, 2, "weight set"},
                    BadInput{{"-p", "cat", "--set", "heads"}, 2, "NAME=VALUE"}, BadInput{{"-p", "cat", "--prompt-file", "/x"}, 2, "excludes"},
                    BadInput{{"--prompt-file", "/nope.txt"}, 1, "can not be read"}, BadInput{{"-p", "cat", "-n", "xyzzyq"}, 2, "no class"},
                    BadInput{{"-p", "cat", "--bogus"}, 2, "--bogus"}, BadInput{{"--from", "/nope.png"}, 1, "nope.png"}),
    [](const auto& info) { return "Case" + std::to_string(info.index); });

}  // namespace
}  // namespace moescope::test
