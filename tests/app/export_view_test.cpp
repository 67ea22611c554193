// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli export --view` on the sample run, whose numbers can be worked out by hand.
#include <array>
#include <filesystem>
#include <fstream>

#include "engine/io/session_file.h"
#include "tests/app/cli_process.h"
#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"

namespace moescope::test {
namespace {

class ExportView : public CliTest {
protected:
    void SetUp() override {
        CliTest::SetUp();
        ASSERT_TRUE(saveSession(sampleRun(), file("run.moescope")).ok());
    }
    CliResult view(const std::string& name, const std::string& output, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"export", file("run.moescope"), "--view", name, "-o", file(output)};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return runCli(arguments);
    }
    std::string csv(const std::string& name, std::vector<std::string> more = {}) {
        const CliResult run = view(name, "view.csv", std::move(more));
        EXPECT_EQ(run.status, 0) << run.err;
        return readFile(file("view.csv"));
    }
};

/// Width and height in a PNG's header.
std::array<int, 2> pngSize(const std::string& bytes) {
    if (bytes.size() < 24 || bytes.compare(1, 3, "PNG") != 0) return {0, 0};
    const auto number = [&](size_t at) {
        int value = 0;
        for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
        return value;
    };
    return {number(16), number(20)};
}

TEST_F(ExportView, TablesHoldTheNumbersOfTheRun) {
    EXPECT_EQ(csv("layer-expert", {"--evaluation", "1"}),
              "\"MoE layer (load, tokens)\",expert 0,expert 1,expert 2\n0 (block 1),3,3,2\n1 (block 3),4,4,4\n2 (block 5),0,4,0\n");
    EXPECT_EQ(csv("layer-expert", {"--evaluation", "1", "--branch", "difference", "--image", "0"}),
              "\"MoE layer (load, tokens)\",expert 0,expert 1,expert 2\n0 (block 1),-2,1,1\n1 (block 3),0,0,0\n2 (block 5),0,0,0\n");
    EXPECT_EQ(csv("expert-time", {"--branch", "uncond"}),
              "\"expert (load, tokens)\",evaluation 1,evaluation 2,evaluation 3\n0,8,8,\n1,0,0,\n2,0,0,\n");
    EXPECT_EQ(csv("load", {"--layer", "1", "--measure", "gate-mass", "--image", "1"}),
              "expert,gate mass (summed gate weight)\n0,0.75\n1,0.75\n2,0.75\n");
    EXPECT_EQ(csv("change", {"--image", "0"}),
              "\"evaluation (share that moved, of the layer's load)\",MoE layer 0 (block 1),MoE layer 1 (block 3),MoE layer 2 (block 5)\n"
              "1,,,\n2,0.25,0,0\n3,0.25,0,0\n");
    EXPECT_EQ(csv("balance", {"--balance", "unused", "--over", "layers"}), "MoE layer,unused experts\n0 (block 1),0\n1 (block 3),0\n2 (block 5),2\n");
    EXPECT_EQ(csv("balance", {"--balance", "max-over-mean"}).substr(0, 98),
              "\"evaluation (largest load, times the mean)\",MoE layer 0 (block 1),MoE layer 1 (block 3),MoE layer ");
}

TEST_F(ExportView, TablesHoldWhatTheOtherWaysOfRoutingNeed) {
    ASSERT_TRUE(saveSession(samplePoolRun(), file("run.moescope")).ok());
    EXPECT_EQ(csv("experts-per-token", {"--evaluation", "3"}), "experts,tokens\n0 (no expert took them),2\n1,3\n2,2\n3,1\n");
    EXPECT_EQ(csv("experts-per-token", {"--over", "time", "--branch", "uncond", "--image", "0"}),
              "experts (tokens),evaluation 1,evaluation 2,evaluation 3\n0 (no expert took them),0,0,\n1,4,3,\n2,0,1,\n3,0,0,\n");
    EXPECT_EQ(csv("capacity"), "\"expert (tokens taken, times an even share (N/E))\",threshold,evaluation 1,evaluation 2,evaluation 3\n"
                               "0,0.5,1.5,1.5,1.875\n1,0.25,0.375,0.75,1.5\n2,0.75,0,0,0.375\n");
    EXPECT_EQ(csv("capacity", {"--of", "unrouted"}), "\"evaluation (share, of the tokens)\",MoE layer 0 (block 2)\n1,0.375\n2,0.375\n3,0.25\n");
    ASSERT_TRUE(saveSession(sampleNetworksRun(), file("run.moescope")).ok());
    EXPECT_EQ(csv("networks", {"--image", "1"}), "evaluation (weight in the blend),cats,dogs,sketch\n1,0.75,0.25,\n2,,1,\n3,,0.5,0.5\n");
    EXPECT_EQ(csv("load", {"--layer", "2", "--image", "1", "--evaluation", "2"}), "expert,load (tokens)\n0,2\n1,2\n2,0\n3,0\n");
    EXPECT_NE(view("load", "view.csv", {"--layer", "2", "--image", "0", "--evaluation", "2"}).err.find("“dogs” did not work here"), std::string::npos);
    EXPECT_NE(view("overlay", "view.png", {"--layer", "0"}).err.find("chosen for a whole picture"), std::string::npos);
    EXPECT_NE(view("overlay", "view.png", {"--layer", "2", "--image", "0", "--evaluation", "2"}).err.find("\"dogs\" did not work"), std::string::npos);
}

TEST_F(ExportView, GateMassIsTheMeasureWhereCountsAreFlat) {
    ASSERT_TRUE(saveSession(sampleExpertChoiceRun(), file("run.moescope")).ok());
    EXPECT_EQ(csv("load", {"--evaluation", "1", "--image", "0"}), "expert,gate mass (summed gate weight)\n0,0.125\n1,0.25\n2,0.375\n");
    EXPECT_EQ(csv("load", {"--evaluation", "1", "--image", "0", "--measure", "counts"}), "expert,load (tokens)\n0,2\n1,2\n2,2\n");
}

TEST_F(ExportView, PicturesHaveTheAskedSize) {
    for (const char* name : {"layer-expert", "expert-time", "balance", "change", "load", "experts-per-token", "capacity"}) {
        const CliResult run = view(name, "view.png", {"--size", "600x400", "--scale", "1.5"});
        EXPECT_EQ(run.status, 0) << run.err;
        EXPECT_EQ(run.err, "");
        EXPECT_EQ(run.out, "wrote " + file("view.png") + "\n");
        EXPECT_EQ(pngSize(readFile(file("view.png"))), (std::array<int, 2>{900, 600})) << name;
    }
    const std::string light = readFile(file("view.png"));
    EXPECT_EQ(view("load", "view.png", {"--size", "600x400", "--scale", "1.5", "--dark"}).status, 0);
    EXPECT_NE(readFile(file("view.png")), light);
}

TEST_F(ExportView, SvgHoldsVectorsAndText) {
    EXPECT_EQ(view("layer-expert", "view.SVG", {"--evaluation", "2"}).status, 0);
    const std::string svg = readFile(file("view.SVG"));
    EXPECT_NE(svg.find("evaluation 2 of 3, t = 0.5, conditional, all 2 pictures together"), std::string::npos);
    EXPECT_NE(svg.find("1 (block 3)"), std::string::npos);
    EXPECT_EQ(svg.find("<image"), std::string::npos);
}

TEST_F(ExportView, OverlayTablesHoldEveryToken) {
    EXPECT_EQ(csv("overlay", {"--layer", "1", "--evaluation", "1"}),
              "token,kind,row,col,expert,gate\n0,class,,,2,0.25\n1,image,0,0,0,0.5\n2,image,0,1,,\n3,image,1,0,0,0.25\n4,image,1,1,1,0.25\n");
    EXPECT_EQ(csv("overlay", {"--layer", "1", "--map", "how-many"}),
              "token,kind,row,col,experts\n0,class,,,1\n1,image,0,0,3\n2,image,0,1,0\n3,image,1,0,1\n4,image,1,1,1\n");
    EXPECT_EQ(csv("overlay", {"--layer", "1", "--map", "one-expert", "--expert", "2"}),
              "token,kind,row,col,expert,gate\n0,class,,,2,0.25\n1,image,0,0,2,0.5\n2,image,0,1,2,\n3,image,1,0,2,\n4,image,1,1,2,\n");
    // Token t of picture i goes to expert (t + i + evaluation) % 3, without the prompt to expert 0.
    EXPECT_EQ(csv("overlay", {"--image", "1", "--evaluation", "1", "--branch", "difference"}),
              "token,kind,row,col,expert,gate,uncond_expert\n0,image,0,0,1,0.5,0\n1,image,0,1,2,0.625,0\n2,image,1,0,0,0.75,0\n3,image,1,1,1,0.875,0\n");
}

TEST_F(ExportView, OverlayAndFilmstripFitIntoTheAskedSize) {
    for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{"overlay"},
                                                                                      {"overlay", "--layer", "1", "--map", "how-many"},
                                                                                      {"overlay", "--layer", "1", "--map", "one-expert", "--expert", "0"},
                                                                                      {"overlay", "--branch", "difference", "--evaluation", "1"},
                                                                                      {"filmstrip"}}) {
        std::vector<std::string> options(more.begin() + 1, more.end());
        options.insert(options.end(), {"--size", "600x400", "--scale", "2"});
        const CliResult run = view(more[0], "view.png", options);
        EXPECT_EQ(run.status, 0) << run.err;
        EXPECT_EQ(run.err, "");
        const auto [width, height] = pngSize(readFile(file("view.png")));
        EXPECT_TRUE(width > 400 && width <= 1200 && height > 200 && height <= 800) << more[0] << ' ' << width << 'x' << height;
    }
    EXPECT_EQ(view("overlay", "a.png").status, 0);
    EXPECT_EQ(view("overlay", "b.png", {"--opacity", "90"}).status, 0);
    EXPECT_EQ(view("overlay", "c.png", {"--image", "1"}).status, 0);
    EXPECT_NE(readFile(file("a.png")), readFile(file("b.png")));
    EXPECT_NE(readFile(file("a.png")), readFile(file("c.png")));
}

