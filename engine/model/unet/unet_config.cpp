// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/unet_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/unet/config_reader.h"

namespace moescope::unet {
namespace {

using nlohmann::json;

constexpr int64_t kMostLevels = 10, kMostLayers = 64, kMostChannels = 65536, kMostSide = 4096;

/// An option with the values under which this program computes what the original does.
struct Fixed {
    const char* key;
    std::vector<json> accepted;
};

const std::vector<Fixed>& fixedOptions() {
    static const std::vector<Fixed> options{{"act_fn", {"silu", "swish"}},
                                            {"center_input_sample", {false}},
                                            {"time_embedding_type", {"positional"}},
                                            {"resnet_time_scale_shift", {"default"}},
                                            {"mid_block_scale_factor", {1}},
                                            {"resnet_out_scale_factor", {1}},
                                            {"downsample_type", {"conv"}},
                                            {"upsample_type", {"conv"}},
                                            {"conv_in_kernel", {3}},
                                            {"conv_out_kernel", {3}},
                                            {"attention_type", {"default"}},
                                            {"dual_cross_attention", {false}},
                                            {"resnet_skip_time_act", {false}},
                                            {"class_embeddings_concat", {false}},
                                            {"mid_block_only_cross_attention", {false}},
                                            {"class_embed_type", {}},
                                            {"encoder_hid_dim", {}},
                                            {"encoder_hid_dim_type", {}},
                                            {"num_attention_heads", {}},
                                            {"time_cond_proj_dim", {}},
                                            {"timestep_post_act", {}},
                                            {"time_embedding_act_fn", {}},
                                            {"cross_attention_norm", {}}};
    return options;
}

void checkFixed(const ConfigReader& reader) {
    for (const Fixed& option : fixedOptions()) {
        const json* value = reader.given(option.key);
        if (!value || std::ranges::find(option.accepted, *value) != option.accepted.end()) continue;
        refuse(option.key, *value,
               option.accepted.empty() ? "null there" : settingText(option.accepted.front()) + " there");
    }
    if (const json* only = reader.given("only_cross_attention"))
        for (const json& entry : only->is_array() ? *only : json::array({*only}))
            if (entry != false) refuse("only_cross_attention", *only, "false there");
}

int64_t sideOf(const ConfigReader& reader) {
    const json* value = reader.given("sample_size");
    if (!value)
        throw EngineException(ErrorCode::Unsupported,
                              "the U-Net's config.json does not say for how large pictures it was made; give "
                              "--set sample_size=64 (pixels, or latent pixels, per side)");
    if (!value->is_array()) return reader.integer("sample_size", 0, 1, kMostSide);
    if (value->size() != 2 || (*value)[0] != (*value)[1] || !(*value)[0].is_number_integer())
        refuse("sample_size", *value, "square pictures");
    return (*value)[0].get<int64_t>();
}

/// Heads of plain attention: as many as heads of this width fit.
int64_t headsOf(const ConfigReader& reader, int64_t channels) {
    if (reader.isNull("attention_head_dim")) return 1;
    const int64_t width = reader.integer("attention_head_dim", 8, 1, kMostChannels);
    if (channels % width != 0)
        refuse("attention_head_dim", width,
               fmt::format("a head width that divides the {} channels of a level", channels));
    return channels / width;
}

void readLevels(const ConfigReader& reader, Config& c, bool withText) {
    const json* channels = reader.given("block_out_channels");
    if (!channels || !channels->is_array() || channels->empty() || static_cast<int64_t>(channels->size()) > kMostLevels)
        refuse("block_out_channels", channels ? *channels : json(),
               fmt::format("a list of 1 to {} numbers of channels", kMostLevels));
    const auto count = static_cast<int64_t>(channels->size());
    const std::vector<int64_t> widths = reader.perLevel("block_out_channels", 0, count, kMostChannels);
    const auto down =
        reader.blocks("down_block_types", count, "DownBlock2D", withText ? "CrossAttnDownBlock2D" : "AttnDownBlock2D");
    const auto up =
        reader.blocks("up_block_types", count, "UpBlock2D", withText ? "CrossAttnUpBlock2D" : "AttnUpBlock2D");
    // In the first class the setting called head width holds the number of heads, as every published file relies on.
    const auto heads =
        withText ? reader.perLevel("attention_head_dim", 8, count, kMostChannels) : std::vector<int64_t>();
    const auto layers = withText ? reader.perLevel("transformer_layers_per_block", 1, count, kMostLayers)
                                 : std::vector<int64_t>(widths.size(), 1);
    auto upLayers = layers;
    std::ranges::reverse(upLayers);
    if (reader.given("reverse_transformer_layers_per_block"))
        upLayers = reader.perLevel("reverse_transformer_layers_per_block", 1, count, kMostLayers);
    for (size_t i = 0; i < widths.size(); ++i)
        c.down.push_back({widths[i], down[i],
                          withText  ? heads[i]
                          : down[i] ? headsOf(reader, widths[i])
                                    : 1,
                          layers[i], c.groups});
    for (size_t i = 0; i < widths.size(); ++i) {
        const size_t same = widths.size() - 1 - i;
        c.up.push_back({widths[same], up[i],
                        withText ? heads[same]
                        : up[i]  ? headsOf(reader, widths[same])
                                 : 1,
                        upLayers[i], c.groups});
    }
    c.deepest = {widths.back(), c.middleAttends,
                 withText          ? heads.back()
                 : c.middleAttends ? headsOf(reader, widths.back())
                                   : 1,
                 layers.back(),
                 withText ? c.groups : reader.integer("attn_norm_num_groups", c.groups, 1, kMostChannels)};
}

void checkDivisions(const Config& c) {
    const auto check = [&](const Level& level) {
        for (const int64_t groups : {c.groups, level.groups})
            if (level.channels % groups != 0)
                refuse("norm_num_groups", groups,
                       fmt::format("a number of groups that divides {} channels", level.channels));
        if (level.attends && level.channels % level.heads != 0)
            refuse("attention_head_dim", level.heads,
                   fmt::format("a number of heads that divides {} channels", level.channels));
    };
    for (const Level& level : c.down) check(level);
    check(c.deepest);
    if (c.down.front().channels % 2 != 0)
        refuse("block_out_channels", c.down.front().channels, "an even number on the first level");
    const int64_t unit = int64_t{1} << (c.levels() - 1);
    if (c.side % unit != 0)
        refuse("sample_size", c.side,
               fmt::format("a multiple of {}, since the picture is halved {} times", unit, c.levels() - 1));
}

}  // namespace

Config readConfig(SettingBag& settings) {
    const ConfigReader reader(settings);
    const json* name = reader.given("_class_name");
    const bool withText = name && *name == "UNet2DConditionModel";
    if (!name)
        throw EngineException(
            ErrorCode::Unsupported,
            "a U-Net's tensors do not say its heads and norm groups: put the config.json that belongs to "
            "the weights beside them");
    if (!withText && *name != "UNet2DModel") refuse("_class_name", *name, "UNet2DConditionModel or UNet2DModel there");
    checkFixed(reader);

    Config c;
    c.side = sideOf(reader);
    const int64_t usual = withText ? 4 : 3;
    c.channels = reader.integer("in_channels", usual, 1, kMostChannels);
    if (reader.integer("out_channels", usual, 1, kMostChannels) != c.channels || (c.channels != 3 && c.channels != 4))
        refuse("in_channels and out_channels",
               json::array({c.channels, reader.integer("out_channels", usual, 1, kMostChannels)}),
               "3 of both (pictures) or 4 of both (Stable Diffusion latents)");
    const json* middle = reader.given("mid_block_type");
    if (middle && *middle != (withText ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D"))
        refuse("mid_block_type", *middle,
               withText ? "UNetMidBlock2DCrossAttn or null there" : "UNetMidBlock2D or null there");
    c.middle = !reader.isNull("mid_block_type");
    c.middleAttends = withText || reader.flag("add_attention", true);
    c.groups = reader.integer("norm_num_groups", 32, 1, kMostChannels);
    if (reader.isNull("norm_num_groups")) refuse("norm_num_groups", json(), "a number of norm groups");
    readLevels(reader, c, withText);
    c.layers = reader.common("layers_per_block", 2, c.levels(), kMostLayers);
    c.eps = reader.number("norm_eps", 1e-5, 0, 1);
    c.padDownBothSides = reader.integer("downsample_padding", 1, 0, 1) == 1;
    c.timeWidth = reader.integer("time_embedding_dim", 4 * c.down.front().channels, 1, kMostChannels);
    c.sinFirst = !reader.flag("flip_sin_to_cos", true);
    c.frequencyShift = reader.number("freq_shift", 0, 0, static_cast<double>(c.down.front().channels / 2) - 0.5);
    c.classRows = reader.integer("num_class_embeds", 0, 1, 1 << 24);
    c.nullClass = reader.flag("null_class", true) && c.classRows > 1;
    if (withText) {
        c.contextWidth = reader.common("cross_attention_dim", 1280, c.levels(), kMostChannels);
        c.linearProjection = reader.flag("use_linear_projection", false);
        if (const json* addition = reader.given("addition_embed_type")) {
            if (*addition != "text_time") refuse("addition_embed_type", *addition, "text_time or null there");
            c.addedWidth = reader.integer("projection_class_embeddings_input_dim", 0, 1, kMostChannels);
            c.idWaves = reader.integer("addition_time_embed_dim", 0, 2, kMostChannels);
            if (c.addedWidth == 0 || c.idWaves == 0 || c.idWaves % 2 != 0)
                refuse("addition_embed_type", *addition,
                       "an even addition_time_embed_dim and a projection_class_embeddings_input_dim beside it");
        }
    }
    checkDivisions(c);
    return c;
}

}  // namespace moescope::unet
