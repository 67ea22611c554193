// SPDX-License-Identifier: Apache-2.0
// Weights of a training run as a source of tensors: for previews without a file, and for files.
#pragma once

#include <memory>
#include <vector>

#include "engine/io/tensor_source.h"
#include "engine/model/checkpoint.h"
#include "engine/train/parameter_layout.h"

namespace moescope::train {

/// A const model of these values [allValues] as they are now; opens and loads as one from a file does.
Result<std::shared_ptr<const Checkpoint>> openSnapshot(const ModelDescription& description, const ParameterLayout& layout,
                                                       std::vector<float> values);

/// One set of weights as safetensors of F32, F16 or BF16 values, with everything in its metadata that opening it again needs.
Status writeSnapshot(const std::filesystem::path& file, const ModelDescription& description, const ParameterLayout& layout,
                     std::span<const float> values, DType dtype, const std::map<std::string, std::string>& metadata = {});

}  // namespace moescope::train
