// SPDX-License-Identifier: Apache-2.0
#include "engine/model/ditmoe.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/latent_transformer.h"

namespace moescope {
namespace {

constexpr const char* kFamily = "DiT-MoE";
constexpr int64_t kSmallestFlowWidth = 1152;  // XL and G were trained as flows, the smaller ones as discrete diffusions
constexpr int kDiffusionSteps = 250;

/// The larger sizes norm queries and keys and call the attention's layers by other names.
bool normsQueries(const WeightView& view) { return view.has("blocks.0.attn.Wqkv.weight"); }

bool hasMixture(const WeightView& view, int64_t block) {
    return view.has(fmt::format("blocks.{}.moe.gate.weight", block)) ||
           view.has(fmt::format("blocks.{}.moe.experts.0.gate_proj.weight", block));
}

bool recognise(const WeightView& view) {
    if (!view.has("x_embedder.proj.weight")) return false;
    for (int64_t block = 0, depth = countBlocks(view); block < depth; ++block)
        if (hasMixture(view, block)) return true;
    return false;
}

void expectTensors(ModelDescription& d, bool queryNorms) {
    const TransformerConfig& c = d.config;
    expectLatentEmbedding(d, true);
    if (queryNorms)
        expectCommonTensors(d, "Wqkv", "out_proj");
    else
        expectCommonTensors(d);
    const auto expert = [&](const std::string& name, int64_t inner, bool routed) {
        expectLinear(d, name + ".gate_proj", inner, c.width, false, routed);
        expectLinear(d, name + ".up_proj", inner, c.width, false, routed);
        expectLinear(d, name + ".down_proj", c.width, inner, false, routed);
    };
    for (int64_t block = 0; block < c.depth; ++block) {
        const std::string name = fmt::format("blocks.{}", block), moe = name + ".moe";
        if (queryNorms)
            for (const char* norm : {"q_norm", "k_norm"})
                for (const char* part : {"weight", "bias"})
                    d.tensors.push_back({fmt::format("{}.attn.{}.{}", name, norm, part), {c.headWidth}});
        for (int64_t e = 0; e < c.moe.experts; ++e) expert(fmt::format("{}.experts.{}", moe, e), c.moe.expertWidth, true);
        d.tensors.push_back({moe + ".gate.weight", {c.moe.experts, c.width}});
        if (c.moe.sharedWidth) expert(moe + ".shared_experts", c.moe.sharedWidth, false);
    }
}

/// What is predicted, and how that is sampled.
void describeSampling(ModelDescription& d, bool flow) {
    if (flow) {
        d.prediction = Prediction::Velocity;
        d.time.dataTime = 0;
        d.defaults.cfgScale = 7.0;
        return;
    }
    d.prediction = Prediction::Noise;
    d.time.guidedChannels = 3;
    d.samplers = {SamplerKind::Ddpm, SamplerKind::Ddim};
    d.defaults.sampler = SamplerKind::Ddpm;
    d.defaults.steps = kDiffusionSteps;
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = kFamily;
    d.space = PictureSpace::SdLatent;
    TransformerConfig& c = d.config;
    if (const Status shape = readLatentShape(view, settings, d); !shape.ok()) return shape.error();
    if (settings.flag({"norm_topk_prob"}).value_or(false))
        return EngineError{ErrorCode::Unsupported, "the configuration sets norm_topk_prob to true; this version runs DiT-MoE with the "
                                                   "router's probabilities as they are (false)"};
    c.moe.rule = RouterRule::SoftmaxTokenChoice;
    for (int block = 0; block < c.depth; ++block) {
        c.moeBlocks.push_back(block);
        const std::string moe = fmt::format("blocks.{}.moe.", block);
        if (const Shape gate = view.shape(moe + "gate.weight"); !gate.empty()) c.moe.experts = std::max(c.moe.experts, gate[0]);
        if (const Shape expert = view.shape(moe + "experts.0.gate_proj.weight"); !expert.empty()) c.moe.expertWidth = expert[0];
        if (const Shape shared = view.shape(moe + "shared_experts.gate_proj.weight"); !shared.empty()) c.moe.sharedWidth = shared[0];
    }
    if (const Status size = checkMixtureSize(view, c); !size.ok()) return size.error();
    if (const auto released = findReleasedSize(d.family, c)) d.sizeName = released->name;
    const Shape queryNorm = view.shape("blocks.0.attn.q_norm.weight");
    if (queryNorm.size() == 1 && queryNorm[0] > 0) {
        c.headWidth = queryNorm[0];
        c.heads = c.width / c.headWidth;
    } else {
        readHeads(d, settings);
    }
    c.halfQueryKey = settings.flag({"half_query_key"}).value_or(false);
    readMoeSettings(d, settings);
    describeSampling(d, settings.flag({"rf"}).value_or(normsQueries(view)));
    d.moeLayers = describeMoeLayers(c);
    expectTensors(d, normsQueries(view));
    return d;
}

ModelDescription released(const ReleasedSize& size) {
    ModelDescription d = releasedLatent(size);
    TransformerConfig& c = d.config;
    const bool flow = size.width >= kSmallestFlowWidth;
    c.denseWidth = 0;
    c.moe.rule = RouterRule::SoftmaxTokenChoice;
    c.moe.addsInput = false;
    c.moe.sharedWidth = 2 * size.width;  // "two shared experts" are one of twice the width
    c.moeBlocks.clear();
    for (int block = 0; block < c.depth; ++block) c.moeBlocks.push_back(block);
    describeSampling(d, flow);
    d.moeLayers = describeMoeLayers(c);
    expectTensors(d, flow);
    return d;
}

class DitMoe final : public LatentTransformer {
public:
    DitMoe(Backend& backend, WeightLoader& loader, const ModelDescription& description)
        : LatentTransformer(backend, loader, description, true), m_normsQueries(loader.has("blocks.0.attn.Wqkv.weight")) {
        if (m_normsQueries) {
            m_qkvName = "Wqkv";
            m_projName = "out_proj";
        }
        loadCommon(loader);
    }

private:
    void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) override {
        using Part = WeightLoader::Part;
        const Shape head{m_description.config.headWidth};
        const std::string name = fmt::format("blocks.{}", block);
        if (m_normsQueries) {
            weights.queryNorm = loader.tensor(name + ".attn.q_norm.weight", head);
            weights.queryNormBias = loader.tensor(name + ".attn.q_norm.bias", head);
            weights.keyNorm = loader.tensor(name + ".attn.k_norm.weight", head);
            weights.keyNormBias = loader.tensor(name + ".attn.k_norm.bias", head);
        }
        MoeNames names;
        names.experts = "experts.";
        weights.moe = loadMoe(
            loader, name + ".moe",
            {[](const std::string& expert) { return Part{{expert + ".gate_proj.weight", expert + ".up_proj.weight"}, {}}; },
             [](const std::string& expert) { return Part{{expert + ".down_proj.weight"}, {}}; }},
            names);
    }

    bool m_normsQueries;
};

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<DitMoe>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& ditMoeFamily() {
    static const FamilyDefinition family{kFamily, recognise, describe, released, load};
    return family;
}

}  // namespace moescope
