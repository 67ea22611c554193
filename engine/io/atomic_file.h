// SPDX-License-Identifier: Apache-2.0
// A file that appears under its name only when it is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace moescope {

/// Writes to "<name>.<random>.part" beside the target; `commit` syncs and renames, the destructor removes what was not
/// committed. Errors are sentences with the reason (full disk -> ErrorCode::NoSpace, unwritable folder ->
/// ErrorCode::Io). One thread.
class AtomicFile {
public:
    static Result<AtomicFile> create(const std::filesystem::path& named);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    ~AtomicFile();

    Status write(std::span<const std::byte> bytes);
    Status write(std::string_view text);
    /// Replaces bytes that have been written; `at` + bytes.size() is at most size().
    Status overwrite(uint64_t at, std::span<const std::byte> bytes);
    /// Bytes written so far.
    uint64_t size() const { return m_size; }
    Status commit();

private:
    AtomicFile(int fd, std::filesystem::path target, std::filesystem::path temporary);
    void discard();  // close and remove the temporary file; nothing can be written afterwards

    int m_fd = -1;
    uint64_t m_size = 0;
    std::filesystem::path m_target, m_temporary;
};

}  // namespace moescope
