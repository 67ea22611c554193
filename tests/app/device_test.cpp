// SPDX-License-Identifier: GPL-3.0-or-later
// --device and bench as a person uses them, on a machine with and without the fake GPU.
#include <nlohmann/json.hpp>

#include "engine/io/png_file.h"
#include "tests/app/cli_process.h"
#include "tests/support/fake_plugin.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;

class Device : public CliTest {};

CliResult generate(const std::string& output, const std::string& device) {
    return runCli({"generate", "-m", "embedded-emoji", "-p", "cat", "-s", "4", "--steps", "4", "--device", device, "-o", output});
}

TEST_F(Device, InfoListsWhatThereIsAndWhyNot) {
    {
        const FakePlugin fake(FakePlugin::Settings{{"REFUSE", "no NVIDIA driver was found"}});
        const Json devices = Json::parse(runCli({"info", "-m", "embedded-emoji", "--json"}).out)["devices"];
        ASSERT_EQ(devices.size(), 2u);
        EXPECT_EQ(devices[0]["device"], "cpu");
        EXPECT_EQ(devices[0]["offered"], true);
        EXPECT_EQ(devices[1]["device"], "cuda");
        EXPECT_EQ(devices[1]["offered"], false);
        EXPECT_EQ(devices[1]["reason"], "CUDA is not offered: no NVIDIA driver was found");
        EXPECT_NE(runCli({"info", "-m", "embedded-emoji"}).out.find("CUDA is not offered: no NVIDIA driver was found"), std::string::npos);
    }
    const FakePlugin fake(FakePlugin::Settings{{"MEMORY", "75000000"}});
    const Json gpu = Json::parse(runCli({"info", "-m", "embedded-emoji", "--json"}).out)["devices"][1];
    EXPECT_EQ(gpu["description"], "Fake GPU");
    EXPECT_EQ(gpu["memory"]["total"], 75000000);
    EXPECT_EQ(gpu["fits"]["f32"], false);
    EXPECT_NE(runCli({"info", "-m", "embedded-emoji"}).out.find("CUDA: Fake GPU, 75.0 MB of 75.0 MB free: the model does not fit"), std::string::npos);
}

TEST_F(Device, CudaThatIsNotThereEndsWithTheReasonAndTheWayForward) {
    const FakePlugin fake(FakePlugin::Settings{{"REFUSE", "no NVIDIA driver was found"}});
    const CliResult asked = generate(file("a.png"), "cuda");
    EXPECT_EQ(asked.status, 1);
    EXPECT_EQ(asked.err, "moescope-cli: CUDA is not offered: no NVIDIA driver was found; --device cpu runs it on the CPU\n");
    const CliResult automatic = generate(file("a.png"), "auto");
    EXPECT_EQ(automatic.status, 0) << automatic.err;
    EXPECT_EQ(automatic.err.find("CUDA"), std::string::npos) << automatic.err;
    EXPECT_EQ(generate(file("a.png"), "gpu").status, 2);
}

TEST_F(Device, MakesTheSamePictureAndSaysWhereItWasMade) {
    const FakePlugin fake;
    ASSERT_EQ(generate(file("gpu.png"), "auto").status, 0);
    ASSERT_EQ(generate(file("cpu.png"), "cpu").status, 0);
    const auto gpu = readPng(file("gpu.png")), cpu = readPng(file("cpu.png"));
    EXPECT_EQ(gpu->picture, cpu->picture);
    EXPECT_NE(gpu->text("parameters")->find("Device: \"CUDA, Fake GPU\""), std::string::npos) << *gpu->text("parameters");
    EXPECT_NE(cpu->text("parameters")->find("Device: \"CPU, "), std::string::npos) << *cpu->text("parameters");
    ASSERT_EQ(runCli({"generate", "--from", file("gpu.png"), "--device", "cpu", "-o", file("again.png")}).status, 0);
    EXPECT_EQ(readPng(file("again.png"))->picture, cpu->picture);
    EXPECT_NE(readPng(file("again.png"))->text("parameters")->find("Device: \"CPU, "), std::string::npos) << "where it was made this time";
}

TEST_F(Device, AModelThatDoesNotFitGoesToTheCpuOnlyWhenNobodyAskedForCuda) {
    const FakePlugin fake(FakePlugin::Settings{{"MEMORY", "10000000"}});
    const CliResult automatic = generate(file("a.png"), "auto");
    EXPECT_EQ(automatic.status, 0);
    EXPECT_NE(automatic.err.find("note: running on the CPU, because the model needs"), std::string::npos) << automatic.err;
    const CliResult asked = generate(file("b.png"), "cuda");
    EXPECT_EQ(asked.status, 1);
    EXPECT_NE(asked.err.find("10.0 MB are free"), std::string::npos) << asked.err;
    EXPECT_NE(asked.err.find("--device cpu"), std::string::npos) << asked.err;
    EXPECT_FALSE(std::filesystem::exists(file("b.png")));
}

TEST_F(Device, ALostDeviceEndsTheRunWithASentence) {
    const FakePlugin fake(FakePlugin::Settings{{"LOST_AFTER", "1000"}});
    const CliResult run = generate(file("a.png"), "cuda");
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("the fake GPU stopped working"), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("--device cpu"), std::string::npos) << run.err;
}

TEST_F(Device, BenchMeasuresEveryCase) {
    const FakePlugin fake;
    for (const std::string device : {"cpu", "cuda"})
        for (const std::string name : {"forward", "operations", "run", "load", "capture", "memory"}) {
            const CliResult run = runCli({"bench", "--case", name, "-m", "embedded-emoji", "--device", device, "--repeat", "2", "--warmup", "0",
                                          "--steps", "2", "--batch", "1", "--json"});
            ASSERT_EQ(run.status, 0) << name << ": " << run.err;
            const Json line = Json::parse(run.out);
            EXPECT_EQ(line["case"], name);
            EXPECT_EQ(line["device"].get<std::string>().substr(0, 3), device == "cpu" ? "CPU" : "CUD");
            if (name == "forward" || name == "run" || name == "load" || name == "operations") {
                EXPECT_GT(line["median_ms"], 0) << name;
            }
            if (name == "forward" || name == "operations") {
                EXPECT_EQ(line["replayed"], device == "cuda");
            }
            if (name == "operations") {
                double share = 0, flop = 0;
                int64_t layers = 0;
                for (const Json& row : line["operations"]) {
                    share += row["percent_of_time"].get<double>();
                    flop += row["flop"].get<double>();
                    if (row["operation"] == "moe_layer") layers = row["calls"];
                }
                EXPECT_NEAR(share, 100, 1e-6);
                EXPECT_NEAR(flop, line["flop"].get<double>(), 1e-6 * flop);
                EXPECT_EQ(layers, 4) << "its MoE layers in one pass";
                EXPECT_GT(line["percent_of_limit"], 0);
            }
            if (name == "memory") {
                EXPECT_GT(line["loaded"]["held_bytes"], line["unloaded"]["held_bytes"]);
            }
        }
    const Json decode = Json::parse(runCli({"bench", "--case", "decode", "--vae", MOESCOPE_TEST_DATA "/golden/vae-tiny", "--repeat", "1", "--warmup",
                                            "0", "--json"}).out);
    EXPECT_EQ(decode["picture"], "256 x 256");
    EXPECT_EQ(runCli({"bench", "--case", "decode"}).status, 2);
    EXPECT_EQ(runCli({"bench", "-m", "embedded", "--size", "DSMoE-S-E48"}).status, 2);
}

}  // namespace
}  // namespace moescope::test
