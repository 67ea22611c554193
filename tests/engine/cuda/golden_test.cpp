// SPDX-License-Identifier: GPL-3.0-or-later
// Every whole reference case on the device: what holds on the CPU holds here, within the same limits.
#include <algorithm>

#include "engine/verify/verify_case.h"
#include "tests/engine/cuda/plugin_under_test.h"
#include "tests/support/test_data.h"

namespace moescope::test {
namespace {

const std::filesystem::path kGolden = goldenFolder();

std::vector<std::string> caseNames() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kGolden))
        if (std::filesystem::exists(entry.path() / "case.json")) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class CudaGolden : public testing::TestWithParam<std::tuple<Where, std::string>> {};

TEST_P(CudaGolden, HoldsWhereTheCpuHolds) {
    const auto& [where, name] = GetParam();
    std::string reason;
    const MsBackendTable* table = pluginTable(where, reason);
    if (!table) GTEST_SKIP() << reason;
    Backend cpu(cpuBackendTable(), {1, "auto"}), cuda(*table, {});
    const auto expected = verifyCase(kGolden / name, cpu);
    if (!expected.ok()) GTEST_SKIP() << expected.error().message;
    const CaseReport found = verifyCase(kGolden / name, cuda).orThrow();
    SCOPED_TRACE(reportText(found));
    EXPECT_GT(found.compared(), 0);
    ASSERT_EQ(found.files.size(), expected->files.size());
    for (size_t f = 0; f < found.files.size(); ++f) {
        const FileReport &here = found.files[f], &there = expected->files[f];
        EXPECT_EQ(here.compared, there.compared) << here.file;
        EXPECT_TRUE(here.passed() || !there.passed()) << here.file;
        ASSERT_EQ(here.keys.size(), there.keys.size());
        for (size_t k = 0; k < here.keys.size(); ++k)
            EXPECT_TRUE(here.keys[k].passed || !there.keys[k].passed) << here.file << ": " << here.keys[k].key;
    }
}

TEST_P(CudaGolden, HoldsInBf16) {
    const auto& [where, name] = GetParam();
    std::string reason;
    const MsBackendTable* table = pluginTable(where, reason);
    if (!table) GTEST_SKIP() << reason;
    BackendOptions rounded;
    rounded.compute = MS_BF16;
    Backend cuda(*table, rounded);
    VerifyOptions options;
    options.storage = MS_BF16;
    const auto found = verifyCase(kGolden / name, cuda, options);
    if (!found.ok() && found.error().code == ErrorCode::Unsupported) GTEST_SKIP() << found.error().message;
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_TRUE(found->passed()) << reportText(*found);
}

std::string nameOf(const testing::TestParamInfo<CudaGolden::ParamType>& info) {
    std::string name = std::get<1>(info.param);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Emulated, CudaGolden,
                         testing::Combine(testing::Values(Where::Emulated), testing::ValuesIn(caseNames())), nameOf);
INSTANTIATE_TEST_SUITE_P(Device, CudaGolden,
                         testing::Combine(testing::Values(Where::Device), testing::ValuesIn(caseNames())), nameOf);

}  // namespace
}  // namespace moescope::test
