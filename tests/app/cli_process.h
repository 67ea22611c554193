// SPDX-License-Identifier: GPL-3.0-or-later
// Runs moescope-cli as a person would and collects what it prints.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace moescope::test {

struct CliResult {
    int status = -1;
    std::string out, err;
};

/// Arguments are passed as they are, without a shell. `interruptAfterMs` >= 0: sends SIGINT that much later.
CliResult runCli(const std::vector<std::string>& arguments, int interruptAfterMs = -1);

/// A test with an empty folder of its own.
class CliTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::string file(const std::string& name) const { return (folder / name).string(); }
    std::filesystem::path folder;
};

std::string readFile(const std::filesystem::path& path);

}  // namespace moescope::test
