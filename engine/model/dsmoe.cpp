// SPDX-License-Identifier: Apache-2.0
#include "engine/model/dsmoe.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/model/adaln_transformer.h"
#include "engine/model/layout_options.h"
#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

constexpr int64_t kPublishedGrid = 16;  // 32 x 32 latents of 256-pixel pictures in patches of 2

constexpr int64_t kLargestGrid = 1024;

constexpr SamplingDefaults kDefaults{SamplerKind::Euler, 50, 1.5, 0.0, 1.0, 1.0, 0.05};

const MoeNaming& naming() {
    static const MoeNaming names{
        "gate.weight", "gate.e_score_correction_bias", "experts.blocks", "shared_experts", splitSwiglu(), splitSwiglu(), "", ""};
    return names;
}

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
    expectPositions(description);
    tensors.push_back({"x_embedder.proj.weight", {c.width, c.inChannels, c.patch, c.patch}});
    tensors.push_back({"x_embedder.proj.bias", {c.width}});
    expectCommonTensors(description);
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (c.isMoe(block))
            expectMixture(description, mlp, naming());
        else
            expectMlp(tensors, mlp, {{"fc1"}, "fc2", true, MS_ACT_SILU}, c.width, c.denseWidth);
    }
}

/// What follows from the configuration.
void finish(ModelDescription& d) {
    TransformerConfig& c = d.config;
    c.headWidth = c.heads > 0 ? c.width / c.heads : 0;
    c.moe.addsInput = true;
    d.space = spaceOf(c);
    d.moeLayers = describeMoeLayers(c);
    expectTensors(d);
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = "DSMoE";
    d.prediction = Prediction::Velocity;
    d.defaults = kDefaults;
    TransformerConfig& c = d.config;
    const Shape patch = view.shape("x_embedder.proj.weight"), final = view.shape("final_layer.linear.weight");
    const Shape table = view.shape("y_embedder.embedding_table.weight"), time = view.shape("t_embedder.mlp.0.weight");
    if (patch.size() != 4 || patch[2] != patch[3] || patch[2] < 1 || final.size() != 2 || table.size() != 2 || table[0] < 2 ||
        time.size() != 2)
        return EngineError{ErrorCode::Format, fmt::format("not a whole DSMoE: x_embedder.proj.weight should be [width, channels, p, p] "
                                                          "and final_layer.linear.weight two-dimensional; found {} and {}",
                                                          shapeText(patch), shapeText(final))};
    c.width = patch[0];
    c.inChannels = patch[1];
    c.patch = patch[2];
    c.outChannels = final[0] / (c.patch * c.patch);
    c.classes = table[0] - 1;
    c.waves = time[1];
    c.depth = countBlocks(view);
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (const Shape fc1 = view.shape(mlp + ".fc1.weight"); !fc1.empty()) c.denseWidth = fc1[0];
        if (!hasMixture(view, mlp, naming())) continue;
        c.moeBlocks.push_back(block);
        readMixtureShape(view, mlp, naming(), c.moe);
    }
    if (const Status variant = refuseVariants(settings); !variant.ok()) return variant.error();
    if (const Status size = checkMixtureSize(view, c); !size.ok()) return size.error();
    const auto released = findReleasedSize(d.family, c);
    if (const auto heads = settings.integer({"heads", "num_heads"})) {
        c.heads = *heads;
    } else if (released) {
        c.heads = released->heads;
        settings.remember("heads", fmt::format("{}", c.heads), fmt::format("released size {}", released->name));
    } else {
        d.unknownSettings.emplace_back("heads");
    }
    const int64_t side = settings.integer({"input_size"}).value_or(kPublishedGrid * c.patch);
    if (side < 1 || side % c.patch != 0 || side / c.patch > kLargestGrid)
        return EngineError{ErrorCode::Unsupported, fmt::format("input_size should be a multiple of the patch size {} and at most {}, found {}",
                                                               c.patch, kLargestGrid * c.patch, side)};
    c.grid = side / c.patch;
    c.headWidth = c.heads > 0 ? c.width / c.heads : 0;
    readMoeSettings(d, settings);
    readKeyHeads(view, c);
    for (const Status& read : {readPositions(view, settings, c), readRouterRule(settings, c), readPrediction(settings, d)})
        if (!read.ok()) return read.error();
    if (d.prediction == Prediction::CleanImage) readSamplingDefaults(settings, d.defaults);
    if (released && !beyondPublished(d, PositionTable::None, Prediction::Velocity)) d.sizeName = released->name;
    finish(d);
    return d;
}

ModelDescription compose(const TransformerConfig& config) {
    ModelDescription d;
    d.family = "DSMoE";
    d.prediction = Prediction::Velocity;
    d.defaults = kDefaults;
    d.config = config;
    finish(d);
    return d;
}

ModelDescription released(const ReleasedSize& size) {
    TransformerConfig config = releasedConfig(size);
    config.inChannels = 4;
    config.outChannels = 8;
    config.denseWidth = 4 * size.width;
    ModelDescription d = compose(config);
    d.sizeName = size.name;
    return d;
}

class Dsmoe final : public AdalnTransformer {
public:
    Dsmoe(Backend& backend, WeightLoader& loader, const ModelDescription& description) : AdalnTransformer(backend, description) {
        const TransformerConfig& c = m_description.config;
        m_norm = MS_NORM_LAYER;
        m_denseActivation = MS_ACT_SILU;
        m_patch = loader.linear("x_embedder.proj", c.inChannels * c.patch * c.patch, c.width, true);
        loadPositions(loader, MS_ROPE_SPLIT_HALVES);
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
        weights.moe = loadMoe(loader, mlp, naming());
    }

    void embed(Workspace& work) const override {
        m_backend.check(m_backend.table().linear(m_backend.context(), work.patches.get(), m_patch.get(), MS_ACT_NONE, work.x.get()));
    }

    PackedLinear m_patch;
};

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<Dsmoe>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& dsmoeFamily() {
    static const FamilyDefinition family{"DSMoE", recognise, describe, released, load, compose};
    return family;
}

}  // namespace moescope
