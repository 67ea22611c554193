// SPDX-License-Identifier: Apache-2.0
// The directory of a zip archive in memory: where entries lie, and their content. Nothing is ever written to disk.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"

namespace moescope {

struct ZipEntry {
    std::string name;
    uint64_t size = 0;  // unpacked
    uint64_t compressedSize = 0;
    uint32_t checksum = 0;  // CRC-32; torch writes 0 when told not to compute it
    bool deflated = false;
    bool readable = true;                                 // neither encrypted nor of another compression method
    uint64_t directoryPosition = 0, directoryNumber = 0;  // minizip's address of the entry
    std::optional<uint64_t> farHeader;                    // local header, where its place needs more than 32 bits
};

/// Const after opening; reading from several threads is safe and happens one after the other.
class ZipDirectory {
public:
    /// Reads the directory only. Throws EngineException with a sentence that names the file.
    explicit ZipDirectory(std::shared_ptr<const MappedFile> file);
    ~ZipDirectory();
    ZipDirectory(const ZipDirectory&) = delete;
    ZipDirectory& operator=(const ZipDirectory&) = delete;

    /// Sorted by name.
    const std::vector<ZipEntry>& entries() const { return m_entries; }
    const ZipEntry* find(std::string_view name) const;

    /// First byte of the entry's data in the file, taken from its local header; the data are inside the file.
    /// Throws EngineException where it is damaged.
    uint64_t dataOffset(const ZipEntry& entry) const;
    /// Unpacks bytes [begin, begin + target.size()) of the entry. Where that is the whole entry the checksum is
    /// verified.
    void read(const ZipEntry& entry, uint64_t begin, std::span<std::byte> target) const;
    /// Throws where the checksum of these bytes (the entry's whole content) is recorded and differs; false where `stop` was
    /// requested before all were seen.
    bool verify(const ZipEntry& entry, std::span<const std::byte> content, const std::stop_token& stop = {}) const;

private:
    struct Stream;
    void openEntry(const ZipEntry& entry) const;
    uint64_t dataBehind(uint64_t header, const ZipEntry& entry) const;

    std::shared_ptr<const MappedFile> m_file;
    std::unique_ptr<Stream> m_stream;  // guarded by m_mutex
    mutable std::mutex m_mutex;
    std::vector<ZipEntry> m_entries;
};

}  // namespace moescope
