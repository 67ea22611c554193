// SPDX-License-Identifier: Apache-2.0
#include "engine/model/ecdit.h"

#include "engine/model/plain_dit.h"

namespace moescope {
namespace {

const DitFamily& family() {
    // The optional shared expert is a bias-free SwiGLU, although the routed ones are biased GELU layers.
    static const DitFamily dit{"EC-DiT",
                               {"gate_weight", "", "experts", "shared_experts", geluMlp(), splitSwiglu(), "", ""},
                               RouterRule::ExpertChoice,
                               ""};
    return dit;
}

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj.weight") && someBlockHas(view, "mlp.gate_weight");
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) { return describeDit(family(), view, settings); }

ModelDescription released(const ReleasedSize& size) { return releasedDit(family(), size); }

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return loadDit(family(), backend, loader, description);
}

}  // namespace

const FamilyDefinition& ecDitFamily() {
    static const FamilyDefinition definition{"EC-DiT", recognise, describe, released, load};
    return definition;
}

}  // namespace moescope
