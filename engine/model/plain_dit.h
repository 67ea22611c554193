// SPDX-License-Identifier: Apache-2.0
// What families on the plain DiT skeleton share (arXiv 2212.09748): latents in convolution patches, a stored position table,
// LayerNorms without weights, dense blocks fc1 -> tanh GELU -> fc2, mixtures in some blocks.
#pragma once

#include <memory>
#include <string>

#include "engine/model/adaln_transformer.h"
#include "engine/model/family.h"
#include "engine/model/moe_naming.h"

namespace moescope {

/// What tells one family on this skeleton from another.
struct DitFamily {
    std::string name;
    MoeNaming naming;
    RouterRule rule;
    std::string capacityFallback;  // capacity where nothing gives it; "": then the model can not run
    std::string expertsPerToken = "capacity";  // what the published configuration calls it
    std::string layer = "mlp";                 // the mixture under "blocks.N."
    std::string qkv = "qkv", proj = "proj";    // the attention's layers under "blocks.N.attn."
    bool queryNorms = false;                   // queries and keys go through LayerNorms "q_norm", "k_norm"
    void (*sampling)(ModelDescription&) = nullptr;  // sets prediction, time and defaults where they are not a flow's with data at 1
};

/// Whether some block has a tensor of this name under "blocks.N.".
bool someBlockHas(const WeightView& view, const std::string& name);

/// Everything that `FamilyDefinition` asks for, for a family told by data alone.
Result<ModelDescription> describeDit(const DitFamily& family, const WeightView& view, SettingBag& settings);
ModelDescription releasedDit(const DitFamily& family, const ReleasedSize& size);
/// The same where the mixtures lie otherwise than in odd blocks, or there is a shared expert.
ModelDescription releasedDit(const DitFamily& family, const ReleasedSize& size, TransformerConfig config);
std::unique_ptr<Denoiser> loadDit(const DitFamily& family, Backend& backend, WeightLoader& loader, const ModelDescription& description);

}  // namespace moescope
