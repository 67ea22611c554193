// SPDX-License-Identifier: Apache-2.0
// The description of a model that does not exist yet: what a training recipe asks for, checked and spelled out to the
// last tensor.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/model_description.h"

namespace moescope {

/// Tensors, MoE layers, defaults and prediction of a new model of `family` ("DSMoE", "JiTMoE", "JiT") and this shape,
/// with random weights or none yet. Derived here: headWidth (width / heads), keyHeads equal to heads (0 means the
/// same), outChannels 0 (what the family's published models have), MoeConfig::addsInput. The prediction is the one of
/// the published models; the caller may set Velocity or CleanImage, both of which every such family runs. Errors
/// (InvalidArgument): what does not fit, in one sentence.
Result<ModelDescription> composeModel(std::string_view family, const TransformerConfig& config);

/// The same for families that read prompts: `config` has no classes, its context tokens are the places of a prompt. Errors also of
/// `withPrompts`.
Result<ModelDescription> composeModel(std::string_view family, const TransformerConfig& config, const PromptConfig& prompt);
/// Whether models of this family read prompts.
bool readsPrompts(std::string_view family);

/// Families that composeModel knows.
std::vector<std::string_view> composableFamilies();

}  // namespace moescope
