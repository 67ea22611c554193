// SPDX-License-Identifier: Apache-2.0
// Policies in which the experts choose among all tokens of a pool: expert choice, and pools with predicted capacities.
#pragma once

#include "engine/cpu/moe_operands.h"

namespace moescope::cpu {

/// Policies that must see a whole pool before a pair is known.
inline bool choosesFromPools(MsPolicy policy) {
    return policy == MS_POLICY_EXPERT_CHOICE || policy == MS_POLICY_POOL_THRESHOLD;
}

/// Decides for all tokens of the call. `pairs` points into scratch memory that stays valid until the next such call.
/// Writes logits, scores, capacityLogits and margin where wanted.
MsStatus routePools(const MoeOperands& layer, PairList& pairs);

}  // namespace moescope::cpu
