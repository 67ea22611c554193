// SPDX-License-Identifier: Apache-2.0
// Any readable checkpoint -> one safetensors file, tensor by tensor.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/model/checkpoint.h"

namespace moescope {

struct ConvertOptions {
    std::optional<DType> dtype;  // of floating-point tensors; empty: as stored
    std::string name;    // of the model in the new file; empty: as it is called now
    std::string notice;  // copyright and licence, kept in the new file; empty: that of the old one
    std::stop_token stop;
    LoadProgress progress;
};

struct ConvertSummary {
    int64_t tensors = 0, bytes = 0;
};

/// The chosen weight set under its plain names, with the settings that shapes can not give in the metadata, so that the new file
/// stands alone. Memory: the largest tensor.
Result<ConvertSummary> convertCheckpoint(const Checkpoint& checkpoint, const std::filesystem::path& target, const ConvertOptions& options);

/// All tensors of a file that is no model known here, under their full names.
Result<ConvertSummary> convertTensors(const TensorSource& source, const std::filesystem::path& target, const ConvertOptions& options);

}  // namespace moescope
