// SPDX-License-Identifier: Apache-2.0
// MoEscope-T: small pixel models that draw what a prompt says. Our own layout: that of JiTMoE, with a prompt encoder
// (prompt_encoder.h) in place of the table of classes. Its L text tokens, with learned positions (`in_context_posemb`),
// stand in front of the image tokens from block `in_context_start` on and are routed like them; its pooled vector is
// added to the embedded time. The empty prompt is no condition.
#pragma once

#include "engine/model/family.h"

namespace moescope {

const FamilyDefinition& moescopeTFamily();

/// Puts a prompt encoder into the description of a new model of the class-conditional layout, in place of its classes.
/// `prompt`: layers, inner width and tokenizer; the places of a prompt are the layout's context tokens. Errors
/// (InvalidArgument): no context tokens, no layers, no tokenizer.
Result<ModelDescription> withPrompts(ModelDescription description, PromptConfig prompt);

}  // namespace moescope