TEST_F(ExportView, PictureViewsAsSvgKeepTheirTexts) {
    EXPECT_EQ(view("overlay", "view.svg", {"--evaluation", "2"}).status, 0);
    const std::string overlay = readFile(file("view.svg"));
    EXPECT_NE(overlay.find("Main expert of each token, MoE layer 0 (block 1)"), std::string::npos);
    EXPECT_NE(overlay.find("red heart, seed 7, picture 1 of 2, evaluation 2 of 3, t = 0.5, conditional"), std::string::npos);
    EXPECT_NE(overlay.find("<image"), std::string::npos);
    EXPECT_EQ(view("filmstrip", "view.svg", {"--image", "1"}).status, 0);
    const std::string strip = readFile(file("view.svg"));
    EXPECT_NE(strip.find("red heart, seed 8"), std::string::npos);
    EXPECT_NE(strip.find("step 1, 2nd"), std::string::npos);
}

TEST_F(ExportView, OverlaysOfWhatIsNotThereAreRefused) {
    const auto refused = [&](std::vector<std::string> more, const std::string& words) {
        const CliResult run = view("overlay", "v.png", std::move(more));
        EXPECT_EQ(run.status, 2) << run.out;
        EXPECT_NE(run.err.find(words), std::string::npos) << run.err;
    };
    refused({"--map", "all"}, "dominant, one-expert or how-many");
    refused({"--map", "one-expert"}, "--expert 0 to 2");
    refused({"--map", "one-expert", "--expert", "3"}, "--expert 0 to 2");
    refused({"--expert", "1"}, "--map one-expert");
    refused({"--opacity", "101"}, "0 to 100");
    refused({"--branch", "both"}, "cond or uncond");
    refused({"--branch", "uncond"}, "did not run at evaluation 3");
    refused({"--branch", "difference", "--map", "how-many", "--evaluation", "1"}, "--map dominant");
    EXPECT_EQ(view("filmstrip", "v.csv").status, 0);
    std::ifstream table(file("v.csv"));
    std::string header, first, second;
    std::getline(table, header);
    std::getline(table, first);
    std::getline(table, second);
    EXPECT_EQ(header, "evaluation,step,stage,timestep,noise_level,guidance,unconditional_branch");
    EXPECT_EQ(first.substr(0, 6), "1,1,0,");
    EXPECT_EQ(second.substr(0, 6), "2,1,1,");  // Heun's second evaluation of the same step

    RunRecord counts = sampleRun();
    for (auto& record : counts.routing.records) {
        RoutingRecord bare = *record;
        bare.rowPtr = {};
        bare.expert = {};
        bare.gate = {};
        record = std::make_shared<RoutingRecord>(bare);
    }
    ASSERT_TRUE(saveSession(counts, file("run.moescope")).ok());
    refused({}, "--capture assignments");
    RunRecord dense = sampleRun();
    dense.routing.layers.clear();
    dense.routing.records.clear();
    ASSERT_TRUE(saveSession(dense, file("run.moescope")).ok());
    refused({}, "no MoE layers");
    EXPECT_FALSE(std::filesystem::exists(file("v.png")));
}

