// SPDX-License-Identifier: Apache-2.0
#include "engine/model/jit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/model/adaln_transformer.h"
#include "engine/model/layout_options.h"
#include "engine/model/prompt_encoder.h"
#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

constexpr int64_t kWidthOfH = 1280;      // the H sizes embed patches through a bottleneck of 256, the others of 128
constexpr int64_t kLargestGrid = 1024;
constexpr int64_t kLargePictures = 512;  // from this side on the noise is drawn twice as strong

MlpNaming swiglu() { return {{"w12"}, "w3", true, MS_ACT_NONE}; }

const MoeNaming& naming() {
    static const MoeNaming names{
        "gate.weight", "gate.e_score_correction_bias", "experts.blocks", "shared_experts", swiglu(), swiglu(), "", ""};
    return names;
}

bool isSparse(const WeightView& view) {
    for (int64_t block = 0, depth = countBlocks(view); block < depth; ++block)
        if (view.has(fmt::format("blocks.{}.mlp.experts.blocks.0.w12.weight", block))) return true;
    return false;
}

bool recogniseDense(const WeightView& view) { return view.has("x_embedder.proj1.weight") && !isSparse(view); }
bool recogniseSparse(const WeightView& view) { return view.has("x_embedder.proj1.weight") && isSparse(view); }

void expectTensors(ModelDescription& d) {
    const TransformerConfig& c = d.config;
    auto& tensors = d.tensors;
    expectPositions(d);
    if (c.contextTokens) tensors.push_back({"in_context_posemb", {1, c.contextTokens, c.width}});
    tensors.push_back({"x_embedder.proj1.weight", {c.bottleneck, c.inChannels, c.patch, c.patch}});
    tensors.push_back({"x_embedder.proj2.weight", {c.width, c.bottleneck, 1, 1}});
    tensors.push_back({"x_embedder.proj2.bias", {c.width}});
    expectCommonTensors(d);
    for (int block = 0; block < c.depth; ++block) {
        const std::string name = fmt::format("blocks.{}", block);
        for (const char* norm : {".norm1.weight", ".norm2.weight"}) tensors.push_back({name + norm, {c.width}});
        for (const char* norm : {".attn.q_norm.weight", ".attn.k_norm.weight"}) tensors.push_back({name + norm, {c.headWidth}});
        if (c.isMoe(block))
            expectMixture(d, name + ".mlp", naming());
        else
            expectMlp(tensors, name + ".mlp", swiglu(), c.width, c.denseWidth);
    }
    tensors.push_back({"final_layer.norm_final.weight", {c.width}});
    if (d.prompt.vocabulary) expectPromptTensors(d);
}

SamplingDefaults defaultsFor(const TransformerConfig& c) {
    return {SamplerKind::Heun, 50, 2.9, 0.1, 1.0, c.inputSide() >= kLargePictures ? 2.0 : 1.0, 0.05};
}

/// What follows from the configuration.
void finish(ModelDescription& d) {
    d.config.headWidth = d.config.heads > 0 ? d.config.width / d.config.heads : 0;
    d.config.moe.addsInput = true;
    d.space = spaceOf(d.config);
    d.moeLayers = describeMoeLayers(d.config, d.prompt.vocabulary ? TokenKind::Text : TokenKind::ClassLabel);
    expectTensors(d);
}

/// Tokens per side, by the position table or, without one, by the size of the pictures.
Status readGrid(const WeightView& view, SettingBag& settings, ModelDescription& d) {
    TransformerConfig& c = d.config;
    if (const Shape positions = view.shape("pos_embed"); positions.size() == 3) {
        c.grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(positions[1]))));
        return {};
    }
    const auto side = settings.integer({"input_size", "img_size"});
    // Its absence has to be meant: files stripped of the frozen table say nothing.
    if (settings.text({"pos_embed_type"}) == "none" && side && *side >= 1 && *side % c.patch == 0 && *side / c.patch <= kLargestGrid) {
        c.grid = *side / c.patch;
        return {};
    }
    return {ErrorCode::Format, fmt::format("not a whole {}: expected pos_embed [1, tokens, width], or pos_embed_type 'none' and an "
                                           "input_size that is a multiple of the patch size {}; found {}",
                                           d.family, c.patch, shapeText(view.shape("pos_embed")))};
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = isSparse(view) ? "JiTMoE" : "JiT";
    return describeJit(std::move(d), view, settings);
}

