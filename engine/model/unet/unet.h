// SPDX-License-Identifier: Apache-2.0
// U-Nets in the layouts of diffusers (UNet2DConditionModel, UNet2DModel): experts beside transformers, or alone.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& unetFamily();

}  // namespace moescope
