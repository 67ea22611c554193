// SPDX-License-Identifier: Apache-2.0
// Writes safetensors files tensor by tensor, so that a model larger than memory can be converted.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// One tensor to be written. `write` is called once, in order, and hands its contiguous bytes to `sink` in any number of pieces.
struct SafetensorsEntry {
    using Sink = std::function<void(std::span<const std::byte>)>;
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    std::function<Status(const Sink& sink)> write;
};

/// Entry that copies from memory the caller keeps alive until the file is written.
SafetensorsEntry safetensorsEntry(std::string name, DType dtype, Shape shape, std::span<const std::byte> bytes);

/// Writes to a temporary name beside `path`, syncs, renames: the real name never holds half a file. Data are 64-byte aligned.
Status writeSafetensors(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                        const std::map<std::string, std::string>& metadata);

}  // namespace moescope
