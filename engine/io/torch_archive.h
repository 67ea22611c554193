// SPDX-License-Identifier: Apache-2.0
// A zip archive of uncompressed entries, written front to back into a file that appears when it is complete.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/core/error.h"

namespace moescope {

/// Every entry's data begin at a multiple of 64 bytes, as torch lays them. Methods throw EngineException (NoSpace, Io)
/// with a sentence. What is not committed leaves no file.
class TorchArchiveWriter {
public:
    explicit TorchArchiveWriter(const std::filesystem::path& path);
    ~TorchArchiveWriter();
    TorchArchiveWriter(const TorchArchiveWriter&) = delete;

    /// `size` bytes follow in `write` calls.
    void begin(const std::string& name, uint64_t size);
    void write(std::span<const std::byte> bytes);
    void end();
    void commit();

private:
    struct Archive;
    std::unique_ptr<Archive> m_archive;
};

}  // namespace moescope
