// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/model/diffmoe.h"
#include "engine/model/ditmoe.h"
#include "engine/model/dsmoe.h"
#include "engine/model/ecdit.h"
#include "engine/model/family.h"
#include "engine/model/jit.h"
#include "engine/model/moescope_t.h"
#include "engine/model/promoe.h"
#include "engine/model/released_sizes.h"
#include "engine/model/tcdit.h"
#include "engine/model/unet/unet.h"

namespace moescope {
namespace {

// DiffMoE stands before EC-DiT, and the prompt family before those whose layout it shares: they are told by a part of its tensors.
std::vector<const FamilyDefinition*>& families() {
    static std::vector<const FamilyDefinition*> all{&dsmoeFamily(), &moescopeTFamily(), &jitMoeFamily(), &jitFamily(), &diffMoeFamily(),
                                                    &ecDitFamily(), &tcDitFamily(),  &ditMoeFamily(), &proMoeFamily(),
                                                    &unetFamily()};
    return all;
}

constexpr int64_t kPublishedGrid = 16;
constexpr int64_t kImageNetClasses = 1000;

struct Signature {
    std::string_view piece;  // part of a tensor name
    std::string_view family;
};

// Networks that people have files of, by a name only they use.
constexpr std::array<Signature, 7> kNeighbours{{{"img_mlp.experts.", "Nucleus-Image"},
                                                 {"transformer_blocks.0.img_mod", "Nucleus-Image"},
                                                 {"decoder.mid_block.", "an AutoencoderKL (a VAE, give it with --vae)"},
                                                 {"down_blocks.0.resnets", "a relative of the U-Nets of diffusers"},
                                                 {"input_blocks.0.0", "a Stable Diffusion U-Net"},
                                                 {"double_blocks.0", "FLUX"},
                                                 {"adaLN_modulation", "a DiT without the mixtures known here"}}};

}  // namespace

std::span<const FamilyDefinition* const> modelFamilies() { return families(); }

void registerModelFamily(const FamilyDefinition& family) {
    if (std::ranges::find(families(), &family) == families().end()) families().push_back(&family);
}

std::string describeUnknownArchitecture(const TensorSource& source) {
    std::string nearest = "none of the networks known here";
    bool found = false;
    for (const Signature& signature : kNeighbours) {
        for (const TensorInfo& tensor : source.tensors())
            if (tensor.name.find(signature.piece) != std::string::npos) {
                nearest = signature.family;
                found = true;
                break;
            }
        if (found) break;
    }
    std::vector<std::string_view> names;
    for (const FamilyDefinition* family : families()) names.push_back(family->name);
    const auto& tensors = source.tensors();
    return fmt::format("the tensors are of an architecture that this version does not run: {} tensors such as '{}' {}; nearest: {}. "
                       "Expected one of these in its published layout: {}",
                       tensors.size(), tensors.front().name, shapeText(tensors.front().shape), nearest, fmt::join(names, ", "));
}

int64_t countBlocks(const WeightView& view) {
    constexpr std::string_view prefix = "blocks.";
    const auto most = static_cast<int64_t>(view.names().size());  // every block has a tensor
    int64_t blocks = 0;
    for (const std::string& name : view.names()) {
        if (!name.starts_with(prefix)) continue;
        int64_t block = 0;
        const char* const end = name.data() + name.size();
        const auto [rest, code] = std::from_chars(name.data() + prefix.size(), end, block);
        if (code == std::errc() && rest != end && *rest == '.' && block >= 0 && block < most)
            blocks = std::max(blocks, block + 1);
    }
    return blocks;
}

Status checkMixtureSize(const WeightView& view, const TransformerConfig& config) {
    constexpr int64_t kExpertsPerTensor = 16;  // whole files have at least two tensors for each expert
    constexpr int64_t kMostExperts = 65535;    // the routing keeps 16 bits for the number of an expert
    const auto tensors = static_cast<int64_t>(view.names().size()), layers = static_cast<int64_t>(config.moeBlocks.size());
    if (config.moe.experts <= kMostExperts && config.moe.experts * layers <= kExpertsPerTensor * tensors) return {};
    return {ErrorCode::Unsupported, fmt::format("the routers are made for {} experts in each of {} layers, but the file has {} tensors in all; "
                                                "expected at most {} experts, each with tensors of its own",
                                                config.moe.experts, layers, tensors, kMostExperts)};
}

RoutingPolicy policyOf(RouterRule rule) {
    switch (rule) {
        case RouterRule::SigmoidTokenChoice:
        case RouterRule::SoftmaxTokenChoice:
        case RouterRule::SoftmaxNormalised: return RoutingPolicy::TokenChoice;
        case RouterRule::ExpertChoice: return RoutingPolicy::ExpertChoice;
        case RouterRule::PoolThreshold: return RoutingPolicy::BatchPool;
        case RouterRule::Prototype: return RoutingPolicy::Prototype;
    }
    return RoutingPolicy::TokenChoice;
}

std::vector<MoeLayerDescriptor> describeMoeLayers(const TransformerConfig& config, TokenKind context) {
    std::vector<MoeLayerDescriptor> layers;
    for (const int block : config.moeBlocks) {
        MoeLayerDescriptor layer;
        layer.block = block;
        layer.moeIndex = static_cast<int>(layers.size());
        layer.experts = config.moe.experts;
        layer.policy = policyOf(config.moe.rule);
        layer.topK = byCapacity(config.moe.rule) ? 0 : config.moe.topK;
        if (config.moe.unconditionalExpert) layer.unconditionalExpert = config.moe.experts - 1;
        layer.sharedExpert = config.moe.sharedWidth > 0;
        if (config.contextTokens && block >= config.contextStart)
            layer.tokenGroups.push_back({context, config.contextTokens, 0, 0});
        layer.tokenGroups.push_back({TokenKind::Image, config.imageTokens(), config.grid, config.grid});
        if (config.moe.rule == RouterRule::ExpertChoice) layer.capacity = config.moe.tokensPerExpert(layer.tokensPerSample());
        layers.push_back(std::move(layer));
    }
    return layers;
}

void readMoeSettings(ModelDescription& description, SettingBag& settings) {
    MoeConfig& moe = description.config.moe;
    const auto released = findReleasedSize(description.family, description.config);
    const auto setting = [&](std::initializer_list<std::string_view> names, auto fallback) -> double {
        if (const auto value = settings.number(names)) return *value;
        if (released) {
            settings.remember(std::string(*names.begin()), fmt::format("{}", fallback), fmt::format("released size {}", released->name));
            return static_cast<double>(fallback);
        }
        description.unknownSettings.emplace_back(*names.begin());
        return 0;
    };
    const ReleasedSize none{};
    const ReleasedSize& size = released ? *released : none;
    moe.topK = static_cast<int64_t>(setting({"top_k", "num_experts_per_tok"}, size.topK));
    moe.groups = static_cast<int64_t>(setting({"n_group", "num_groups"}, size.groups));
    moe.keptGroups = static_cast<int64_t>(setting({"topk_group", "kept_groups"}, size.keptGroups));
    moe.scale = setting({"routed_scaling_factor", "scale"}, size.scale);
}

TransformerConfig releasedConfig(const ReleasedSize& size) {
    TransformerConfig c;
    c.width = size.width;
    c.depth = size.depth;
    c.heads = size.heads;
    c.headWidth = size.width / size.heads;
    c.patch = size.patch;
    c.grid = kPublishedGrid;
    c.classes = kImageNetClasses;
    if (size.experts) {
        c.moe = {size.experts, size.topK, size.expertWidth, size.expertWidth, size.groups, size.keptGroups, size.scale};
        c.moe.addsInput = true;
        for (int block = 1; block < size.depth; block += 2) c.moeBlocks.push_back(block);
    }
    return c;
}

void expectCommonTensors(ModelDescription& description, std::string_view qkv, std::string_view proj) {
    const TransformerConfig& c = description.config;
    auto& tensors = description.tensors;
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        tensors.push_back({name + ".weight", {out, in}});
        tensors.push_back({name + ".bias", {out}});
    };
    linear("t_embedder.mlp.0", c.width, c.waves);
    linear("t_embedder.mlp.2", c.width, c.width);
    if (description.conditioning == Conditioning::ClassLabel) tensors.push_back({"y_embedder.embedding_table.weight", {c.classes + 1, c.width}});
    for (int64_t block = 0; block < c.depth; ++block) {
        const std::string name = fmt::format("blocks.{}", block);
        linear(fmt::format("{}.attn.{}", name, qkv), c.qkvRows(), c.width);
        linear(fmt::format("{}.attn.{}", name, proj), c.width, c.width);
        linear(name + ".adaLN_modulation.1", 6 * c.width, c.width);
    }
    linear("final_layer.linear", c.patch * c.patch * c.outChannels, c.width);
    linear("final_layer.adaLN_modulation.1", 2 * c.width, c.width);
}

}  // namespace moescope
