// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/core/system_memory.h"

#include <fstream>
#include <limits>

#include <gtest/gtest.h>

namespace moescope {
namespace {

namespace fs = std::filesystem;

class ControlGroup : public testing::Test {
protected:
    void SetUp() override {
        root = fs::temp_directory_path() / ("moescope-group-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
        fs::remove_all(root);
        fs::create_directories(root / "outer/inner");
    }
    void TearDown() override { fs::remove_all(root); }
    static void group(const fs::path& folder, const std::string& limit, const std::string& used, const std::string& statistics = "") {
        std::ofstream(folder / "memory.max") << limit << "\n";
        std::ofstream(folder / "memory.current") << used << "\n";
        std::ofstream(folder / "memory.stat") << statistics;
    }
    fs::path root;
};

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

TEST_F(ControlGroup, WithoutALimitLeavesEverything) {
    EXPECT_EQ(controlGroupMemory(root, "/outer/inner"), kNoLimit);
    group(root / "outer", "max", "1000");
    EXPECT_EQ(controlGroupMemory(root, "/outer/inner"), kNoLimit);
}

TEST_F(ControlGroup, LeavesWhatTheTightestGroupAroundLeaves) {
    group(root / "outer", "5000", "4000");
    group(root / "outer/inner", "3000", "500");
    EXPECT_EQ(controlGroupMemory(root, "/outer/inner"), 1000);
    EXPECT_EQ(controlGroupMemory(root, "/outer"), 1000);
    EXPECT_EQ(controlGroupMemory(root, "/"), kNoLimit);
    group(root, "900", "100");
    EXPECT_EQ(controlGroupMemory(root, "/"), 800);
}

TEST_F(ControlGroup, DoesNotCountFilesThatTheSystemCanDrop) {
    group(root, "5000", "4900", "anon 400\nfile 4500\ninactive_file 3000\nactive_file 1200\nshmem 300\n");
    EXPECT_EQ(controlGroupMemory(root, "/"), 5000 - (4900 - 4200));
}

TEST_F(ControlGroup, OverItsLimitLeavesNothing) {
    group(root, "5000", "6000");
    EXPECT_EQ(controlGroupMemory(root, "/"), 0);
}

}  // namespace
}  // namespace moescope
