// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/unet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/model/noise_schedule.h"
#include "engine/model/unet/unet_denoiser.h"

namespace moescope {
namespace {

using unet::Config;

constexpr std::string_view kFamily = "U-Net";

bool recognise(const WeightView& view) {
    return view.has("conv_in.weight") && view.has("conv_out.weight") && view.has("time_embedding.linear_1.weight") &&
           view.has("down_blocks.0.resnets.0.conv1.weight") && view.has("up_blocks.0.resnets.0.conv1.weight");
}

std::string inWords(const Config& c) {
    std::vector<int64_t> channels;
    for (const unet::Level& level : c.down) channels.push_back(level.channels);
    const bool attends = std::ranges::any_of(c.down, &unet::Level::attends) || c.deepest.attends;
    return fmt::format("{} levels of {} channels, {} layers each, {}, {} x {} {}", c.levels(),
                       fmt::join(channels, ", "), c.layers,
                       c.contextWidth ? fmt::format("cross-attention to text of width {}", c.contextWidth)
                       : attends      ? "self-attention"
                                      : "no attention",
                       c.side, c.side, c.channels == 4 ? "latent pixels" : "pixels");
}

/// Why a network of known noise makes no picture with the samplers here; empty where it does.
std::string whyNotSampled(const NoiseSchedule& noise) {
    constexpr int64_t kSampledSteps = 1000;
    constexpr std::string_view kExpert = "it can be an expert of an ensemble of networks";
    if (noise.target != NoiseTarget::Noise)
        return fmt::format("this U-Net predicts {}, and the samplers take predicted noise: {}",
                           noise.target == NoiseTarget::Data ? "clean pictures" : "velocities of its diffusion",
                           kExpert);
    if (noise.steps() == kSampledSteps) return {};
    return fmt::format("this U-Net was trained on {} timesteps, and the samplers walk {}: {}", noise.steps(),
                       kSampledSteps, kExpert);
}

/// What a picture's noise is and whether the network can make one by itself.
void describeNoise(const WeightView& view, ModelDescription& d) {
    auto found = findNoiseSchedule(view.source().files().front().parent_path());
    if (found.ok() && found->has_value()) d.noise = std::make_shared<const NoiseSchedule>(std::move(**found));
    if (d.conditioning == Conditioning::Text)
        d.notAlone =
            "this U-Net follows encoded text, and this version runs no text encoder: it makes no pictures by itself, "
            "but verify can check it";
    else if (!found.ok())
        d.notAlone = found.error().message;
    else
        d.notAlone = d.noise ? whyNotSampled(*d.noise)
                             : "no noise schedule is known for this U-Net: put its scheduler_config.json beside it or "
                               "into ../scheduler";
}

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    return guarded([&] {
        auto config = std::make_shared<Config>(unet::readConfig(settings));
        config->oldAttentionNames = std::ranges::any_of(
            view.names(), [](const std::string& name) { return name.ends_with(".proj_attn.weight"); });
        ModelDescription d;
        d.family = kFamily;
        d.space = config->channels == 4 ? PictureSpace::SdLatent : PictureSpace::Pixels;
        d.prediction = Prediction::Noise;
        d.samplers = {SamplerKind::Ddim, SamplerKind::Ddpm};
        d.defaults.sampler = SamplerKind::Ddim;
        d.conditioning = config->contextWidth ? Conditioning::Text
                         : config->classRows  ? Conditioning::ClassLabel
                                              : Conditioning::None;
        d.contextWidth = config->contextWidth;
        if (!config->nullClass) d.defaults.cfgScale = 1;  // nothing to guide away from
        TransformerConfig& c = d.config;
        c.width = config->down.front().channels;
        c.depth = 2 * config->levels() + config->middle;
        c.heads = config->deepest.heads;
        c.headWidth = config->deepest.channels / config->deepest.heads;
        c.patch = 1;
        c.grid = config->side;
        c.inChannels = c.outChannels = config->channels;
        c.classes = config->classRows - config->nullClass;
        c.waves = config->down.front().channels;
        d.network = inWords(*config);
        unet::Assembler list(*config);
        list.assemble();
        d.tensors = list.tensors();
        d.details = std::move(config);
        describeNoise(view, d);
        return d;
    });
}

/// There is no table of released sizes: every published folder has its config.json.
ModelDescription released(const ReleasedSize& size) {
    ModelDescription d;
    d.family = size.family;
    return d;
}

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<unet::UnetDenoiser>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& unetFamily() {
    static const FamilyDefinition family{kFamily, recognise, describe, released, load};
    return family;
}

}  // namespace moescope
