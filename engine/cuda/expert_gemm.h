// SPDX-License-Identifier: Apache-2.0
// The experts' products of a MoE layer.
#pragma once

#include "engine/cuda/expert_tiles.cuh"
#include "engine/cuda/linear.h"

namespace moescope::cuda {

/// What follows from the weights alone; whoever takes it fills in rows, places and the output.
ExpertProduct productWith(const MsLinear& weights);

/// Rows of a tile that suit this many pairs of this many experts.
int32_t expertTileRows(MsDType type, int64_t pairs, int64_t experts);

/// out[slot] for all slots of all experts. `pairs`: how many there can be. The context decides nothing here: operands
/// of bf16 take tensor cores.
void expertProduct(MsContext& context, const ExpertProduct& product, MsDType type, MsDType outType, int32_t tileRows,
                   int64_t pairs);

}  // namespace moescope::cuda
