// SPDX-License-Identifier: Apache-2.0
#include "engine/model/compose_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/model/family.h"
#include "engine/model/jit.h"
#include "engine/model/moescope_t.h"
#include "engine/model/transformer_checks.h"

namespace moescope {
namespace {

// Far above anything that is trained, and low enough for products of sizes to fit 64 bits.
constexpr int64_t kLargestWidth = 1 << 16, kLargestDepth = 1 << 10, kLargestClasses = 1 << 24, kLargestPatch = 1 << 10;

Status refuse(std::string what) {
    return {ErrorCode::InvalidArgument, std::move(what)};
}

Status inRange(std::string_view what, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return {};
    return refuse(fmt::format("{} should be {} to {}, found {}", what, least, most, value));
}

constexpr ComposableFamily kFamilies[] = {
    {.name = "DSMoE", .latents = true, .mostAverages = 1},
    {.name = "JiTMoE"},
    {.name = "JiT", .dense = true},
    {.name = "MoEscope-T", .prompts = true},
};

Status checkSizes(const TransformerConfig& c) {
    for (const Status& checked :
         {inRange("width", c.width, 1, kLargestWidth), inRange("depth", c.depth, 1, kLargestDepth),
          inRange("heads", c.heads, 1, kLargestWidth), inRange("the patch size", c.patch, 1, kLargestPatch),
          inRange("the number of channels", c.inChannels, 1, kLargestPatch),
          inRange("the number of output channels", c.outChannels, 1, 2 * kLargestPatch),
          inRange("the number of classes", c.classes, 1, kLargestClasses),
          inRange("the width of the timestep waves", c.waves, 2, kLargestWidth),
          inRange("the number of class tokens", c.contextTokens, 0, kLargestWidth)})
        if (!checked.ok()) return checked;
    if (c.outChannels < c.inChannels)
        return refuse(fmt::format("the network should give at least the {} channels that it takes, found {}",
                                  c.inChannels, c.outChannels));
    if (c.waves % 2 != 0)
        return refuse(fmt::format("the width of the timestep waves should be even, found {}", c.waves));
    if (c.positions == PositionTable::Stored && c.width % 4 != 0)
        return refuse(
            fmt::format("a table of sines and cosines needs a width that is a multiple of 4, found {}", c.width));
    if (static_cast<int64_t>(c.moeBlocks.size()) < c.depth)
        return inRange("the width of dense feed-forward layers", c.denseWidth, 1, kLargestWidth);
    return {};
}

Status checkExperts(const TransformerConfig& c) {
    const MoeConfig& m = c.moe;
    for (size_t i = 0; i < c.moeBlocks.size(); ++i)
        if (c.moeBlocks[i] < 0 || c.moeBlocks[i] >= c.depth || (i > 0 && c.moeBlocks[i] <= c.moeBlocks[i - 1]))
            return refuse(
                fmt::format("blocks with experts should be listed in ascending order and lie in 0 to {}, found {}",
                            c.depth - 1, fmt::join(c.moeBlocks, ", ")));
    for (const Status& checked : {inRange("the number of experts", m.experts, 1, 65535),
                                  inRange("the width of experts", m.expertWidth, 1, kLargestWidth),
                                  inRange("the width of the shared expert", m.sharedWidth, 0, kLargestWidth)})
        if (!checked.ok()) return checked;
    if (m.rule != RouterRule::SigmoidTokenChoice && m.rule != RouterRule::SoftmaxNormalised)
        return refuse(
            "the router of a model that is trained here should let tokens choose by sigmoid or normalised softmax "
            "affinities");
    if (m.unconditionalExpert)
        return refuse("models that are trained here have no expert for samples without a condition");
    return {};
}

Status checkLayout(const ComposableFamily& known, const TransformerConfig& c) {
    const std::string_view family = known.name;
    if (c.moeBlocks.empty() != known.dense)
        return refuse(
            c.moeBlocks.empty()
                ? fmt::format("a {} has experts in at least one block; name the blocks, or choose the family JiT",
                              family)
                : std::string("a JiT has no experts; choose the family JiTMoE, or no blocks with experts"));
    if (!known.latents) return inRange("the bottleneck of the patch embedding", c.bottleneck, 1, kLargestWidth);
    if (c.bottleneck)
        return refuse(
            fmt::format("the patch embedding of a {} has no bottleneck, found one of {}", family, c.bottleneck));
    if (c.contextTokens)
        return refuse(fmt::format("class tokens in the context belong to the JiT layouts; {} are asked of a {}",
                                  c.contextTokens, family));
    return {};
}

}  // namespace

std::span<const ComposableFamily> composableFamilies() {
    return kFamilies;
}

const ComposableFamily* composableFamily(std::string_view name) {
    const auto found = std::ranges::find(kFamilies, name, &ComposableFamily::name);
    return found == std::end(kFamilies) ? nullptr : found;
}

bool readsPrompts(std::string_view family) {
    const ComposableFamily* known = composableFamily(family);
    return known && known->prompts;
}

std::string composableFamilyNames() {
    std::string names;
    for (const ComposableFamily& family : kFamilies) {
        if (!names.empty()) names += &family == std::end(kFamilies) - 1 ? " or " : ", ";
        names += family.name;
    }
    return names;
}

Result<ModelDescription> composeModel(std::string_view family, const TransformerConfig& config,
                                      const PromptConfig& prompt) {
    if (!readsPrompts(family))
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("a {} reads no prompts; choose the family {}", family, moescopeTFamily().name)};
    TransformerConfig withClass = config;
    withClass.classes = 1;  // of the layout that it shares
    auto made = composeModel(config.moeBlocks.empty() ? jitFamily().name : jitMoeFamily().name, withClass);
    return made.ok() ? withPrompts(std::move(*made), prompt) : made.error();
}

Result<ModelDescription> composeModel(std::string_view family, const TransformerConfig& config) {
    if (readsPrompts(family))
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("a {} reads prompts; give it a prompt encoder and a vocabulary", family)};
    const auto families = modelFamilies();
    const auto found =
        std::ranges::find_if(families, [&](const FamilyDefinition* f) { return f->name == family && f->compose; });
    const ComposableFamily* known = composableFamily(family);
    if (found == families.end() || !known)
        return EngineError{ErrorCode::InvalidArgument, fmt::format("no family '{}' can be trained; expected {}", family, composableFamilyNames())};
    TransformerConfig c = config;
    if (c.outChannels == 0) c.outChannels = (known->latents ? 2 : 1) * c.inChannels;
    if (const Status sizes = checkSizes(c); !sizes.ok()) return sizes.error();
    if (c.width % c.heads != 0)
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("the width {} is not a multiple of the {} heads", c.width, c.heads)};
    c.headWidth = c.width / c.heads;
    if (c.keyHeads == c.heads) c.keyHeads = 0;
    if (static_cast<int64_t>(c.moeBlocks.size()) >= c.depth) c.denseWidth = 0;
    if (const Status layout = checkLayout(*known, c); !layout.ok()) return layout.error();
    if (c.moeBlocks.empty())
        c.moe = {};
    else if (const Status experts = checkExperts(c); !experts.ok())
        return experts.error();
    if (const Status fits = checkTransformer(c); !fits.ok())
        return EngineError{ErrorCode::InvalidArgument, fits.error().message};
    return (*found)->compose(c);
}

}  // namespace moescope
