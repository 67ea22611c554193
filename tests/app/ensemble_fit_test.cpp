// SPDX-License-Identifier: GPL-3.0-or-later
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/png_file.h"
#include "tests/app/cli_process.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;

class EnsembleFit : public CliTest {
protected:
    void SetUp() override {
        CliTest::SetUp();
        const Json expert = {{"file", MOESCOPE_RESOURCES "/embedded/emoji32.safetensors"}};
        Json ensemble{{"schema", "moescope.ensemble/v1"}, {"top_k", 1}, {"router", {{"kind", "rules"}}}};
        for (const char* name : {"dark", "bright"}) {
            ensemble["experts"].push_back(expert);
            ensemble["experts"].back()["name"] = name;
        }
        std::ofstream(mix()) << ensemble.dump();
        std::ofstream prompts(file("prompts.tsv"));
        for (const char* what : {"cat", "house", "boat", "road", "tree", "lake"})
            prompts << "a " << what << " at night\tdark\na " << what << " in the sun\tbright\n";
    }
    std::string mix() const { return file("mix.moe.json"); }
    void drawPictures(const std::string& name, int level) const {
        std::filesystem::create_directory(folder / name);
        for (int i = 0; i < 10; ++i) {
            Picture picture{40, 36, std::vector<uint8_t>(40 * 36 * 3)};
            for (size_t at = 0; at < picture.rgb.size(); ++at)
                picture.rgb[at] = static_cast<uint8_t>(level + (at * 7 + static_cast<size_t>(i) * 13) % 40);
            ASSERT_TRUE(writePng(folder / name / (std::to_string(i) + ".png"), picture).ok());
        }
    }
};

TEST_F(EnsembleFit, LearnsFromPromptsAndSaysHowWell) {
    const CliResult run = runCli({"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--holdout", "0.5"});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("accuracy on 6 held-out examples: 100.0 %"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("dark         3       0"), std::string::npos) << run.out;
    const Json ensemble = Json::parse(readFile(mix()));
    EXPECT_EQ(ensemble["router"]["kind"], "learned");
    EXPECT_EQ(ensemble["experts"].size(), 2u);
    EXPECT_TRUE(std::filesystem::exists(file("mix.router.safetensors")));
}

TEST_F(EnsembleFit, LearnsFromFoldersOfPictures) {
    drawPictures("night", 10);
    drawPictures("day", 200);
    const CliResult run = runCli({"ensemble", "fit", mix(), "--pictures", "dark=" + file("night"), "bright=" + file("day"), "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const Json report = Json::parse(run.out);
    EXPECT_EQ(report["examples"], 20 * 7);
    EXPECT_EQ(report["held_out"], 4 * 7);
    // At the noisiest of the seven levels the mean of 64 pixels times 0.05 is well inside the noise; the other six tell.
    EXPECT_GE(report["held_out_accuracy"], 6.0 / 7);
    EXPECT_EQ(Json::parse(readFile(mix()))["router"]["picture"]["channels"], 3);
}

TEST_F(EnsembleFit, PicturesForLatentExpertsGoThroughTheVaeThatIsGiven) {
    drawPictures("night", 10);
    drawPictures("day", 200);
    Json ensemble = Json::parse(readFile(mix()));
    for (Json& expert : ensemble["experts"]) expert["file"] = MOESCOPE_TEST_DATA "/golden/dsmoe-tiny";
    ensemble.erase("router");  // it is to be made
    std::ofstream(mix()) << ensemble.dump();
    const std::vector<std::string> fit{"ensemble", "fit", mix(), "--pictures", "dark=" + file("night"), "bright=" + file("day"), "--json"};
    setenv("HF_HUB_CACHE", file("empty").c_str(), 1);
    CliResult run = runCli(fit);
    unsetenv("HF_HUB_CACHE");
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("--vae"), std::string::npos) << run.err;
    std::vector<std::string> withVae = fit;
    withVae.insert(withVae.end(), {"--vae", MOESCOPE_TEST_DATA "/golden/vae-tiny"});
    run = runCli(withVae);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out)["examples"], 20 * 7);
    const Json router = Json::parse(readFile(mix()))["router"];
    EXPECT_EQ(router["picture"]["channels"], 4);  // latents
    EXPECT_EQ(runCli({"ensemble", "info", mix()}).status, 0);
}

TEST_F(EnsembleFit, ExpertsThatDoNotFitTogetherAreASentence) {
    Json ensemble = Json::parse(readFile(mix()));
    ensemble["experts"][1]["file"] = MOESCOPE_TEST_DATA "/golden/dsmoe-tiny";
    std::ofstream(mix()) << ensemble.dump();
    drawPictures("night", 10);
    const CliResult run = runCli({"ensemble", "fit", mix(), "--pictures", "dark=" + file("night"), "bright=" + file("night")});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("share one picture"), std::string::npos) << run.err;
}

TEST_F(EnsembleFit, AddedExpertsGetRowsAndTheOthersKeepTheirs) {
    ASSERT_EQ(runCli({"ensemble", "fit", mix(), "--prompts", file("prompts.tsv")}).status, 0);
    Json ensemble = Json::parse(readFile(mix()));
    ensemble["experts"].push_back(ensemble["experts"][0]);
    ensemble["experts"].back()["name"] = "foggy";
    std::ofstream(mix()) << ensemble.dump();
    std::ofstream(file("prompts.tsv"), std::ios::app) << "a cat in fog\tfoggy\nthick fog\tfoggy\n";
    const CliResult run = runCli({"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--keep-rows", "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out)["confusion"].size(), 3u);
}

TEST_F(EnsembleFit, WrongRequestsAreSentencesAndChangeNothing) {
    const std::string before = readFile(mix());
    const std::vector<std::pair<std::vector<std::string>, int>> cases{
        {{"ensemble", "fit", mix()}, 2},
        {{"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--pictures", "dark=x"}, 2},
        {{"ensemble", "fit", mix(), "--pictures", "dark=" + folder.string()}, 2},
        {{"ensemble", "fit", mix(), "--pictures", "dusk=" + folder.string()}, 2},
        {{"ensemble", "fit", mix(), "--prompts", file("nowhere")}, 1},
        {{"ensemble", "fit", file("nowhere.moe.json"), "--prompts", file("prompts.tsv")}, 1},
        {{"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--keep-rows"}, 1},
        {{"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--holdout", "1"}, 2},
        {{"ensemble", "fit", mix(), "--prompts", file("prompts.tsv"), "--l2", "0"}, 2},
    };
    for (const auto& [arguments, status] : cases) {
        const CliResult run = runCli(arguments);
        EXPECT_EQ(run.status, status) << run.err;
        EXPECT_FALSE(run.err.empty());
        EXPECT_TRUE(run.out.empty()) << run.out;
    }
    EXPECT_EQ(readFile(mix()), before);
    EXPECT_FALSE(std::filesystem::exists(file("mix.router.safetensors")));
}

}  // namespace
}  // namespace moescope::test
