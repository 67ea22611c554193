// SPDX-License-Identifier: Apache-2.0
// The table of model families. A new family is a new file that defines one FamilyDefinition and a line in families.cpp.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/model/denoiser.h"
#include "engine/model/released_sizes.h"
#include "engine/model/setting_bag.h"
#include "engine/model/weight_loader.h"
#include "engine/model/weight_view.h"

namespace moescope {

struct FamilyDefinition {
    std::string_view name;
    /// Whether these tensors are of this family, by names and shapes.
    bool (*recognise)(const WeightView& view);
    /// Shape, counts, defaults and expected tensors. Settings come from shapes, else from `settings`, else from the released
    /// sizes; what stays unknown is listed, not guessed.
    Result<ModelDescription> (*describe)(const WeightView& view, SettingBag& settings);
    /// The description of one of the family's released sizes, without a file.
    ModelDescription (*released)(const ReleasedSize& size);
    /// Loads the weights. Throws EngineException.
    std::unique_ptr<Denoiser> (*load)(Backend& backend, WeightLoader& loader, const ModelDescription& description);
    /// The description of a new model of this shape (see composeModel, which checks it first); null where a family is not trained here.
    ModelDescription (*compose)(const TransformerConfig& config) = nullptr;
};

std::span<const FamilyDefinition* const> modelFamilies();

/// Puts a family that is not built in behind the others, as tests do with toy networks. `family` stays alive as long as the program;
/// call it before anything is opened, not while another thread opens.
void registerModelFamily(const FamilyDefinition& family);

/// For a person whose file is of none of them: what the tensors look like, and the nearest family.
std::string describeUnknownArchitecture(const TensorSource& source);

/// One more than the largest N of the "blocks.N." names, so that what is missing in between is missed.
int64_t countBlocks(const WeightView& view);
/// Refuses routers for far more experts than a file with this many tensors can hold, before anything is listed per expert.
Status checkMixtureSize(const WeightView& view, const TransformerConfig& config);
/// The policy that records speak of.
RoutingPolicy policyOf(RouterRule rule);
/// MoE-layer descriptors of a transformer from its configuration; `context`: what the tokens in front of the image's are.
std::vector<MoeLayerDescriptor> describeMoeLayers(const TransformerConfig& config, TokenKind context = TokenKind::ClassLabel);
/// Groups, top-k and scale of a mixture by `settings`, else by the released size, else listed as unknown.
void readMoeSettings(ModelDescription& description, SettingBag& settings);
/// What all released sizes have in common, filled in from one of them: 16 x 16 tokens, 1000 classes, mixtures in odd blocks.
TransformerConfig releasedConfig(const ReleasedSize& size);
/// The tensors that every adaLN transformer here has, outside of feed-forward layers and norms; `qkv` and `proj` are the names
/// of the attention's two layers.
void expectCommonTensors(ModelDescription& description, std::string_view qkv = "qkv", std::string_view proj = "proj");

}  // namespace moescope
