// SPDX-License-Identifier: GPL-3.0-or-later
// A zip archive that is streamed into a file which appears under its name only when it is complete.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace moescope {

/// Members are compressed and written one after the other; memory is bounded by the compressed size of one member.
/// Without `finish` no file is left. One thread.
class ZipWriter {
public:
    static Result<ZipWriter> create(const std::filesystem::path& target);
    ZipWriter(ZipWriter&&) noexcept;
    ZipWriter& operator=(ZipWriter&&) = delete;
    ~ZipWriter();

    /// `uncompressedSize` decides whether the 64-bit form is needed.
    Status begin(const std::string& member, uint64_t uncompressedSize);
    Status write(std::span<const std::byte> bytes);
    Status end();
    /// Writes the directory, syncs and renames.
    Status finish();

private:
    struct State;
    explicit ZipWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

}  // namespace moescope
