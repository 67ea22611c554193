// SPDX-License-Identifier: Apache-2.0
#include "engine/model/tcdit.h"

#include "engine/model/plain_dit.h"

namespace moescope {
namespace {

const DitFamily& family() {
    // The optional shared expert is a bias-free SwiGLU, although the routed ones are biased GELU layers.
    static const DitFamily dit{"TC-DiT",
                               {"gate.weight", "", "experts", "shared_experts", geluMlp(), splitSwiglu(), "", ""},
                               RouterRule::SoftmaxTokenChoice,
                               ""};
    return dit;
}

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj.weight") && someBlockHas(view, "mlp.gate.weight") && someBlockHas(view, "mlp.experts.0.fc1.weight");
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) { return describeDit(family(), view, settings); }

ModelDescription released(const ReleasedSize& size) { return releasedDit(family(), size); }

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return loadDit(family(), backend, loader, description);
}

}  // namespace

const FamilyDefinition& tcDitFamily() {
    static const FamilyDefinition definition{"TC-DiT", recognise, describe, released, load};
    return definition;
}

}  // namespace moescope
