// SPDX-License-Identifier: GPL-3.0-or-later
// A folder that exists as long as a test needs it, and small helpers around files of bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moescope::test {

class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path operator/(std::string_view name) const { return m_path / name; }
    /// Names of everything in the folder, sorted.
    std::vector<std::string> names() const;

private:
    std::filesystem::path m_path;
};

std::vector<std::byte> fileBytes(const std::filesystem::path& path);
void writeFile(const std::filesystem::path& path, std::span<const std::byte> bytes);
void writeFile(const std::filesystem::path& path, std::string_view text);

}  // namespace moescope::test
