// SPDX-License-Identifier: Apache-2.0
#include "engine/model/dsmoe.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/model/latent_transformer.h"
#include "engine/model/position_tables.h"
#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

constexpr SamplingDefaults kDefaults{SamplerKind::Euler, 50, 1.5, 0.0, 1.0, 1.0, 0.05};

bool recognise(const WeightView& view) {
    if (!view.has("x_embedder.proj.weight")) return false;
    for (int64_t block = 0, depth = countBlocks(view); block < depth; ++block)
        if (view.has(fmt::format("blocks.{}.mlp.experts.blocks.0.gate_proj.weight", block))) return true;
    return false;
}

/// Variants of the published code that no released model uses and that compute something else.
Status refuseVariants(SettingBag& settings) {
    const auto refuse = [](std::string_view option, const std::string& value, std::string_view expected) {
        return Status(ErrorCode::Unsupported, fmt::format("the configuration sets {} to '{}'; this version runs DSMoE with {}", option,
                                                          value, expected));
    };
    if (const auto rope = settings.text({"rope_type"}); rope && *rope != "2d") return refuse("rope_type", *rope, "'2d'");
    if (const auto norm = settings.text({"norm_type"}); norm && *norm != "layernorm")
        return refuse("norm_type", *norm, "'layernorm'");
    if (settings.flag({"use_sinks"}).value_or(false)) return refuse("use_sinks", "true", "'false'");
    if (settings.flag({"enable_gqa"}).value_or(false)) return refuse("enable_gqa", "true", "'false'");
    if (settings.integer({"sliding_window"}).value_or(0) != 0) return refuse("sliding_window", "not 0", "0");
    return {};
}

void expectTensors(ModelDescription& description) {
    const TransformerConfig& c = description.config;
    auto& tensors = description.tensors;
    expectLatentEmbedding(description, false);
    expectCommonTensors(description);
    const auto expert = [&](const std::string& name, int64_t inner, bool routed) {
        expectLinear(description, name + ".gate_proj", inner, c.width, false, routed);
        expectLinear(description, name + ".up_proj", inner, c.width, false, routed);
        expectLinear(description, name + ".down_proj", c.width, inner, false, routed);
    };
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (!c.isMoe(block)) {
            expectLinear(description, mlp + ".fc1", c.denseWidth, c.width, true);
            expectLinear(description, mlp + ".fc2", c.width, c.denseWidth, true);
            continue;
        }
        for (int64_t e = 0; e < c.moe.experts; ++e)
            expert(fmt::format("{}.experts.blocks.{}", mlp, e), c.moe.expertWidth, true);
        tensors.push_back({mlp + ".gate.weight", {c.moe.experts, c.width}});
        tensors.push_back({mlp + ".gate.e_score_correction_bias", {c.moe.experts}, ExpectedTensor::Role::OptionalBuffer});
        if (c.moe.sharedWidth) expert(mlp + ".shared_experts", c.moe.sharedWidth, false);
    }
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = "DSMoE";
    d.space = PictureSpace::SdLatent;
    d.prediction = Prediction::Velocity;
    TransformerConfig& c = d.config;
    if (const Status shape = readLatentShape(view, settings, d); !shape.ok()) return shape.error();
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (const Shape fc1 = view.shape(mlp + ".fc1.weight"); !fc1.empty()) c.denseWidth = fc1[0];
        if (isMixture(view, block)) {
            c.moeBlocks.push_back(block);
            c.moe.experts = std::max(c.moe.experts, countExperts(view, block));
            if (const Shape expert = view.shape(mlp + ".experts.blocks.0.gate_proj.weight"); !expert.empty()) c.moe.expertWidth = expert[0];
            if (const Shape shared = view.shape(mlp + ".shared_experts.gate_proj.weight"); !shared.empty())
                c.moe.sharedWidth = shared[0];
        }
    }
    if (const Status variant = refuseVariants(settings); !variant.ok()) return variant.error();
    if (const Status size = checkMixtureSize(view, c); !size.ok()) return size.error();
    if (const auto released = findReleasedSize(d.family, c)) d.sizeName = released->name;
    readHeads(d, settings);
    c.moe.addsInput = true;
    readMoeSettings(d, settings);
    d.defaults = kDefaults;
    d.moeLayers = describeMoeLayers(c);
    expectTensors(d);
    return d;
}

ModelDescription released(const ReleasedSize& size) {
    ModelDescription d = releasedLatent(size);
    d.defaults = kDefaults;
    d.moeLayers = describeMoeLayers(d.config);
    expectTensors(d);
    return d;
}

class Dsmoe final : public LatentTransformer {
public:
    Dsmoe(Backend& backend, WeightLoader& loader, const ModelDescription& description)
        : LatentTransformer(backend, loader, description, false) {
        const TransformerConfig& c = m_description.config;
        m_norm = MS_NORM_LAYER;
        m_rope = MS_ROPE_SPLIT_HALVES;
        m_denseActivation = MS_ACT_SILU;
        const RopeTables rope = splitHalvesRope(c.headWidth, c.grid);
        m_ropeCos = backend.tensorFrom({c.imageTokens(), c.headWidth / 2}, rope.cos.data);
        m_ropeSin = backend.tensorFrom({c.imageTokens(), c.headWidth / 2}, rope.sin.data);
        loadCommon(loader);
    }

private:
    void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) override {
        const TransformerConfig& c = m_description.config;
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (!c.isMoe(block)) {
            weights.denseIn = loader.linear(mlp + ".fc1", c.width, c.denseWidth, true);
            weights.denseOut = loader.linear(mlp + ".fc2", c.denseWidth, c.width, true);
            return;
        }
        using Part = WeightLoader::Part;
        weights.moe = loadMoe(
            loader, mlp,
            {[](const std::string& expert) { return Part{{expert + ".gate_proj.weight", expert + ".up_proj.weight"}, {}}; },
             [](const std::string& expert) { return Part{{expert + ".down_proj.weight"}, {}}; }});
    }
};

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<Dsmoe>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& dsmoeFamily() {
    static const FamilyDefinition family{"DSMoE", recognise, describe, released, load};
    return family;
}

}  // namespace moescope
