// SPDX-License-Identifier: Apache-2.0
// DiffMoE: class-conditional latent diffusion transformer, batch-wide pools with predicted capacities (arXiv 2503.14487).
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& diffMoeFamily();

}  // namespace moescope
