// SPDX-License-Identifier: Apache-2.0
// Models of the released shapes with random weights that exist in no file: for benchmarks and tests of size and memory.
#pragma once

#include <memory>
#include <string_view>

#include "engine/io/tensor_source.h"
#include "engine/model/model_description.h"

namespace moescope {

/// The configuration of a released size ("DSMoE-S-E48", "JiT-B/16"); an error names those that there are.
Result<ModelDescription> describeReleased(std::string_view sizeName);

/// All tensors that the description expects. Values are drawn when read, from the tensor's name alone: uniform, non-zero, scaled so
/// that activations stay tame (matrices by their inputs, norms near 1).
std::shared_ptr<const TensorSource> makeRandomWeights(const ModelDescription& description);

}  // namespace moescope