ModelDescription compose(const TransformerConfig& config) {
    ModelDescription d;
    d.family = config.moeBlocks.empty() ? "JiT" : "JiTMoE";
    d.prediction = Prediction::CleanImage;
    d.config = config;
    d.defaults = defaultsFor(config);
    finish(d);
    return d;
}

}  // namespace

Result<ModelDescription> describeJit(ModelDescription d, const WeightView& view, SettingBag& settings) {
    const bool prompts = d.conditioning == Conditioning::Prompt;
    d.prediction = Prediction::CleanImage;
    TransformerConfig& c = d.config;
    const Shape proj1 = view.shape("x_embedder.proj1.weight"), proj2 = view.shape("x_embedder.proj2.weight");
    const Shape table = view.shape("y_embedder.embedding_table.weight"), time = view.shape("t_embedder.mlp.0.weight");
    const Shape final = view.shape("final_layer.linear.weight");
    const Shape queryNorm = view.shape("blocks.0.attn.q_norm.weight");
    if (proj1.size() != 4 || proj1[2] != proj1[3] || proj1[2] < 1 || proj2.size() < 2 || (!prompts && (table.size() != 2 || table[0] < 2)) ||
        time.size() != 2 || final.size() != 2 || queryNorm.size() != 1 || queryNorm[0] < 1)
        return EngineError{ErrorCode::Format,
                           fmt::format("not a whole {}: expected x_embedder.proj1, x_embedder.proj2, blocks.0.attn.q_norm and "
                                       "final_layer.linear in their published shapes; found {}, {}, {}, {}",
                                       d.family, shapeText(proj1), shapeText(proj2), shapeText(queryNorm), shapeText(final))};
    c.bottleneck = proj1[0];
    c.inChannels = proj1[1];
    c.patch = proj1[2];
    c.width = proj2[0];
    c.outChannels = final[0] / (c.patch * c.patch);
    c.classes = prompts ? 0 : table[0] - 1;
    c.waves = time[1];
    c.depth = countBlocks(view);
    if (const Status grid = readGrid(view, settings, d); !grid.ok()) return grid.error();
    c.headWidth = queryNorm[0];
    c.heads = c.width / c.headWidth;
    if (const Shape context = view.shape("in_context_posemb"); context.size() == 3) c.contextTokens = context[1];
    for (int block = 0; block < c.depth; ++block) {
        const std::string mlp = fmt::format("blocks.{}.mlp", block);
        if (const Shape w3 = view.shape(mlp + ".w3.weight"); w3.size() == 2) c.denseWidth = w3[1];
        if (!hasMixture(view, mlp, naming())) continue;
        c.moeBlocks.push_back(block);
        readMixtureShape(view, mlp, naming(), c.moe);
    }
    if (const Status size = checkMixtureSize(view, c); !size.ok()) return size.error();
    const auto released = findReleasedSize(d.family, c);
    if (c.contextTokens) {
        if (const auto start = settings.integer({"in_context_start", "context_start"})) {
            c.contextStart = *start;
        } else if (released) {
            c.contextStart = released->contextStart;
            settings.remember("in_context_start", fmt::format("{}", c.contextStart), fmt::format("released size {}", released->name));
        } else {
            d.unknownSettings.emplace_back("in_context_start");
        }
    }
    if (!c.moeBlocks.empty()) readMoeSettings(d, settings);
    readKeyHeads(view, c);
    for (const Status& read : {readPositions(view, settings, c), readRouterRule(settings, c), readPrediction(settings, d)})
        if (!read.ok()) return read.error();
    if (released && !beyondPublished(d, PositionTable::Stored, Prediction::CleanImage)) d.sizeName = released->name;
    d.defaults = defaultsFor(c);
    readSamplingDefaults(settings, d.defaults);
    finish(d);
    return d;
}

