// SPDX-License-Identifier: GPL-3.0-or-later
// The reference case of mixtures of networks, and damaged copies of it.
#include <gtest/gtest.h>

#include "engine/verify/verify_case.h"
#include "tests/support/case_copy.h"
#include "tests/support/mixer_network.h"

namespace moescope {
namespace {

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

class MixtureCase : public testing::Test {
protected:
    void SetUp() override { test::registerMixerFamily(); }
    Backend backend{cpuBackendTable(), {1, "auto"}};
};

TEST_F(MixtureCase, HoldsInEveryOutput) {
    const CaseReport report = verifyCase(kGolden / "mode-toy", backend).orThrow();
    EXPECT_TRUE(report.passed()) << reportText(report);
    EXPECT_EQ(report.files.size(), 8u);
    EXPECT_EQ(report.compared(), report.total());
    int64_t sets = 0;
    for (const FileReport& file : report.files) {
        sets += file.routing.sets;
        EXPECT_EQ(file.routing.differing, 0) << file.file;
    }
    EXPECT_EQ(sets, 3 * (1 + 3) + 3 * (1 + 4) + 2 * 6 * (2 + 2 + 4));  // pictures of every stored table of weights
}

TEST_F(MixtureCase, TellsAWrongWeight) {
    const test::CaseCopies copies({"mode-toy"});
    copies.edit("mode-toy/forward.safetensors", [](NamedTensors& tensors) { test::floatAt(tensors, "weights_top2", 0) += 1e-3f; });
    const CaseReport report = verifyCase(copies / "mode-toy", backend).orThrow();
    EXPECT_FALSE(report.passed());
}

}  // namespace
}  // namespace moescope
