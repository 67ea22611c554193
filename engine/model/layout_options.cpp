// SPDX-License-Identifier: Apache-2.0
#include "engine/model/layout_options.h"

#include <fmt/format.h>

#include <algorithm>

namespace moescope {
namespace {

constexpr int64_t kLatentChannels = 4;

/// Whether rotation is a choice in this model's layout: the plain DiTs have none.
bool rotationIsChosen(const ModelDescription& d) {
    const auto families = modelFamilies();
    return std::ranges::any_of(
        families, [&](const FamilyDefinition* family) { return family->compose && family->name == d.family; });
}

Status refuse(std::string_view setting, const std::string& found, std::string_view expected) {
    return {ErrorCode::Unsupported,
            fmt::format("the configuration sets {} to '{}'; expected {}", setting, found, expected)};
}

}  // namespace

Status readPositions(const WeightView& view, SettingBag& settings, TransformerConfig& config) {
    config.rotary = Rotary::Grid;
    if (const auto rope = settings.text({"rope_type"})) {
        if (*rope == "1d")
            config.rotary = Rotary::Line;
        else if (*rope == "none")
            config.rotary = Rotary::None;
        else if (*rope != "2d")
            return refuse("rope_type", *rope, "'2d', '1d' or 'none'");
    }
    const auto table = settings.text({"pos_embed_type"});
    if (table && *table != "sincos" && *table != "learned" && *table != "none")
        return refuse("pos_embed_type", *table, "'sincos', 'learned' or 'none'");
    config.positions = !view.has("pos_embed") || table == "none" ? PositionTable::None
                       : table == "learned"                      ? PositionTable::Learned
                                                                 : PositionTable::Stored;
    return {};
}

void readKeyHeads(const WeightView& view, TransformerConfig& config) {
    const Shape qkv = view.shape("blocks.0.attn.qkv.weight");
    config.keyHeads = 0;
    if (qkv.size() != 2 || config.heads < 1 || config.headWidth < 1 || qkv[0] <= config.width ||
        config.headWidth > qkv[0] / 2)
        return;
    const int64_t rows = qkv[0] - config.width, each = 2 * config.headWidth, keyHeads = rows / each;
    if (rows % each == 0 && keyHeads > 0 && keyHeads < config.heads && config.heads % keyHeads == 0)
        config.keyHeads = keyHeads;
}

Status readRouterRule(SettingBag& settings, TransformerConfig& config) {
    config.moe.rule = RouterRule::SigmoidTokenChoice;
    const auto scoring = settings.text({"scoring_func"});
    if (!scoring || *scoring == "sigmoid") return {};
    if (*scoring != "softmax") return refuse("scoring_func", *scoring, "'sigmoid' or 'softmax'");
    config.moe.rule = settings.flag({"norm_topk_prob"}).value_or(true) ? RouterRule::SoftmaxNormalised
                                                                       : RouterRule::SoftmaxTokenChoice;
    return {};
}

Status readPrediction(SettingBag& settings, ModelDescription& description) {
    const auto prediction = settings.text({"prediction"});
    if (!prediction) return {};
    if (*prediction == "velocity")
        description.prediction = Prediction::Velocity;
    else if (*prediction == "clean")
        description.prediction = Prediction::CleanImage;
    else
        return refuse("prediction", *prediction, "'velocity' or 'clean'");
    return {};
}

void readSamplingDefaults(SettingBag& settings, SamplingDefaults& defaults) {
    if (const auto method = settings.text({"sampling_method"}))
        if (const auto known = samplerFromName(*method)) defaults.sampler = *known;
    if (const auto steps = settings.integer({"num_sampling_steps"}); steps && *steps > 0)
        defaults.steps = static_cast<int>(*steps);
    defaults.cfgScale = settings.number({"cfg"}).value_or(defaults.cfgScale);
    defaults.cfgLow = settings.number({"interval_min"}).value_or(defaults.cfgLow);
    defaults.cfgHigh = settings.number({"interval_max"}).value_or(defaults.cfgHigh);
    defaults.noiseScale = settings.number({"noise_scale"}).value_or(defaults.noiseScale);
    defaults.tEps = settings.number({"t_eps"}).value_or(defaults.tEps);
}

bool beyondPublished(const ModelDescription& description, PositionTable ownTable, Prediction ownPrediction) {
    const TransformerConfig& c = description.config;
    return c.keyHeads != 0 || c.positions != ownTable || c.rotary != Rotary::Grid ||
           description.prediction != ownPrediction ||
           (!c.moeBlocks.empty() && c.moe.rule != RouterRule::SigmoidTokenChoice);
}

void expectPositions(ModelDescription& description) {
    const TransformerConfig& c = description.config;
    if (c.positions == PositionTable::None) return;
    description.tensors.push_back(
        {"pos_embed",
         {1, c.imageTokens(), c.width},
         c.positions == PositionTable::Learned ? ExpectedTensor::Role::Learned : ExpectedTensor::Role::Buffer});
}

PictureSpace spaceOf(const TransformerConfig& config) {
    return config.inChannels == kLatentChannels ? PictureSpace::SdLatent : PictureSpace::Pixels;
}

nlohmann::json storedSettings(const ModelDescription& d) {
    const TransformerConfig& c = d.config;
    const bool mixture = !c.moeBlocks.empty(), pixelLayout = c.bottleneck > 0;
    nlohmann::json json = {{"heads", c.heads}, {"input_size", c.inputSide()}};
    if (d.prediction != Prediction::CleanImage)
        json["rf"] = d.prediction == Prediction::Velocity;  // a flow, or a discrete diffusion
    if (c.halfQueryKey) json["half_query_key"] = true;
    if (c.contextTokens) json["in_context_start"] = c.contextStart;
    if (mixture) {
        json["top_k"] = c.moe.topK;
        if (c.moe.capacity > 0) json["capacity"] = c.moe.capacity;
        json["n_group"] = c.moe.groups;
        json["topk_group"] = c.moe.keptGroups;
        json["routed_scaling_factor"] = c.moe.scale;
    }
    if (c.rotary == Rotary::Line) json["rope_type"] = "1d";
    if (c.rotary == Rotary::None && (pixelLayout || rotationIsChosen(d))) json["rope_type"] = "none";
    if (c.positions == PositionTable::Learned) json["pos_embed_type"] = "learned";
    if (c.positions == PositionTable::None && pixelLayout) json["pos_embed_type"] = "none";
    if (c.keyHeads) json["num_key_value_heads"] = c.keyHeads;
    if (mixture && c.moe.rule == RouterRule::SoftmaxNormalised) {
        json["scoring_func"] = "softmax";
        json["norm_topk_prob"] = true;
    }
    if (pixelLayout ? d.prediction == Prediction::Velocity : d.prediction == Prediction::CleanImage)
        json["prediction"] = d.prediction == Prediction::Velocity ? "velocity" : "clean";
    if (d.prediction == Prediction::CleanImage || pixelLayout) {
        json["sampling_method"] = samplerName(d.defaults.sampler);
        json["num_sampling_steps"] = d.defaults.steps;
        json["cfg"] = d.defaults.cfgScale;
        json["interval_min"] = d.defaults.cfgLow;
        json["interval_max"] = d.defaults.cfgHigh;
        json["noise_scale"] = d.defaults.noiseScale;
        json["t_eps"] = d.defaults.tEps;
    }
    return json;
}

}  // namespace moescope
