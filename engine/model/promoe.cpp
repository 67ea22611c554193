// SPDX-License-Identifier: Apache-2.0
#include "engine/model/promoe.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/latent_transformer.h"

namespace moescope {
namespace {

constexpr const char* kFamily = "ProMoE";
constexpr double kTimeScale = 1000;

std::string mixtureOf(int64_t block) { return fmt::format("blocks.{}.mlp", block); }

bool hasMixture(const WeightView& view, int64_t block) {
    return view.has(mixtureOf(block) + ".cluster_centers") || view.has(mixtureOf(block) + ".experts.0.up_proj.bias");
}

bool recognise(const WeightView& view) {
    if (!view.has("x_embedder.proj.weight")) return false;
    for (int64_t block = 0, depth = countBlocks(view); block < depth; ++block)
        if (hasMixture(view, block)) return true;
    return false;
}

void expectTensors(ModelDescription& d) {
    const TransformerConfig& c = d.config;
    expectLatentEmbedding(d, true);
    expectCommonTensors(d);
    const auto expert = [&](const std::string& name, int64_t inner, bool routed) {
        expectLinear(d, name + ".up_proj", inner, c.width, true, routed);
        expectLinear(d, name + ".down_proj", c.width, inner, true, routed);
    };
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = mixtureOf(block);
        if (!c.isMoe(block)) {
            expectLinear(d, mlp + ".fc1", c.denseWidth, c.width, true);
            expectLinear(d, mlp + ".fc2", c.width, c.denseWidth, true);
            continue;
        }
        for (int64_t e = 0; e < c.moe.experts; ++e) expert(fmt::format("{}.experts.{}", mlp, e), c.moe.expertWidth, true);
        d.tensors.push_back({mlp + ".cluster_centers", {c.moe.experts - (c.moe.unconditionalExpert ? 1 : 0), c.width}});
        if (c.moe.sharedWidth) expert(mlp + ".shared_expert", c.moe.sharedWidth, false);
    }
}

/// A flow with its data at t = 0, given 1000 t.
void describeSampling(ModelDescription& d) {
    d.prediction = Prediction::Velocity;
    d.time.dataTime = 0;
    d.time.timeScale = kTimeScale;
}

/// Options of the published code that no released model uses and that compute something else.
Status refuseVariants(SettingBag& settings) {
    const auto refuse = [](std::string_view option, std::string_view value, std::string_view expected) {
        return Status(ErrorCode::Unsupported, fmt::format("the configuration sets {} to '{}'; this version runs ProMoE with {}", option,
                                                          value, expected));
    };
    if (const auto mode = settings.text({"router_weight_mode"}); mode && *mode != "identity")
        return refuse("router_weight_mode", *mode, "'identity'");
    if (settings.flag({"norm_topk_prob"}).value_or(false)) return refuse("norm_topk_prob", "true", "'false'");
    if (settings.flag({"qk_norm"}).value_or(false)) return refuse("qk_norm", "true", "'false'");
    return {};
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = kFamily;
    d.space = PictureSpace::SdLatent;
    TransformerConfig& c = d.config;
    if (const Status shape = readLatentShape(view, settings, d); !shape.ok()) return shape.error();
    if (const Status variant = refuseVariants(settings); !variant.ok()) return variant.error();
    c.moe.rule = RouterRule::Prototype;
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = mixtureOf(block);
        if (const Shape fc1 = view.shape(mlp + ".fc1.weight"); !fc1.empty()) c.denseWidth = fc1[0];
        if (!hasMixture(view, block)) continue;
        c.moeBlocks.push_back(block);
        if (const Shape centres = view.shape(mlp + ".cluster_centers"); !centres.empty())
            c.moe.experts = std::max(c.moe.experts, centres[0]);
        if (const Shape expert = view.shape(mlp + ".experts.0.up_proj.weight"); !expert.empty()) c.moe.expertWidth = expert[0];
        if (const Shape shared = view.shape(mlp + ".shared_expert.up_proj.weight"); !shared.empty()) c.moe.sharedWidth = shared[0];
    }
    // One expert more than there are prototypes: the one for samples without a condition.
    for (const int block : c.moeBlocks)
        c.moe.unconditionalExpert |= view.has(fmt::format("{}.experts.{}.up_proj.weight", mixtureOf(block), c.moe.experts));
    if (c.moe.unconditionalExpert) ++c.moe.experts;
    if (const Status size = checkMixtureSize(view, c); !size.ok()) return size.error();
    if (const auto released = findReleasedSize(d.family, c)) d.sizeName = released->name;
    readHeads(d, settings);
    readMoeSettings(d, settings);
    describeSampling(d);
    d.moeLayers = describeMoeLayers(c);
    expectTensors(d);
    return d;
}

ModelDescription released(const ReleasedSize& size) {
    ModelDescription d = releasedLatent(size);
    d.config.moe.rule = RouterRule::Prototype;
    d.config.moe.addsInput = false;
    d.config.moe.unconditionalExpert = true;
    describeSampling(d);
    d.moeLayers = describeMoeLayers(d.config);
    expectTensors(d);
    return d;
}

class ProMoe final : public LatentTransformer {
public:
    ProMoe(Backend& backend, WeightLoader& loader, const ModelDescription& description)
        : LatentTransformer(backend, loader, description, true) {
        m_denseActivation = MS_ACT_GELU_TANH;
        loadCommon(loader);
    }

private:
    void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) override {
        using Part = WeightLoader::Part;
        const TransformerConfig& c = m_description.config;
        const std::string mlp = mixtureOf(block);
        if (!c.isMoe(block)) {
            weights.denseIn = loader.linear(mlp + ".fc1", c.width, c.denseWidth, true);
            weights.denseOut = loader.linear(mlp + ".fc2", c.denseWidth, c.width, true);
            return;
        }
        MoeNames names;
        names.router = "cluster_centers";
        names.experts = "experts.";
        names.shared = "shared_expert";
        weights.moe = loadMoe(
            loader, mlp,
            {[](const std::string& expert) { return Part{{expert + ".up_proj.weight"}, {expert + ".up_proj.bias"}}; },
             [](const std::string& expert) { return Part{{expert + ".down_proj.weight"}, {expert + ".down_proj.bias"}}; },
             MS_LINEAR_PLAIN, MS_ACT_GELU_TANH},
            names);
    }
};

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<ProMoe>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& proMoeFamily() {
    static const FamilyDefinition family{kFamily, recognise, describe, released, load};
    return family;
}

}  // namespace moescope
