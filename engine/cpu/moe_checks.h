// SPDX-License-Identifier: Apache-2.0
// What a MoE layer demands of its operands.
#pragma once

#include "engine/cpu/cpu_context.h"

namespace moescope::cpu {

/// MS_OK, or MS_INVALID with a sentence in the context.
MsStatus checkMoeLayer(MsContext* context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                       const MsTensor* out);

}  // namespace moescope::cpu
