// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, checked as strictly as the format's own library does.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/host_tensor.h"

namespace moescope {

struct SafetensorsRecord {
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    uint64_t begin = 0, end = 0;  // bytes from the start of the file
};

struct SafetensorsHeader {
    std::vector<SafetensorsRecord> records;  // in the order of their data
    std::map<std::string, std::string> metadata;
};

/// Reads the header at the start of `file` without touching the data. Throws EngineException with a sentence that names
/// `fileName`. Nothing is built for nested or repeated parts, so memory stays near that of the records.
SafetensorsHeader readSafetensorsHeader(std::span<const std::byte> file, const std::string& fileName);

/// First look: could these bytes be a safetensors file (a length that fits, then an opening brace)?
bool looksLikeSafetensors(std::span<const std::byte> file);

}  // namespace moescope
