// SPDX-License-Identifier: Apache-2.0
// EC-DiT: class-conditional latent diffusion transformer, experts that choose tokens, picture by picture.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& ecDitFamily();

}  // namespace moescope
