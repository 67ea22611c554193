// SPDX-License-Identifier: Apache-2.0
#include "engine/model/diffmoe.h"

#include "engine/model/plain_dit.h"

namespace moescope {
namespace {

const DitFamily& family() {
    static const DitFamily dit{
        "DiffMoE",
        // Routed experts and the optional shared one (8 D wide) are of the same kind.
        {"gate_weight", "", "experts", "shared_experts", geluMlp(), geluMlp(), "capacity_predictor", "expert_threshold"},
        RouterRule::PoolThreshold,
        "1"};
    return dit;
}

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj.weight") && (someBlockHas(view, "mlp.capacity_predictor.0.weight") ||
                                                  someBlockHas(view, "mlp.capacity_predictor.2.weight") ||
                                                  someBlockHas(view, "mlp.expert_threshold"));
}

/// A buffer of training that sampling has no use for.
void expectDecay(ModelDescription& d) {
    for (const int block : d.config.moeBlocks)
        d.tensors.push_back({"blocks." + std::to_string(block) + ".mlp.ema_decay", {1}, ExpectedTensor::Role::OptionalBuffer});
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    auto description = describeDit(family(), view, settings);
    if (description.ok()) expectDecay(*description);
    return description;
}

ModelDescription released(const ReleasedSize& size) {
    ModelDescription description = releasedDit(family(), size);
    expectDecay(description);
    return description;
}

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return loadDit(family(), backend, loader, description);
}

}  // namespace

const FamilyDefinition& diffMoeFamily() {
    static const FamilyDefinition definition{"DiffMoE", recognise, describe, released, load};
    return definition;
}

}  // namespace moescope
