// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/named_tensors.h"
#include "engine/io/tensor_source.h"
#include "tests/app/cli_process.h"

namespace moescope::test {
namespace {

using Json = nlohmann::json;
const std::string kGolden = MOESCOPE_TEST_DATA "/golden/";

class Commands : public CliTest {};

Json readManifest() {
    std::ifstream stream(kGolden + "pickle-hostile/manifest.json");
    return Json::parse(stream);
}

TEST_F(Commands, InfoTellsFamilyCountsAndDefaults) {
    const CliResult run = runCli({"info", "-m", "embedded-emoji", "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const Json info = Json::parse(run.out);
    EXPECT_EQ(info["family"], "JiTMoE");
    EXPECT_EQ(info["parameters"]["total"], 3766360);
    EXPECT_EQ(info["parameters"]["active"], 2577496);
    EXPECT_EQ(info["moe"]["experts"], 8);
    EXPECT_EQ(info["defaults"]["steps"], 25);
    EXPECT_EQ(info["runs"], true);
    EXPECT_NE(runCli({"info", "-m", "embedded-emoji"}).out.find("8 experts x 4 layers"), std::string::npos);
}

TEST_F(Commands, InfoSaysWhatAModelStillNeeds) {
    const CliResult run = runCli({"info", kGolden + "jitmoe-tiny"});
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("no: in_context_start"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("--set"), std::string::npos);
}

TEST_F(Commands, SettingsMayStandBeforeTheFileAndBeRepeated) {
    const CliResult run = runCli({"info", "--set", "in_context_start=2", "--set", "top_k=2", "--set", "n_group=2", "--set", "topk_group=2", "--set",
                                  "routed_scaling_factor=2.5", kGolden + "jitmoe-tiny", "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out)["runs"], true);
}

TEST_F(Commands, LabelFindsAndListsClasses) {
    EXPECT_NE(runCli({"label", "-m", "embedded-emoji", "cat"}).out.find("cat face"), std::string::npos);
    const Json all = Json::parse(runCli({"label", "-m", "embedded-emoji", "--json"}).out);
    EXPECT_EQ(all.size(), 256u);
    const CliResult none = runCli({"label", "-m", "embedded-emoji", "xyzzyq"});
    EXPECT_EQ(none.status, 1);
    EXPECT_NE(none.err.find("no class"), std::string::npos);
}

TEST_F(Commands, VerifyPassesACaseAndRefusesAFamilyThatDoesNotRunYet) {
    const CliResult run = runCli({"verify", kGolden + "dsmoe-tiny", "--dump", file("dump.safetensors"), "--json"});
    ASSERT_EQ(run.status, 0) << run.err << run.out;
    const auto dump = readAllTensors(file("dump.safetensors"));
    ASSERT_TRUE(dump.ok());
    EXPECT_TRUE(dump->contains("forward/moe.1.weights"));
    EXPECT_TRUE(dump->contains("forward_model/output"));
    std::filesystem::create_directories(folder / "case");
    std::ofstream(folder / "case" / "case.json") << R"({"case": "ditmoe-s-tiny", "family": "DiT-MoE"})";
    const CliResult other = runCli({"verify", file("case")});
    EXPECT_EQ(other.status, 1);
    EXPECT_FALSE(other.err.empty());
    EXPECT_EQ(runCli({"verify", kGolden + "dsmoe-tiny", kGolden + "jit-tiny", "--dump", file("x")}).status, 2);
    EXPECT_EQ(runCli({"verify", "/nope"}).status, 1);
    const CliResult rounded = runCli({"verify", kGolden + "tcdit-tiny", "--dtype", "bf16", "--device", "cpu"});
    EXPECT_EQ(rounded.status, 0) << rounded.err << rounded.out;
    EXPECT_NE(rounded.out.find("held in fp32 only"), std::string::npos) << rounded.out;
}

TEST_F(Commands, ConvertNamesTheModelAndKeepsANotice) {
    ASSERT_EQ(runCli({"convert", "-m", "embedded-emoji", "--dtype", "f16", "--name", "small emoji", "--notice", "mine", "-o", file("a.safetensors")}).status, 0);
    ASSERT_EQ(runCli({"convert", "-m", file("a.safetensors"), "-o", file("b.safetensors")}).status, 0);
    for (const char* name : {"a.safetensors", "b.safetensors"}) {
        const auto metadata = openTensorSource(file(name)).orThrow()->metadata();
        EXPECT_EQ(metadata["moescope.name"], "small emoji");
        EXPECT_EQ(metadata["moescope.notice"], "mine");
    }
    EXPECT_EQ(Json::parse(runCli({"info", file("b.safetensors"), "--json"}).out)["name"], "small emoji");
}

TEST_F(Commands, ConvertKeepsEveryValidHostileFileBitForBit) {
    const Json manifest = readManifest();
    int loaded = 0;
    for (const Json& entry : manifest["files"]) {
        if (entry["expect"] != "load") continue;
        const std::string name = entry["file"];
        const CliResult run = runCli({"convert", kGolden + "pickle-hostile/" + name, "-o", file("out.safetensors")});
        ASSERT_EQ(run.status, 0) << name << ": " << run.err;
        const auto mine = readAllTensors(file("out.safetensors"));
        const auto expected = readAllTensors(kGolden + "pickle-hostile/" + entry["values"].get<std::string>());
        ASSERT_TRUE(mine.ok() && expected.ok()) << name;
        for (const auto& [key, tensor] : expected->tensors) {
            ASSERT_TRUE(mine->contains(key)) << name << " " << key;
            const NamedTensor& found = mine->tensors.find(key)->second;
            EXPECT_EQ(found.shape, tensor.shape) << name << " " << key;
            if (found.dtype == tensor.dtype) {
                EXPECT_EQ(found.bytes, tensor.bytes) << name << " " << key;
            } else {
                EXPECT_EQ(mine->asFloat(key)->data, expected->asFloat(key)->data) << name << " " << key;
            }
        }
        ++loaded;
    }
    EXPECT_GT(loaded, 15);
}

TEST_F(Commands, RefusedHostileFilesEndWithASentenceAndExitStatusOne) {
    const Json manifest = readManifest();
    int refused = 0;
    for (const Json& entry : manifest["files"]) {
        if (entry["expect"] != "refuse") continue;
        const std::string name = entry["file"];
        const CliResult run = runCli({"convert", kGolden + "pickle-hostile/" + name, "-o", file("out.safetensors")});
        EXPECT_EQ(run.status, 1) << name << ": " << run.out;
        EXPECT_FALSE(run.err.empty()) << name;
        EXPECT_FALSE(std::filesystem::exists(file("out.safetensors"))) << name;
        ++refused;
    }
    EXPECT_GT(refused, 60);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::current_path()))
        EXPECT_EQ(entry.path().filename().string().find("PWNED_moescope"), std::string::npos);
}

TEST_F(Commands, ExportWritesWhatASessionHolds) {
    ASSERT_EQ(runCli({"generate", "-m", "embedded-emoji", "-p", "cat", "-s", "1", "--steps", "2", "-o", file("a.png"), "--session", file("a.moescope")}).status, 0);
    for (const char* name : {"r.npz", "r.csv", "r.json"}) {
        const CliResult run = runCli({"export", file("a.moescope"), "--data", file(name)});
        EXPECT_EQ(run.status, 0) << run.err;
        EXPECT_GT(std::filesystem::file_size(file(name)), 1000u);
    }
    EXPECT_EQ(runCli({"export", file("a.moescope"), "--report", file("r.txt"), "--picture", file("again.png")}).status, 0);
    EXPECT_EQ(readFile(file("again.png")), readFile(file("a.png")));
    EXPECT_EQ(runCli({"export", file("a.moescope")}).status, 2);
    EXPECT_EQ(runCli({"export", file("a.moescope"), "--data", file("r.xyz")}).status == 0, false);
    const CliResult other = runCli({"export", file("a.png"), "--data", file("q.csv")});
    EXPECT_EQ(other.status, 1);
    EXPECT_FALSE(other.err.empty());
}

/// The exit status of a shell that runs the program with `arguments`, which may redirect.
int shellStatus(const std::string& arguments) {
    const int status = std::system(("'" MOESCOPE_CLI "' " + arguments).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(Commands, StreamsThatAreClosedOrFullEndNothing) {
    EXPECT_EQ(shellStatus("info -m nowhere 2>/dev/full"), 1);
    EXPECT_EQ(shellStatus("info -m nowhere 2>&-"), 1);
    EXPECT_EQ(shellStatus("paint 2>&-"), 2);
    EXPECT_EQ(shellStatus("info >/dev/full 2>/dev/null"), 1) << "the results are lost";
    for (const char* streams : {"<&- >&- 2>&-", "2>/dev/full", ">&-", "| true"}) {
        std::filesystem::remove(file("a.png"));
        EXPECT_EQ(shellStatus("generate -p cat -s 1 --steps 1 -o '" + file("a.png") + "' " + streams), 0) << streams;
        EXPECT_TRUE(std::filesystem::exists(file("a.png"))) << streams;
    }
}

TEST_F(Commands, WrongUsageEndsWithTwo) {
    EXPECT_EQ(runCli({}).status, 2);
    EXPECT_EQ(runCli({"paint"}).status, 2);
    EXPECT_EQ(runCli({"convert"}).status, 2);
    EXPECT_EQ(runCli({"bench", "--size", "DSMoE-XXL"}).status, 2);
    EXPECT_EQ(runCli({"--version"}).status, 0);
    EXPECT_EQ(runCli({"generate", "--help"}).status, 0);
}

}  // namespace
}  // namespace moescope::test
