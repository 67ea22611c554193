// SPDX-License-Identifier: Apache-2.0
// Writes a tar shard that appears under its name only when it is complete.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/core/error.h"

namespace moescope {

/// The same members give the same bytes: times and owners are zero. One thread; functions throw EngineException
/// (NoSpace where the disk is full), and what was not closed leaves nothing behind.
class TarWriter {
public:
    explicit TarWriter(const std::filesystem::path& path);
    ~TarWriter();
    TarWriter(const TarWriter&) = delete;

    void add(const std::string& name, std::span<const std::byte> content);
    void add(const std::string& name, std::string_view text);
    void close();

private:
    struct Output;
    std::unique_ptr<Output> m_output;
};

}  // namespace moescope
