// SPDX-License-Identifier: Apache-2.0
// Members of a tar file in memory, one after another or one alone, by libarchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

struct TarMember {
    std::string name;
    uint64_t position = 0;  // where its headers begin in the file: what readTarMember takes
    uint64_t size = 0;
};

/// Calls `visit` for every regular file, with a function that reads its content (throws EngineException). Returns an
/// empty text, or a sentence's middle that says why the rest of the file could not be read.
std::string visitTar(
    std::span<const std::byte> bytes,
    const std::function<void(const TarMember& member, const std::function<std::string()>& content)>& visit);

/// The content of the member whose headers begin at `position`; at most `most` bytes. Throws EngineException.
std::string readTarMember(std::span<const std::byte> bytes, const TarMember& member, uint64_t most);

}  // namespace moescope
