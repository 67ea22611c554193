// SPDX-License-Identifier: GPL-3.0-or-later
// The engine held against every reference case it runs, and against damaged copies of them.
#include "engine/verify/verify_case.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/io/named_tensors.h"
#include "tests/support/case_copy.h"

namespace moescope {
namespace {

using test::CaseCopies;
using test::floatAt;
using test::integerAt;
using Tensors = moescope::NamedTensors;

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

Backend& cpu() {
    static Backend backend(cpuBackendTable(), {1, "auto"});
    return backend;
}

CaseReport verified(const std::filesystem::path& folder, const VerifyOptions& options = {}) {
    return verifyCase(folder, cpu(), options).orThrow();
}

EngineError refused(const std::filesystem::path& folder) {
    const auto result = verifyCase(folder, cpu());
    EXPECT_FALSE(result.ok());
    return result.ok() ? EngineError{} : result.error();
}

const FileReport& fileOf(const CaseReport& report, const std::string& file, const std::string& weights) {
    for (const FileReport& one : report.files)
        if (one.file == file && one.weights == weights) return one;
    throw std::out_of_range(file);
}

const verify::KeyReport& keyOf(const FileReport& report, const std::string& key) {
    for (const verify::KeyReport& one : report.keys)
        if (one.key == key) return one;
    throw std::out_of_range(key);
}

std::vector<std::string> failedKeys(const FileReport& report) {
    std::vector<std::string> keys;
    for (const verify::KeyReport& key : report.keys)
        if (!key.passed) keys.push_back(key.key);
    return keys;
}

struct Expectation {
    std::string name;
    size_t files;
    int64_t outputs;  // keys that are no inputs, counted in the files
};

class EveryCase : public testing::TestWithParam<std::tuple<std::string, Expectation>> {};

TEST_P(EveryCase, HoldsInEveryOutput) {
    const auto& [isa, expected] = GetParam();
    std::unique_ptr<Backend> backend;
    try {
        backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{2, isa});
    } catch (const EngineException& e) {
        GTEST_SKIP() << e.what();
    }
    const CaseReport report = verifyCase(kGolden / expected.name, *backend).orThrow();
    EXPECT_TRUE(report.passed()) << reportText(report);
    EXPECT_EQ(report.files.size(), expected.files);
    EXPECT_EQ(report.total(), expected.outputs);
    EXPECT_EQ(report.compared(), expected.outputs);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, EveryCase,
    testing::Combine(testing::Values("auto", "avx2"),
                     testing::Values(Expectation{"dsmoe-tiny", 2, 27}, Expectation{"dsmoe-groups", 2, 27},
                                     Expectation{"dsmoe-groups-noshared", 2, 34},
                                     Expectation{"dsmoe-groups-zerofill", 2, 27}, Expectation{"dsmoe-sample", 3, 89},
                                     Expectation{"jitmoe-tiny", 3, 44}, Expectation{"jitmoe-sample", 6, 131},
                                     Expectation{"jit-tiny", 3, 12}, Expectation{"vae-tiny", 2, 30},
                                     Expectation{"diffmoe-tiny", 8, 261}, Expectation{"ecdit-tiny", 5, 119},
                                     Expectation{"tcdit-tiny", 2, 47}, Expectation{"ditmoe-s-tiny", 6, 127},
                                     Expectation{"ditmoe-xl-tiny", 5, 102}, Expectation{"promoe-tiny", 4, 82})),
    [](const auto& info) {
        std::string name = std::get<1>(info.param).name + "_" + std::get<0>(info.param);
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

TEST(VerifyCase, LimitsFollowTheKindOfFileAndTheFamily) {
    EXPECT_EQ(verified(kGolden / "dsmoe-tiny").files[0].limit, 5e-6);
    EXPECT_EQ(verified(kGolden / "dsmoe-sample").files[0].limit, 1e-5);
    EXPECT_EQ(verified(kGolden / "jitmoe-sample").files[0].limit, 5e-5);
    EXPECT_EQ(verified(kGolden / "vae-tiny").files[0].limit, 1e-5);
}

TEST(VerifyCase, Bf16WeightsHoldWithinLimitsOfTheirOwn) {
    VerifyOptions options;
    options.storage = MS_BF16;
    const CaseReport exact = verified(kGolden / "dsmoe-tiny", options);
    EXPECT_TRUE(exact.passed()) << reportText(exact);
    EXPECT_EQ(exact.compared(), verified(kGolden / "dsmoe-tiny").compared()) << "every choice is equal, so everything is compared";
    EXPECT_GT(fileOf(exact, "forward.safetensors", "ema").worst()->error, 5e-6) << "weights were rounded";
    const CaseReport other = verified(kGolden / "jitmoe-tiny", options);
    EXPECT_TRUE(other.passed()) << reportText(other);
    const FileReport& file = fileOf(other, "forward.safetensors", "model_ema1");
    EXPECT_GT(file.routing.differing, 0);
    EXPECT_GT(file.notChecked, 0) << "lists of choices are not laid side by side";
    EXPECT_NE(reportText(other).find("of 600 expert sets equal"), std::string::npos) << reportText(other);
    for (const char* name : {"vae-tiny", "promoe-tiny", "diffmoe-tiny"}) {
        const CaseReport report = verified(kGolden / name, options);
        EXPECT_TRUE(report.passed()) << reportText(report);
    }
}

TEST(VerifyCase, Bf16WeightsDoNotHideAnError) {
    VerifyOptions options;
    options.storage = MS_BF16;
    const CaseCopies copies({"dsmoe-tiny", "jitmoe-tiny"});
    copies.edit("dsmoe-tiny/checkpoints/0000100.pt", [](Tensors& all) {
        for (size_t i = 0; i < 64; ++i) floatAt(all, "ema.blocks.2.attn.proj.weight", i) += 0.1f;
    });
    copies.editJson("dsmoe-tiny/case.json",
                    [](auto& json) { json["checkpoint"] = "checkpoints/0000100.pt.safetensors"; });
    EXPECT_FALSE(fileOf(verified(copies / "dsmoe-tiny", options), "forward.safetensors", "ema").passed());
    copies.edit("jitmoe-tiny/forward.safetensors", [](Tensors& all) {
        for (size_t token = 0; token < 40; ++token) {  // of 600 sets
            const int64_t first = integerAt(all, "moe.3.indices", 2 * token);
            integerAt(all, "moe.3.indices", 2 * token + 1) = first == 7 ? 6 : 7;
            integerAt(all, "moe.3.indices", 2 * token) = first == 5 ? 4 : 5;
        }
    });
    const CaseReport moved = verified(copies / "jitmoe-tiny", options);
    const FileReport& choices = fileOf(moved, "forward.safetensors", "model_ema1");
    EXPECT_FALSE(choices.passed()) << choices.routing.differing;
}

TEST(VerifyCase, StepsAreHeldInFp32Only) {
    VerifyOptions options;
    options.storage = MS_BF16;
    const auto sample = verifyCase(kGolden / "dsmoe-sample", cpu(), options);
    ASSERT_FALSE(sample.ok());
    EXPECT_EQ(sample.error().code, ErrorCode::Unsupported);
    EXPECT_NE(sample.error().message.find("verify it with fp32 weights"), std::string::npos) << sample.error().message;
    const CaseReport both = verified(kGolden / "tcdit-tiny", options);
    EXPECT_EQ(both.files.size(), 1u);
    ASSERT_EQ(both.notes.size(), 1u);
    EXPECT_EQ(both.notes[0].substr(0, 7), "1 file ");
}

TEST(VerifyCase, OneChangedWeightFailsFromItsBlockOn) {
    const CaseCopies copies({"dsmoe-tiny"});
    copies.edit("dsmoe-tiny/checkpoints/0000100.pt",
                [](Tensors& all) { floatAt(all, "ema.blocks.2.attn.proj.weight", 7) += 0.01f; });
    copies.editJson("dsmoe-tiny/case.json",
                    [](auto& json) { json["checkpoint"] = "checkpoints/0000100.pt.safetensors"; });
    const CaseReport report = verified(copies / "dsmoe-tiny");
    EXPECT_FALSE(report.passed());
    const FileReport& averaged = fileOf(report, "forward.safetensors", "ema");
    EXPECT_TRUE(keyOf(averaged, "block.1.out").passed);
    EXPECT_FALSE(keyOf(averaged, "block.2.out").passed);
    EXPECT_FALSE(keyOf(averaged, "output").passed);
    EXPECT_TRUE(fileOf(report, "forward_model.safetensors", "model").passed()) << "the raw weights were not touched";
    EXPECT_NE(reportText(report).find("block.2.out: error"), std::string::npos) << reportText(report);
    EXPECT_NE(reportText(report).find("FAIL dsmoe-tiny: 27/27"), std::string::npos) << reportText(report);
}

TEST(VerifyCase, OneChangedRoutingEntryIsNamedWithTheMargin) {
    const CaseCopies copies({"jitmoe-tiny"});
    int64_t stored = 0, other = 0;
    copies.edit("jitmoe-tiny/forward.safetensors", [&](Tensors& all) {
        stored = integerAt(all, "moe.3.indices", 2 * 70 + 1);
        const int64_t first = integerAt(all, "moe.3.indices", 2 * 70);
        other = stored == 7 ? (first == 6 ? 5 : 6) : 7;
        integerAt(all, "moe.3.indices", 2 * 70 + 1) = other;
    });
    const CaseReport report = verified(copies / "jitmoe-tiny");
    EXPECT_FALSE(report.passed());
    const FileReport& file = fileOf(report, "forward.safetensors", "model_ema1");
    EXPECT_EQ(failedKeys(file), std::vector<std::string>{"moe.3.indices"});
    EXPECT_EQ(file.routing.sets, 600);
    EXPECT_EQ(file.routing.differing, 1);
    ASSERT_TRUE(file.routing.first);
    EXPECT_EQ(file.routing.first->block, 3);
    EXPECT_EQ(file.routing.first->token, 70);
    EXPECT_EQ(file.routing.first->expected.size(), 2u);
    EXPECT_NE(std::count(file.routing.first->expected.begin(), file.routing.first->expected.end(), other), 0);
    EXPECT_NE(std::count(file.routing.first->found.begin(), file.routing.first->found.end(), stored), 0);
    EXPECT_GT(file.routing.first->margin, 4e-4) << "the case's own smallest margin";
    EXPECT_NE(reportText(report).find("block 3, token 70"), std::string::npos) << reportText(report);
}

TEST(VerifyCase, OrderInsideASetMeansNothing) {
    const CaseCopies copies({"jitmoe-tiny"});
    copies.edit("jitmoe-tiny/forward.safetensors", [](Tensors& all) {
        std::swap(integerAt(all, "moe.3.indices", 2 * 70), integerAt(all, "moe.3.indices", 2 * 70 + 1));
    });
    EXPECT_TRUE(verified(copies / "jitmoe-tiny").passed());
}

TEST(VerifyCase, AnOutputThatNobodyComputesFailsAsNotCompared) {
    const CaseCopies copies({"dsmoe-tiny"});
    copies.edit("dsmoe-tiny/forward.safetensors",
                [](Tensors& all) { all.tensors["block.0.attention"] = all.tensors.at("block.0.out"); });
    const CaseReport report = verified(copies / "dsmoe-tiny");
    EXPECT_FALSE(report.passed());
    EXPECT_EQ(report.total(), 28);
    EXPECT_EQ(report.compared(), 27);
    EXPECT_EQ(failedKeys(fileOf(report, "forward.safetensors", "ema")), std::vector<std::string>{"block.0.attention"});
}

TEST(VerifyCase, AMisshapedOutputFailsWithBothShapes) {
    const CaseCopies copies({"dsmoe-tiny"});
    copies.edit("dsmoe-tiny/forward.safetensors", [](Tensors& all) { all.tensors.at("block.0.out").shape = {48, 48}; });
    const CaseReport report = verified(copies / "dsmoe-tiny");
    EXPECT_EQ(report.compared(), 26);
    EXPECT_NE(reportText(report).find("has shape [48, 48], the engine gives [3, 16, 48]"), std::string::npos)
        << reportText(report);
}

TEST(VerifyCase, AMissingPromisedOutputFails) {
    const CaseCopies copies({"dsmoe-tiny"});
    copies.edit("dsmoe-tiny/forward_model.safetensors", [](Tensors& all) { all.tensors.erase("moe.3.indices"); });
    const CaseReport report = verified(copies / "dsmoe-tiny");
    EXPECT_FALSE(report.passed());
    EXPECT_NE(reportText(report).find("lacks 'moe.3.indices'"), std::string::npos) << reportText(report);
}

TEST(VerifyCase, NotANumberFails) {
    const CaseCopies copies({"jit-tiny"});
    copies.edit("jit-tiny/forward_model.safetensors",
                [](Tensors& all) { floatAt(all, "output", 5) = std::numeric_limits<float>::quiet_NaN(); });
    const CaseReport report = verified(copies / "jit-tiny");
    EXPECT_FALSE(report.passed());
    EXPECT_TRUE(std::isnan(keyOf(fileOf(report, "forward_model.safetensors", "model"), "output").error));
}

TEST(VerifyCase, AReferenceFileThatTheCaseDoesNotNameFails) {
    const CaseCopies copies({"jit-tiny"});
    std::filesystem::copy_file(copies / "jit-tiny/forward_model.safetensors",
                               copies / "jit-tiny/forward_other.safetensors");
    const CaseReport report = verified(copies / "jit-tiny");
    EXPECT_FALSE(report.passed());
    EXPECT_EQ(report.total(), 13);
    EXPECT_EQ(report.compared(), 12);
}

TEST(VerifyCase, TimesOfATrajectoryAreOutputs) {
    const CaseCopies copies({"jitmoe-tiny", "jitmoe-sample"});
    const std::string file = "euler_n8_cfg2.9_int0.1-1.0_ns1.0.safetensors";
    copies.edit("jitmoe-sample/" + file, [](Tensors& all) {
        floatAt(all, "timesteps", 3) += 0.001f;
        floatAt(all, "t", 3) += 0.001f;
    });
    const CaseReport report = verified(copies / "jitmoe-sample");
    EXPECT_EQ(failedKeys(fileOf(report, file, "model_ema1")), (std::vector<std::string>{"t", "timesteps"}));
}

TEST(VerifyCase, BothNamesOfTheAutoencoderAreHeldToTheReference) {
    const CaseCopies copies({"vae-tiny"});
    copies.edit("vae-tiny/old-names/diffusion_pytorch_model.safetensors",
                [](Tensors& all) { floatAt(all, "decoder.mid_block.attentions.0.query.weight", 3) += 0.1f; });
    const CaseReport report = verified(copies / "vae-tiny");
    EXPECT_TRUE(fileOf(report, "vae.safetensors", "").passed()) << reportText(report);
    const FileReport& old = fileOf(report, "vae.safetensors", "old-names");
    EXPECT_TRUE(keyOf(old, "encoded.mean").passed) << "only the decoder was touched";
    EXPECT_TRUE(keyOf(old, "decode.conv_in").passed);
    EXPECT_FALSE(keyOf(old, "decode.mid_attn").passed);
    EXPECT_FALSE(keyOf(old, "decoded").passed);
}

TEST(VerifyCase, ADumpHoldsEveryOutputUnderItsPath) {
    const CaseCopies copies({"jitmoe-tiny"});
    VerifyOptions options;
    options.dump = copies / "dump.safetensors";
    const CaseReport report = verified(copies / "jitmoe-tiny", options);
    const Tensors dump = readAllTensors(options.dump).orThrow();
    EXPECT_EQ(static_cast<int64_t>(dump.tensors.size()), report.total());
    for (const char* stem : {"forward", "forward_ema2", "forward_model"}) {
        const Tensors golden = readAllTensors(copies / ("jitmoe-tiny/" + std::string(stem) + ".safetensors")).orThrow();
        for (const auto& [key, tensor] : golden.tensors) {
            const std::string name = std::string(stem) + "/" + key;
            if (key == "x" || key == "t" || key == "y") {
                EXPECT_FALSE(dump.contains(name));
                continue;
            }
            ASSERT_TRUE(dump.contains(name)) << name;
            EXPECT_EQ(dump.tensors.at(name).shape, tensor.shape) << name;
            EXPECT_EQ(dump.tensors.at(name).dtype, tensor.dtype) << name;
        }
    }
    EXPECT_EQ(dump.tensors.at("forward/moe.3.indices").bytes,
              readAllTensors(copies / "jitmoe-tiny/forward.safetensors").orThrow().tensors.at("moe.3.indices").bytes);
}

TEST(VerifyCase, ADumpKeepsTheTwoAutoencodersApart) {
    const CaseCopies copies({"vae-tiny"});
    VerifyOptions options;
    options.dump = copies / "vae-tiny/dump.safetensors";
    ASSERT_TRUE(verified(copies / "vae-tiny", options).passed());
    const Tensors dump = readAllTensors(options.dump).orThrow();
    EXPECT_EQ(dump.tensors.size(), 30u);
    EXPECT_TRUE(dump.contains("vae/decoded"));
    EXPECT_TRUE(dump.contains("old-names/vae/encoded.sample"));
    EXPECT_TRUE(verified(copies / "vae-tiny").passed()) << "a dump inside the case is no reference file";
}

TEST(VerifyCase, ReportsForMachinesListEveryKey) {
    const nlohmann::json report = reportJson(verified(kGolden / "dsmoe-sample"));
    EXPECT_EQ(report["case"], "dsmoe-sample");
    EXPECT_EQ(report["family"], "DSMoE");
    EXPECT_EQ(report["passed"], true);
    EXPECT_EQ(report["compared"], 89);
    ASSERT_EQ(report["files"].size(), 3u);
    EXPECT_EQ(report["files"][0]["keys"].size(), 23u);
    EXPECT_TRUE(report["files"][0]["routing"]["smallest_margin"]["margin"].is_number());
}

TEST(VerifyCase, FamiliesOfOtherVersionsAreRefusedByName) {
    const CaseCopies copies({});
    copies.write("other/case.json", R"({"case": "other", "family": "Nucleus-Image", "checkpoint": "model.pt"})");
    copies.write("ldm/case.json", R"({"kind": "unet1d"})");
    const EngineError other = refused(copies / "other");
    EXPECT_EQ(other.code, ErrorCode::Unsupported);
    EXPECT_NE(other.message.find("Nucleus-Image"), std::string::npos) << other.message;
    EXPECT_NE(other.message.find("JiTMoE, JiT"), std::string::npos) << other.message;
    EXPECT_EQ(refused(copies / "ldm").code, ErrorCode::Unsupported);
}

TEST(VerifyCase, WhatAPersonCanGetWrongIsASentence) {
    const CaseCopies copies({"dsmoe-tiny", "dsmoe-sample"});
    copies.write("empty/readme.txt", "");
    copies.write("damaged/case.json", "{\"case\": ");
    copies.write("bare/case.json", "{\"case\": \"bare\"}");
    EXPECT_EQ(refused(copies / "nowhere").code, ErrorCode::NotFound);
    EXPECT_NE(refused(copies / "empty").message.find("no case.json"), std::string::npos);
    EXPECT_EQ(refused(copies / "damaged").code, ErrorCode::Format);
    EXPECT_EQ(refused(copies / "bare").code, ErrorCode::NotFound);

    copies.write("list/case.json", R"({"config": [1], "goldens": {}})");
    EXPECT_NE(refused(copies / "list").message.find("`config` as an object, found [1]"), std::string::npos);
    copies.write("number/case.json", R"({"goldens": {"forward.safetensors": {"weights": 5}}})");
    EXPECT_NE(refused(copies / "number").message.find("`weights` as the name of a weight set, found 5"),
              std::string::npos);

    copies.write("dsmoe-tiny/forward_model.safetensors", "not a file of tensors");
    EXPECT_EQ(refused(copies / "dsmoe-tiny").code, ErrorCode::Format);
    std::filesystem::remove(copies / "dsmoe-tiny/forward_model.safetensors");
    EXPECT_NE(refused(copies / "dsmoe-tiny").message.find("forward_model.safetensors"), std::string::npos);

    copies.edit("dsmoe-sample/euler_n10_cfg1.0.safetensors", [](Tensors& all) { integerAt(all, "labels", 0) = 11; });
    EXPECT_NE(refused(copies / "dsmoe-sample").message.find("label 11"), std::string::npos);
    copies.editJson("dsmoe-sample/case.json", [](auto& json) { json["runs"][0]["mode"] = "dpm"; });
    EXPECT_NE(refused(copies / "dsmoe-sample").message.find("\"dpm\""), std::string::npos);
    std::filesystem::remove_all(copies / "dsmoe-tiny");
    EXPECT_EQ(refused(copies / "dsmoe-sample").code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace moescope
