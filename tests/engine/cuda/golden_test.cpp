// SPDX-License-Identifier: GPL-3.0-or-later
// Every whole reference case on the device, within the same limits as on the CPU.
#include <algorithm>

#include "engine/verify/verify_case.h"
#include "tests/engine/cuda/plugin_under_test.h"

namespace moescope::test {
namespace {

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

std::vector<std::string> caseNames() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kGolden))
        if (std::filesystem::exists(entry.path() / "case.json")) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class CudaGolden : public testing::TestWithParam<std::tuple<Where, std::string>> {};

TEST_P(CudaGolden, HoldsInEveryOutput) {
    const auto& [where, name] = GetParam();
    std::string reason;
    const MsBackendTable* table = pluginTable(where, reason);
    if (!table) GTEST_SKIP() << reason;
    Backend backend(*table, {});
    const CaseReport report = verifyCase(kGolden / name, backend).orThrow();
    EXPECT_TRUE(report.passed()) << reportText(report);
    EXPECT_GT(report.compared(), 0);
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
