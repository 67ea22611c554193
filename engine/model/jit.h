// SPDX-License-Identifier: Apache-2.0
// JiT and JiTMoE: pixels, class-conditional, class tokens in context, axial RoPE, predict the clean picture. The same network with
// prompts in place of classes is the family of moescope_t.h.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& jitFamily();
const FamilyDefinition& jitMoeFamily();

/// Completes a description that has its family, conditioning and prompt encoder from the tensors and settings of this layout.
Result<ModelDescription> describeJit(ModelDescription description, const WeightView& view, SettingBag& settings);
std::unique_ptr<Denoiser> loadJit(Backend& backend, WeightLoader& loader, const ModelDescription& description);

}  // namespace moescope
