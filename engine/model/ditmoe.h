// SPDX-License-Identifier: Apache-2.0
// DiT-MoE (arXiv 2407.11633): latent, class-conditional, a mixture in every block, softmax top-2 routing.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& ditMoeFamily();

}  // namespace moescope
