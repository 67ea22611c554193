// SPDX-License-Identifier: GPL-3.0-or-later
// `moescope-cli export --view` on the sample run, whose numbers can be worked out by hand.
#include <array>
#include <filesystem>

#include "engine/io/session_file.h"
#include "tests/app/cli_process.h"
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

TEST_F(ExportView, PicturesHaveTheAskedSize) {
    for (const char* name : {"layer-expert", "expert-time", "balance", "change", "load"}) {
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

TEST_F(ExportView, WrongRequestsAreAnsweredWithASentence) {
    const auto refused = [&](const CliResult& run, const std::string& words) {
        EXPECT_EQ(run.status, 2) << run.out;
        EXPECT_NE(run.err.find(words), std::string::npos) << run.err;
    };
    refused(view("pie", "v.png"), "layer-expert, expert-time, balance, change or load");
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
