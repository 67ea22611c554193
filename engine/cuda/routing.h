// SPDX-License-Identifier: Apache-2.0
// From a MoE layer's input to the list of its (token, expert) pairs, sorted by expert, all on the device.
#pragma once

#include "engine/cuda/context.h"
#include "engine/cuda/pairs.h"

namespace moescope::cuda {

/// Decides, sorts and records what `routing` wants of the decision. Row tiles of `tileRows` are laid out for the
/// products.
Pairs routeTokens(MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                  int32_t tileRows);

}  // namespace moescope::cuda
