// SPDX-License-Identifier: Apache-2.0
#include "engine/model/plain_dit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/model/released_sizes.h"

namespace moescope {
namespace {

constexpr SamplingDefaults kDefaults{SamplerKind::Euler, 50, 1.5, 0.0, 1.0, 1.0, 0.05};

std::string denseName(int block) { return fmt::format("blocks.{}.mlp", block); }
std::string mixtureName(const DitFamily& family, int block) { return fmt::format("blocks.{}.{}", block, family.layer); }

constexpr std::array kQueryNorms{"q_norm", "k_norm"};

void expectTensors(const DitFamily& family, ModelDescription& d) {
    const TransformerConfig& c = d.config;
    // Frozen, but a parameter of the published code and counted as one.
    d.tensors.push_back({"pos_embed", {1, c.imageTokens(), c.width}, ExpectedTensor::Role::Table});
    d.tensors.push_back({"x_embedder.proj.weight", {c.width, c.inChannels, c.patch, c.patch}});
    d.tensors.push_back({"x_embedder.proj.bias", {c.width}});
    expectCommonTensors(d, family.qkv, family.proj);
    for (int block = 0; block < c.depth; ++block) {
        if (family.queryNorms)
            for (const char* norm : kQueryNorms)
                for (const char* part : {"weight", "bias"})
                    d.tensors.push_back({fmt::format("blocks.{}.attn.{}.{}", block, norm, part), {c.headWidth}});
        if (c.isMoe(block))
            expectMixture(d, mixtureName(family, block), family.naming);
        else
            expectMlp(d.tensors, denseName(block), geluMlp(), c.width, c.denseWidth);
    }
}

/// What the description takes from the family and not from the tensors.
void setFamily(const DitFamily& family, ModelDescription& d) {
    d.family = family.name;
    d.space = PictureSpace::SdLatent;
    d.prediction = Prediction::Velocity;
    d.defaults = kDefaults;
    d.config.rotary = Rotary::None;
    d.config.positions = PositionTable::Stored;
    d.config.moe.rule = family.rule;
    d.config.moe.addsInput = false;
    d.config.moe.groups = d.config.moe.keptGroups = 1;
    d.config.moe.scale = 1;
    if (family.sampling) family.sampling(d);
}

void setCapacity(MoeConfig& moe, double capacity) {
    moe.capacity = capacity;
    moe.topK = byCapacity(moe.rule) ? 0 : std::llround(capacity);
}

/// Experts per token, which some of these families call capacity.
Status readCapacity(const DitFamily& family, SettingBag& settings, const std::optional<ReleasedSize>& released, ModelDescription& d) {
    MoeConfig& moe = d.config.moe;
    const std::string& name = family.expertsPerToken;
    if (const auto given = settings.number({name, "num_experts_per_tok"})) {
        if (!byCapacity(moe.rule) && *given != std::floor(*given))
            return {ErrorCode::Unsupported, fmt::format("{} should be a whole number of experts per token, found {}", name, *given)};
        setCapacity(moe, *given);
    } else if (released) {
        setCapacity(moe, static_cast<double>(released->topK));
        settings.remember(name, fmt::format("{}", moe.capacity), fmt::format("released size {}", released->name));
    } else if (!family.capacityFallback.empty()) {
        double capacity = 0;
        std::from_chars(family.capacityFallback.data(), family.capacityFallback.data() + family.capacityFallback.size(), capacity);
        setCapacity(moe, capacity);
        settings.remember(name, family.capacityFallback, "the published value; only training chooses by it");
    } else {
        d.unknownSettings.push_back(name);
    }
    return {};
}

Status readShapes(const DitFamily& family, const WeightView& view, TransformerConfig& c) {
    const Shape patch = view.shape("x_embedder.proj.weight"), final = view.shape("final_layer.linear.weight");
    const Shape table = view.shape("y_embedder.embedding_table.weight"), time = view.shape("t_embedder.mlp.0.weight");
    const Shape positions = view.shape("pos_embed");
    if (patch.size() != 4 || patch[2] != patch[3] || patch[2] < 1 || final.size() != 2 || table.size() != 2 || table[0] < 2 ||
        time.size() != 2 || positions.size() != 3)
        return {ErrorCode::Format,
                fmt::format("not a whole {}: expected x_embedder.proj.weight [width, channels, p, p], pos_embed [1, tokens, width] and "
                            "two-dimensional final_layer.linear.weight, y_embedder.embedding_table.weight and t_embedder.mlp.0.weight; found "
                            "{}, {}, {}, {} and {}",
                            family.name, shapeText(patch), shapeText(positions), shapeText(final), shapeText(table), shapeText(time))};
    c.width = patch[0];
    c.inChannels = patch[1];
    c.patch = patch[2];
    c.outChannels = final[0] / (c.patch * c.patch);
    c.classes = table[0] - 1;
    c.waves = time[1];
    c.depth = countBlocks(view);
    c.grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(positions[1]))));
    for (int block = 0; block < c.depth; ++block) {
        if (const Shape fc1 = view.shape(denseName(block) + ".fc1.weight"); !fc1.empty()) c.denseWidth = fc1[0];
        const std::string layer = mixtureName(family, block);
        if (!hasMixture(view, layer, family.naming)) continue;
        c.moeBlocks.push_back(block);
        readMixtureShape(view, layer, family.naming, c.moe);
    }
    if (c.moe.rule == RouterRule::Prototype) {  // an expert more than there are prototypes is for samples without a condition
        for (const int block : c.moeBlocks)
            c.moe.unconditionalExpert |= view.has(fmt::format("{}.{}.weight", family.naming.expertName(mixtureName(family, block), c.moe.experts),
                                                              family.naming.routed.out));
        if (c.moe.unconditionalExpert) ++c.moe.experts;
    }
    return checkMixtureSize(view, c);
}

