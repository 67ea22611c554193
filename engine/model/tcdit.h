// SPDX-License-Identifier: Apache-2.0
// TC-DiT: class-conditional latent diffusion transformer, tokens that choose experts by softmax.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& tcDitFamily();

}  // namespace moescope
