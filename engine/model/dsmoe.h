// SPDX-License-Identifier: Apache-2.0
// DSMoE (EfficientMoE): latent, class-conditional, fine-grained experts in some blocks, 2-D RoPE, predicts data - noise.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& dsmoeFamily();

}  // namespace moescope
