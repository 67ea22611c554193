// SPDX-License-Identifier: Apache-2.0
// The description of a model that does not exist yet: what a training recipe asks for, checked and spelled out to the
// last tensor.
#pragma once

#include <span>
#include <string>
#include <string_view>

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
/// A family that composeModel knows, as far as its shape goes.
struct ComposableFamily {
    std::string_view name;
    bool latents = false;     // on latents of an autoencoder; else on pixels, with a bottleneck in the patch embedding
    bool dense = false;       // no block has experts
    bool prompts = false;     // reads prompts
    int mostAverages = 2;     // of the weights, that its published layout has room for
};
std::span<const ComposableFamily> composableFamilies();
/// nullptr: composeModel knows no such family.
const ComposableFamily* composableFamily(std::string_view name);
/// Whether models of this family read prompts.
bool readsPrompts(std::string_view family);
/// "DSMoE, JiTMoE, JiT or MoEscope-T"
std::string composableFamilyNames();

}  // namespace moescope