namespace {

ModelDescription released(const ReleasedSize& size) {
    TransformerConfig c = releasedConfig(size);
    c.positions = PositionTable::Stored;
    c.inChannels = c.outChannels = 3;
    c.denseWidth = 4 * size.width * 2 / 3;
    c.bottleneck = size.width == kWidthOfH ? 256 : 128;
    c.contextTokens = 32;
    c.contextStart = size.contextStart;
    ModelDescription d = compose(c);
    d.sizeName = size.name;
    return d;
}

class Jit final : public AdalnTransformer {
public:
    Jit(Backend& backend, WeightLoader& loader, const ModelDescription& description) : AdalnTransformer(backend, description) {
        const TransformerConfig& c = m_description.config;
        m_norm = MS_NORM_RMS;
        m_patch1 = loader.linear("x_embedder.proj1", c.inChannels * c.patch * c.patch, c.bottleneck, false);
        m_patch2 = loader.linear("x_embedder.proj2", c.bottleneck, c.width, true);
        if (c.contextTokens) {
            m_contextPositions = loader.tensor("in_context_posemb", {1, c.contextTokens, c.width});
            backend.reshape(m_contextPositions, {c.contextTokens, c.width});
        }
        loadPositions(loader, MS_ROPE_ADJACENT_PAIRS);
        loadCommon(loader);
        m_finalNorm = loader.tensor("final_layer.norm_final.weight", {c.width});
        if (m_description.prompt.vocabulary) m_prompts.emplace(loader, m_description);
    }

    void encodePrompts(std::span<const std::string> prompts, PromptStates& into) const override {
        if (m_prompts) m_prompts->encode(prompts, m_description.config.imageTokens(), into);
    }

    uint64_t packedBytes() const override { return AdalnTransformer::packedBytes() + (m_prompts ? m_prompts->packedBytes() : 0); }

private:
    void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) override {
        const TransformerConfig& c = m_description.config;
        const std::string name = fmt::format("blocks.{}", block);
        weights.norm1 = loader.tensor(name + ".norm1.weight", {c.width});
        weights.norm2 = loader.tensor(name + ".norm2.weight", {c.width});
        weights.queryNorm = loader.tensor(name + ".attn.q_norm.weight", {c.headWidth});
        weights.keyNorm = loader.tensor(name + ".attn.k_norm.weight", {c.headWidth});
        const std::string mlp = name + ".mlp";
        if (!c.isMoe(block)) {
            weights.denseIn = loader.linear(mlp + ".w12", c.width, c.denseWidth, true, MS_LINEAR_GATED);
            weights.denseOut = loader.linear(mlp + ".w3", c.denseWidth, c.width, true);
            return;
        }
        weights.moe = loadMoe(loader, mlp, naming());
    }

    void embed(Workspace& work) const override {
        const MsBackendTable& ops = m_backend.table();
        m_backend.check(ops.linear(m_backend.context(), work.patches.get(), m_patch1.get(), MS_ACT_NONE, work.bottleneck.get()));
        m_backend.check(ops.linear(m_backend.context(), work.bottleneck.get(), m_patch2.get(), MS_ACT_NONE, work.x.get()));
    }

    void beforeBlock(Workspace& work, int block) const override {
        const TransformerConfig& c = m_description.config;
        if (c.contextTokens == 0 || block != c.contextStart) return;
        work.tokens = c.imageTokens() + c.contextTokens;
        work.leadTokens = c.contextTokens;
        m_backend.reshape(work.joined, {work.samples * work.tokens, c.width});
        const MsBackendTable& ops = m_backend.table();
        const DeviceTensor& before = work.prompts ? work.prompts->zeros : work.labelEmbed;
        m_backend.check(ops.prepend_tokens(m_backend.context(), work.x.get(), before.get(), m_contextPositions.get(), work.joined.get()));
        if (work.prompts) m_backend.check(ops.add(m_backend.context(), work.joined.get(), work.prompts->tokens.get(), work.joined.get()));
        std::swap(work.x, work.joined);
    }

    PackedLinear m_patch1, m_patch2;
    DeviceTensor m_contextPositions;
    std::optional<PromptEncoder> m_prompts;
};

}  // namespace

std::unique_ptr<Denoiser> loadJit(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<Jit>(backend, loader, description);
}

const FamilyDefinition& jitFamily() {
    static const FamilyDefinition family{"JiT", recogniseDense, describe, released, loadJit, compose};
    return family;
}

const FamilyDefinition& jitMoeFamily() {
    static const FamilyDefinition family{"JiTMoE", recogniseSparse, describe, released, loadJit, compose};
    return family;
}

}  // namespace moescope
