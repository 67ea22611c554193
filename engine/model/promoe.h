// SPDX-License-Identifier: Apache-2.0
// ProMoE (arXiv 2510.24711): latent, class-conditional, routing by learned prototypes, an expert for unconditional samples.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& proMoeFamily();

}  // namespace moescope
