// SPDX-License-Identifier: Apache-2.0
// The weights that training begins with: random ones, those of a checkpoint, or a dense model's copied into experts.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/weight_view.h"
#include "engine/train/parameter_layout.h"

namespace moescope::train {

/// Xavier-uniform layers, normal embeddings (0.02), Kaiming-normal routers, zero modulations and output layer, so that an untrained
/// network returns 0. `values` [allValues]. A tensor's numbers depend on the seed and on its name alone.
void randomWeights(const ModelDescription& description, const ParameterLayout& layout, uint64_t seed, std::span<float> values);

/// Overwrites with the tensors of `view`. A file of fewer experts fills the first ones and their router rows; the others stay as they
/// are and their numbers are returned. Throws EngineException (Format) for tensors that are missing or of another shape.
std::vector<int> copyWeights(const WeightView& view, const ParameterLayout& layout, std::span<float> values);

/// Every expert becomes a copy of the dense feed-forward layer of its block, divided by the gates' sum, the shared expert gives
/// nothing at first and the router is small noise: for two and more experts per token the network computes what the dense one does.
/// Throws EngineException when the widths differ.
void upcycleWeights(const WeightView& dense, const ModelDescription& description, const ParameterLayout& layout, uint64_t seed,
                    double routerNoise, std::span<float> values);

}  // namespace moescope::train