TEST_F(ExportView, WrongRequestsAreAnsweredWithASentence) {
    const auto refused = [&](const CliResult& run, const std::string& words) {
        EXPECT_EQ(run.status, 2) << run.out;
        EXPECT_NE(run.err.find(words), std::string::npos) << run.err;
    };
    refused(view("pie", "v.png"), "layer-expert, expert-time, balance, change, load, words, experts-per-token, capacity, networks, overlay or filmstrip");
    refused(view("load", "v.pdf"), ".png, .svg, .csv");
    refused(runCli({"export", file("run.moescope"), "--view", "load"}), "-o FILE");
    refused(runCli({"export", file("run.moescope"), "--layer", "1"}), "--view");
    refused(view("load", "v.png", {"--evaluation", "0"}), "1 to 3");
    refused(view("load", "v.png", {"--evaluation", "4"}), "1 to 3");
    refused(view("load", "v.png", {"--layer", "3"}), "0 to 2");
    refused(view("load", "v.png", {"--image", "2"}), "0 to 1");
    refused(view("load", "v.png", {"--branch", "none"}), "cond, uncond, both or difference");
    refused(view("load", "v.png", {"--measure", "mass"}), "counts or gate-mass");
    refused(view("balance", "v.png", {"--balance", "variance"}), "entropy, max-over-mean or unused");
    refused(view("load", "v.png", {"--size", "600"}), "WIDTHxHEIGHT");
    refused(view("load", "v.png", {"--size", "99x600"}), "at least 100");
    refused(view("load", "v.png", {"--size", "9000x600", "--scale", "4"}), "16384");
    refused(view("load", "v.png", {"--scale", "0"}), "--scale");
    refused(view("load", "v.png", {"--branch", "uncond"}), "did not run at evaluation 3");
    refused(view("balance", "v.png", {"--branch", "difference"}), "no difference");
    EXPECT_FALSE(std::filesystem::exists(file("v.png")));
    EXPECT_EQ(view("load", "nowhere/v.png").status, 1);
}

}  // namespace
}  // namespace moescope::test