class PlainDit final : public AdalnTransformer {
public:
    PlainDit(Backend& backend, WeightLoader& loader, const ModelDescription& description, const DitFamily& family)
        : AdalnTransformer(backend, description), m_family(family) {
        const TransformerConfig& c = m_description.config;
        m_norm = MS_NORM_LAYER;
        m_denseActivation = MS_ACT_GELU_TANH;
        m_qkvName = family.qkv;
        m_projName = family.proj;
        m_patch = loader.linear("x_embedder.proj", c.inChannels * c.patch * c.patch, c.width, true);
        m_positions = loader.tensor("pos_embed", {1, c.imageTokens(), c.width});
        backend.reshape(m_positions, {c.imageTokens(), c.width});
        loadCommon(loader);
    }

private:
    void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) override {
        const TransformerConfig& c = m_description.config;
        if (m_family.queryNorms) {
            const std::string attention = fmt::format("blocks.{}.attn.", block);
            weights.queryNorm = loader.tensor(attention + "q_norm.weight", {c.headWidth});
            weights.queryNormBias = loader.tensor(attention + "q_norm.bias", {c.headWidth});
            weights.keyNorm = loader.tensor(attention + "k_norm.weight", {c.headWidth});
            weights.keyNormBias = loader.tensor(attention + "k_norm.bias", {c.headWidth});
        }
        if (c.isMoe(block)) {
            weights.moe = loadMoe(loader, mixtureName(m_family, block), m_family.naming);
            return;
        }
        weights.denseIn = loader.linear(denseName(block) + ".fc1", c.width, c.denseWidth, true);
        weights.denseOut = loader.linear(denseName(block) + ".fc2", c.denseWidth, c.width, true);
    }

    void embed(Workspace& work) const override {
        const MsBackendTable& ops = m_backend.table();
        m_backend.check(ops.linear(m_backend.context(), work.patches.get(), m_patch.get(), MS_ACT_NONE, work.x.get()));
        m_backend.check(ops.add_rows(m_backend.context(), work.x.get(), m_positions.get()));
    }

    DitFamily m_family;
    PackedLinear m_patch;
    DeviceTensor m_positions;
};

}  // namespace

bool someBlockHas(const WeightView& view, const std::string& name) {
    for (int64_t block = 0, depth = countBlocks(view); block < depth; ++block)
        if (view.has(fmt::format("blocks.{}.{}", block, name))) return true;
    return false;
}

Result<ModelDescription> describeDit(const DitFamily& family, const WeightView& view, SettingBag& settings) {
    if (settings.flag({"use_swiglu"}).value_or(false))
        return EngineError{ErrorCode::Unsupported, fmt::format("the configuration sets use_swiglu to 'true'; this version runs {} with "
                                                               "'false', the published form", family.name)};
    ModelDescription d;
    TransformerConfig& c = d.config;
    setFamily(family, d);
    if (const Status shapes = readShapes(family, view, c); !shapes.ok()) return shapes.error();
    const auto released = findReleasedSize(d.family, c);
    if (released) d.sizeName = released->name;
    if (const Shape norm = view.shape("blocks.0.attn.q_norm.weight"); family.queryNorms && norm.size() == 1 && norm[0] > 0) {
        c.heads = c.width / norm[0];
    } else if (const auto heads = settings.integer({"num_heads", "heads"})) {
        c.heads = *heads;
    } else if (released) {
        c.heads = released->heads;
        settings.remember("heads", fmt::format("{}", c.heads), fmt::format("released size {}", released->name));
    } else {
        d.unknownSettings.emplace_back("heads");
    }
    c.headWidth = c.heads > 0 ? c.width / c.heads : 0;
    if (const Status capacity = readCapacity(family, settings, released, d); !capacity.ok()) return capacity.error();
    c.halfQueryKey = settings.flag({"half_query_key"}).value_or(false);
    d.moeLayers = describeMoeLayers(c);
    expectTensors(family, d);
    return d;
}

ModelDescription releasedDit(const DitFamily& family, const ReleasedSize& size) {
    TransformerConfig config = releasedConfig(size);
    config.moe.sharedWidth = 0;
    return releasedDit(family, size, std::move(config));
}

ModelDescription releasedDit(const DitFamily& family, const ReleasedSize& size, TransformerConfig config) {
    ModelDescription d;
    d.config = std::move(config);
    setFamily(family, d);
    d.sizeName = size.name;
    d.config.inChannels = 4;
    d.config.outChannels = 8;
    if (static_cast<int64_t>(d.config.moeBlocks.size()) < size.depth) d.config.denseWidth = 4 * size.width;
    setCapacity(d.config.moe, static_cast<double>(size.topK));
    d.moeLayers = describeMoeLayers(d.config);
    expectTensors(family, d);
    return d;
}

std::unique_ptr<Denoiser> loadDit(const DitFamily& family, Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<PlainDit>(backend, loader, description, family);
}

}  // namespace moescope
