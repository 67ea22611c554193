// SPDX-License-Identifier: Apache-2.0
// A file mapped read-only into memory; the pages come from the page cache and count as nobody's anonymous memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/core/error.h"

namespace moescope {

/// What the next accesses will look like; only a hint to the system.
enum class AccessHint { Normal, Sequential, Random, WillNeed };

/// Const after opening, safe to read from several threads. A file that another program cuts short while it is mapped
/// can not be guarded against.
class MappedFile {
public:
    /// Folders, devices, pipes and empty files are errors.
    static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
    /// The same face over memory that the caller keeps alive; `name` appears in messages.
    static std::shared_ptr<const MappedFile> borrow(std::span<const std::byte> bytes, std::string name);

    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    std::span<const std::byte> bytes() const { return m_bytes; }
    uint64_t size() const { return m_bytes.size(); }
    const std::filesystem::path& path() const { return m_path; }
    /// File name without folders, as messages show it.
    const std::string& name() const { return m_name; }

    /// Gives the pages of [offset, offset + length) back; they are read again from the file when touched. Rounded
    /// outward: a page shared with a neighbour costs the neighbour one more page fault, never its values.
    void releasePages(uint64_t offset, uint64_t length) const;
    void advise(uint64_t offset, uint64_t length, AccessHint hint) const;

private:
    MappedFile(std::span<const std::byte> bytes, bool mapped, std::filesystem::path path, std::string name);
    void adviseRange(uint64_t offset, uint64_t length, int advice) const;

    std::span<const std::byte> m_bytes;
    bool m_mapped = false;
    std::filesystem::path m_path;
    std::string m_name;
};

}  // namespace moescope
