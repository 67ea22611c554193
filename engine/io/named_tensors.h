// SPDX-License-Identifier: Apache-2.0
// A whole file of tensors in memory, by name: for reference tensors and other small files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

struct NamedTensor {
    DType dtype = DType::F32;
    Shape shape;
    std::vector<std::byte> bytes;  // row-major, native byte order
};

struct NamedTensors {
    std::map<std::string, NamedTensor, std::less<>> tensors;
    nlohmann::json metadata = nlohmann::json::object();

    bool contains(std::string_view name) const { return tensors.find(name) != tensors.end(); }
    /// Any element type, converted to fp32.
    Result<HostTensor> asFloat(std::string_view name) const;
    /// Integers and booleans; floating-point tensors are an error.
    Result<std::vector<int64_t>> asInt64(std::string_view name) const;
};

/// Reads every tensor of a file that openTensorSource accepts.
Result<NamedTensors> readAllTensors(const std::filesystem::path& path);

}  // namespace moescope
