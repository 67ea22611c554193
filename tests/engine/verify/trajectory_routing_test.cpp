// SPDX-License-Identifier: GPL-3.0-or-later
// Trajectories of a model whose router chooses otherwise: reported by margin, or followed by the stored routing.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/verify/verify_case.h"
#include "tests/support/case_copy.h"

namespace moescope {
namespace {

using test::CaseCopies;
using Tensors = moescope::NamedTensors;

const std::string kFile = "dsmoe-sample/euler_n10_cfg1.5.safetensors";
constexpr float kShift = 0.05f;

Backend& cpu() {
    static Backend backend(cpuBackendTable(), {1, "auto"});
    return backend;
}

/// The case with one run only.
CaseCopies& oneRun(CaseCopies& copies) {
    copies.editJson("dsmoe-sample/case.json", [](auto& json) {
        auto run = json["runs"][1];
        json["runs"] = nlohmann::json::array({run});
    });
    for (const char* other : {"euler_n10_cfg1.0", "heun_n5_cfg1.5"})
        std::filesystem::remove(copies / ("dsmoe-sample/" + std::string(other) + ".safetensors"));
    return copies;
}

/// Shifts the selection bias of one expert: choices change, and nothing else does where they do not.
void shiftSelection(const CaseCopies& copies, float shift) {
    copies.edit("dsmoe-tiny/checkpoints/0000100.pt",
                [&](Tensors& all) { test::floatAt(all, "ema.blocks.3.mlp.gate.e_score_correction_bias", 4) += shift; });
    copies.editJson("dsmoe-sample/case.json",
                    [](auto& json) { json["checkpoint"] = "../dsmoe-tiny/checkpoints/0000100.pt.safetensors"; });
}

/// Puts the engine's own choices into the reference: lists with any valid experts first, then those of a dump.
void storeRouting(const CaseCopies& copies) {
    constexpr int64_t kTokens = 32, kTopK = 2;  // 2 images of 16 tokens
    const auto integers = [](const std::vector<int64_t>& values) {
        const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
        return moescope::NamedTensor{
            DType::I64, {static_cast<int64_t>(values.size())}, {bytes, bytes + values.size() * sizeof(int64_t)}};
    };
    std::vector<int64_t> token, expert;
    for (int64_t pair = 0; pair < kTokens * kTopK; ++pair) {
        token.push_back(pair / kTopK);
        expert.push_back(pair % kTopK);
    }
    const std::vector<float> zeros(token.size());
    const auto* zeroBytes = reinterpret_cast<const std::byte*>(zeros.data());
    copies.edit(kFile, [&](Tensors& all) {
        for (int evaluation = 0; evaluation < 10; ++evaluation)
            for (const char* branch : {"cond", "uncond"})
                for (const int block : {1, 3}) {
                    const std::string name =
                        std::string(branch) + ".0" + std::to_string(evaluation) + ".moe." + std::to_string(block) + ".";
                    all.tensors[name + "token"] = integers(token);
                    all.tensors[name + "expert"] = integers(expert);
                    all.tensors[name + "weight"] = {
                        DType::F32, {kTokens * kTopK}, {zeroBytes, zeroBytes + zeros.size() * 4}};
                }
    });
    VerifyOptions options;
    options.dump = copies / "dump.safetensors";
    ASSERT_FALSE(verifyCase(copies / "dsmoe-sample", cpu(), options).orThrow().passed());
    const Tensors dump = readAllTensors(options.dump).orThrow();
    copies.edit(kFile, [&](Tensors& all) {
        for (auto& [key, tensor] : all.tensors)
            if (key.find(".moe.") != std::string::npos) tensor = dump.tensors.at("euler_n10_cfg1.5/" + key);
    });
}

TEST(TrajectoryRouting, WithoutStoredRoutingTheFirstEvaluationBeyondItsLimitIsNamed) {
    CaseCopies copies({"dsmoe-tiny", "dsmoe-sample"});
    shiftSelection(oneRun(copies), kShift);
    const CaseReport report = verifyCase(copies / "dsmoe-sample", cpu()).orThrow();
    ASSERT_EQ(report.files.size(), 1u);
    const FileReport& file = report.files[0];
    EXPECT_FALSE(file.passed());
    ASSERT_TRUE(file.firstBeyond);
    const int first = file.firstBeyond->info.index;
    for (const verify::KeyReport& key : file.keys)
        if (key.key.starts_with("v_") && std::stoi(key.key.substr(key.key.size() - 2)) < first) {
            EXPECT_TRUE(key.passed) << key.key;
        }
    EXPECT_GT(file.firstBeyond->error, file.limit);
    EXPECT_EQ(file.firstBeyond->smallest.evaluation, first);
    EXPECT_GT(file.firstBeyond->smallest.margin, 0);
    EXPECT_NE(reportText(report).find("first evaluation beyond its limit: " + std::to_string(first)),
              std::string::npos);
}

TEST(TrajectoryRouting, StoredChoicesAreHeldToTheEnginesOwn) {
    CaseCopies copies({"dsmoe-tiny", "dsmoe-sample"});
    oneRun(copies);
    storeRouting(copies);
    const CaseReport report = verifyCase(copies / "dsmoe-sample", cpu()).orThrow();
    EXPECT_TRUE(report.passed()) << reportText(report);
    EXPECT_EQ(report.files[0].routing.sets, 10 * 2 * 2 * 32);
    EXPECT_FALSE(report.files[0].routing.replayed);
}

TEST(TrajectoryRouting, ADifferingRunGoesOnWithTheStoredChoices) {
    CaseCopies copies({"dsmoe-tiny", "dsmoe-sample"});
    oneRun(copies);
    storeRouting(copies);
    shiftSelection(copies, kShift);
    const CaseReport report = verifyCase(copies / "dsmoe-sample", cpu()).orThrow();
    const FileReport& file = report.files[0];
    EXPECT_FALSE(file.passed());
    EXPECT_TRUE(file.routing.replayed);
    EXPECT_GT(file.routing.differing, 0);
    ASSERT_TRUE(file.routing.first);
    EXPECT_EQ(file.routing.first->block, 3);
    EXPECT_LT(file.routing.first->margin, kShift) << "the shift can turn over no wider decision";
    ASSERT_FALSE(file.routing.overruled.empty());
    for (const SmallestMargin& choice : file.routing.overruled) {
        EXPECT_EQ(choice.block, 3);
        EXPECT_GT(choice.margin, 0);
        EXPECT_LT(choice.margin, kShift);
    }
    // Gates come from the affinities alone, so that with the stored choices every state is the reference's again.
    for (const verify::KeyReport& key : file.keys)
        if (key.key.find(".moe.") == std::string::npos) {
            EXPECT_TRUE(key.passed) << key.key << " " << key.error;
        }
}

TEST(TrajectoryRouting, StoredChoicesThatAreNoneAreASentence) {
    CaseCopies copies({"dsmoe-tiny", "dsmoe-sample"});
    oneRun(copies);
    storeRouting(copies);
    copies.edit(kFile, [](Tensors& all) { test::integerAt(all, "cond.04.moe.3.expert", 9) = 8; });
    const auto result = verifyCase(copies / "dsmoe-sample", cpu());
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("cond.04.moe.3.expert"), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace moescope
