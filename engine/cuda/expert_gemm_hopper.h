// SPDX-License-Identifier: Apache-2.0
// The experts' products for devices of compute capability 9.0, in machine code of their own (sm_90a).
#pragma once

#include "engine/cuda/expert_tiles.cuh"

struct MsContext;

namespace moescope::cuda {

inline constexpr int32_t kHopperRows = 128;  // of a row tile

/// Whether this plugin has the code and the device runs it.
bool hasHopperProducts(const MsContext& context);

/// As expertProduct, of bf16 operands and row tiles of kHopperRows. `rowTiles`: how many there can be.
void expertProductOnHopper(MsContext& context, const ExpertProduct& product, MsDType outType, int64_t rowTiles);

}  // namespace moescope::cuda
