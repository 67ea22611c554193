// SPDX-License-Identifier: Apache-2.0
// What a MoE layer demands of its operands.
#pragma once

#include "engine/cuda/context.h"

namespace moescope::cuda {

/// Policies that must see a whole pool before a pair is known.
inline bool choosesFromPools(MsPolicy policy) {
    return policy == MS_POLICY_EXPERT_CHOICE || policy == MS_POLICY_POOL_THRESHOLD;
}

/// Policies that choose by affinity + bias, within groups, and divide a token's gates by their sum.
inline bool normalisesGates(MsPolicy policy) {
    return policy == MS_POLICY_TOKEN_CHOICE_SIGMOID || policy == MS_POLICY_TOKEN_CHOICE_SOFTMAX_NORMALISED;
}

/// Pairs that a call can have at most.
int64_t mostPairs(const MsMoeLayerDesc& desc, int64_t tokens);

/// Throws Failure with MS_INVALID, or MS_UNSUPPORTED for more experts than the router's shared memory holds.
void checkMoeLayer(const MsContext& context, const MsTensor* x, const MsMoeLayerDesc& desc, const MsRouting& routing,
                   const MsTensor* out);

}  // namespace moescope::cuda
