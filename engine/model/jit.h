// SPDX-License-Identifier: Apache-2.0
// JiT and JiTMoE: pixels, class-conditional, class tokens in context, axial RoPE, predict the clean picture.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& jitFamily();
const FamilyDefinition& jitMoeFamily();

}  // namespace moescope
