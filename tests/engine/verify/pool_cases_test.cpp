// SPDX-License-Identifier: GPL-3.0-or-later
// Cases whose experts choose tokens: lists of pairs, counts per branch, the training step, and damaged copies of them.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/verify/verify_case.h"
#include "tests/support/case_copy.h"

namespace moescope {
namespace {

using test::CaseCopies;
using test::floatAt;
using Tensors = moescope::NamedTensors;

Backend& cpu() {
    static Backend backend(cpuBackendTable(), {1, "auto"});
    return backend;
}

const FileReport& fileOf(const CaseReport& report, const std::string& file) {
    for (const FileReport& one : report.files)
        if (one.file == file) return one;
    throw std::out_of_range(file);
}

std::vector<std::string> failedKeys(const FileReport& report) {
    std::vector<std::string> keys;
    for (const verify::KeyReport& key : report.keys)
        if (!key.passed) keys.push_back(key.key);
    return keys;
}

int32_t& smallIntegerAt(Tensors& tensors, const std::string& key, size_t index) {
    return reinterpret_cast<int32_t*>(tensors.tensors.at(key).bytes.data())[index];
}

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

TEST(PoolCases, GradientsAreSetAsideAndCountedApart) {
    const CaseReport report = verifyCase(kGolden / "diffmoe-tiny", cpu()).orThrow();
    const FileReport& training = fileOf(report, "train-forward.safetensors");
    EXPECT_EQ(training.notChecked, 49);
    EXPECT_EQ(report.notChecked(), 49);
    ASSERT_EQ(training.notes.size(), 1u);
    EXPECT_EQ(training.notes[0], "49 training gradients, not checked");
    EXPECT_EQ(training.compared, training.total());
    EXPECT_EQ(training.routing.sets, 216) << "108 tokens in two layers";
    EXPECT_NE(reportText(report).find("261/261 outputs compared, all within their limits; 49 more keys not checked"),
              std::string::npos)
        << reportText(report);
    EXPECT_EQ(reportJson(report)["not_checked"], 49);
}

TEST(PoolCases, TheSmallestMarginMayBeThatOfAThreshold) {
    const CaseReport report = verifyCase(kGolden / "diffmoe-tiny", cpu()).orThrow();
    const SmallestMargin& smallest = fileOf(report, "forward.safetensors").routing.smallest;
    EXPECT_NEAR(smallest.margin, 8.157e-5, 2e-7) << "as case.json has it for block 3, absolute";
    EXPECT_EQ(smallest.block, 3);
    EXPECT_GE(smallest.token, 0);
    EXPECT_GE(smallest.expert, 0);
}

TEST(PoolCases, AMovedPairAChangedCountAndAChangedThresholdAreNamed) {
    const CaseCopies copies({"diffmoe-tiny"});
    copies.edit("diffmoe-tiny/forward.safetensors", [](Tensors& all) {
        // The last pair of the file's list goes to an expert that the token does not have.
        const size_t last = all.tensors.at("moe.3.expert").bytes.size() / 4 - 1;
        int32_t& expert = smallIntegerAt(all, "moe.3.expert", last);
        expert = expert == 0 ? 1 : 0;
    });
    copies.edit("diffmoe-tiny/sample-heun-cfg.safetensors",
                [](Tensors& all) { ++smallIntegerAt(all, "moe.1.count_uncond.04", 5); });
    copies.edit("diffmoe-tiny/train-forward.safetensors",
                [](Tensors& all) { floatAt(all, "moe.3.threshold_after", 2) += 1e-3f; });
    const CaseReport report = verifyCase(copies / "diffmoe-tiny", cpu()).orThrow();
    EXPECT_FALSE(report.passed());
    const FileReport& forward = fileOf(report, "forward.safetensors");
    EXPECT_EQ(failedKeys(forward), std::vector<std::string>{"moe.3.expert"});
    EXPECT_EQ(forward.routing.differing, 1);
    EXPECT_EQ(failedKeys(fileOf(report, "sample-heun-cfg.safetensors")),
              std::vector<std::string>{"moe.1.count_uncond.04"});
    EXPECT_EQ(failedKeys(fileOf(report, "train-forward.safetensors")),
              std::vector<std::string>{"moe.3.threshold_after"});
    EXPECT_TRUE(fileOf(report, "forward-alone-0.safetensors").passed());
}

TEST(PoolCases, UnsortedPairsGetASentence) {
    const CaseCopies copies({"ecdit-tiny"});
    copies.edit("ecdit-tiny/forward.safetensors", [](Tensors& all) { smallIntegerAt(all, "moe.1.token", 3) = 10000; });
    const auto result = verifyCase(copies / "ecdit-tiny", cpu());
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("pairs sorted by token, 0 to 107"), std::string::npos)
        << result.error().message;
}

TEST(PoolCases, AnUnknownSamplerFileIsNotRunAndFails) {
    const CaseCopies copies({"tcdit-tiny"});
    copies.editJson("tcdit-tiny/case.json", [](auto& json) { json["sampling"] = nlohmann::json::object(); });
    const CaseReport report = verifyCase(copies / "tcdit-tiny", cpu()).orThrow();
    EXPECT_FALSE(report.passed());
    EXPECT_TRUE(fileOf(report, "forward.safetensors").passed());
    EXPECT_EQ(fileOf(report, "sample-euler-cfg.safetensors").compared, 0);
}

}  // namespace
}  // namespace moescope
