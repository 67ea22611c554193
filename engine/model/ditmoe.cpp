// SPDX-License-Identifier: Apache-2.0
#include "engine/model/ditmoe.h"

#include "engine/model/plain_dit.h"

namespace moescope {
namespace {

constexpr int64_t kSmallestFlowWidth = 1152;  // XL and G were trained as flows, the smaller ones as discrete diffusions
constexpr int kDiffusionSteps = 250;
constexpr int64_t kGuidedChannels = 3;

/// A flow with its data at t = 0.
void sampleFlow(ModelDescription& d) {
    d.time.dataTime = 0;
    d.defaults.cfgScale = 7.0;
}

/// Predicted noise and variance; the published guidance leaves the fourth channel out.
void sampleDiffusion(ModelDescription& d) {
    d.prediction = Prediction::Noise;
    d.time.guidedChannels = kGuidedChannels;
    d.samplers = {SamplerKind::Ddpm, SamplerKind::Ddim};
    d.defaults.sampler = SamplerKind::Ddpm;
    d.defaults.steps = kDiffusionSteps;
}

/// The "two shared experts" of the papers are one SwiGLU of twice the width. The larger sizes norm queries and keys.
DitFamily makeFamily(bool larger) {
    DitFamily family{"DiT-MoE", {}, RouterRule::SoftmaxTokenChoice, ""};
    family.naming.routed = family.naming.sharedMlp = splitSwiglu();
    family.expertsPerToken = "top_k";
    family.layer = "moe";
    family.sampling = larger ? sampleFlow : sampleDiffusion;
    if (!larger) return family;
    family.qkv = "Wqkv";
    family.proj = "out_proj";
    family.queryNorms = true;
    return family;
}

const DitFamily& family(bool larger) {
    static const DitFamily small = makeFamily(false), large = makeFamily(true);
    return larger ? large : small;
}

bool recognise(const WeightView& view) {
    return view.has("x_embedder.proj.weight") &&
           (someBlockHas(view, "moe.gate.weight") || someBlockHas(view, "moe.experts.0.gate_proj.weight"));
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    if (settings.flag({"norm_topk_prob"}).value_or(false))
        return EngineError{ErrorCode::Unsupported, "the configuration sets norm_topk_prob to 'true'; this version runs DiT-MoE with "
                                                   "'false', the published form"};
    DitFamily chosen = family(someBlockHas(view, "attn.Wqkv.weight"));
    if (const auto flow = settings.flag({"rf"})) chosen.sampling = *flow ? sampleFlow : sampleDiffusion;
    return describeDit(chosen, view, settings);
}

ModelDescription released(const ReleasedSize& size) {
    TransformerConfig config = releasedConfig(size);
    config.moe.sharedWidth = 2 * size.width;
    config.moeBlocks.clear();
    for (int block = 0; block < size.depth; ++block) config.moeBlocks.push_back(block);
    return releasedDit(family(size.width >= kSmallestFlowWidth), size, std::move(config));
}

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return loadDit(family(loader.has("blocks.0.attn.Wqkv.weight")), backend, loader, description);
}

}  // namespace

const FamilyDefinition& ditMoeFamily() {
    static const FamilyDefinition definition{"DiT-MoE", recognise, describe, released, load};
    return definition;
}

}  // namespace moescope
