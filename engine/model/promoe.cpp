// SPDX-License-Identifier: Apache-2.0
#include "engine/model/promoe.h"

#include <fmt/format.h>

#include "engine/model/plain_dit.h"

namespace moescope {
namespace {

constexpr double kTimeScale = 1000;

/// A flow with its data at t = 0, given 1000 t.
void sampleFlow(ModelDescription& d) {
    d.time.dataTime = 0;
    d.time.timeScale = kTimeScale;
}

DitFamily makeFamily() {
    const MlpNaming expert{{"up_proj"}, "down_proj", true, MS_ACT_GELU_TANH};
    DitFamily family{"ProMoE",
                     {"cluster_centers", "", "experts", "shared_expert", expert, expert, "", ""},
                     RouterRule::Prototype,
                     ""};
    family.expertsPerToken = "top_k";
    family.sampling = sampleFlow;
    return family;
}

const DitFamily& family() {
    static const DitFamily dit = makeFamily();
    return dit;
}

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj.weight") &&
           (someBlockHas(view, "mlp.cluster_centers") || someBlockHas(view, "mlp.experts.0.up_proj.bias"));
}

/// Options of the published code that no released model uses and that compute something else.
Status refuseVariants(SettingBag& settings) {
    const auto refuse = [](std::string_view option, std::string_view value, std::string_view expected) {
        return Status(ErrorCode::Unsupported,
                      fmt::format("the configuration sets {} to '{}'; this version runs ProMoE with {}, the published form",
                                  option, value, expected));
    };
    if (const auto mode = settings.text({"router_weight_mode"}); mode && *mode != "identity")
        return refuse("router_weight_mode", *mode, "'identity'");
    if (settings.flag({"norm_topk_prob"}).value_or(false)) return refuse("norm_topk_prob", "true", "'false'");
    if (settings.flag({"qk_norm"}).value_or(false)) return refuse("qk_norm", "true", "'false'");
    return {};
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    if (const Status variant = refuseVariants(settings); !variant.ok()) return variant.error();
    return describeDit(family(), view, settings);
}

ModelDescription released(const ReleasedSize& size) {
    TransformerConfig config = releasedConfig(size);
    config.moe.unconditionalExpert = true;  // counted among the experts
    return releasedDit(family(), size, std::move(config));
}

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return loadDit(family(), backend, loader, description);
}

}  // namespace

const FamilyDefinition& proMoeFamily() {
    static const FamilyDefinition definition{"ProMoE", recognise, describe, released, load};
    return definition;
}

}  // namespace moescope
