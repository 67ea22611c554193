// SPDX-License-Identifier: Apache-2.0
#include "engine/model/autoencoder_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace moescope {
namespace {

using nlohmann::json;

constexpr int64_t kMaxChannels = 16384, kMaxLevels = 8, kMaxLayers = 32;

[[noreturn]] void refuse(ErrorCode code, std::string message) {
    throw EngineException(code, std::move(message));
}

/// The value of `key`, or nullptr where it is missing or null.
const json* given(const json& config, const char* key) {
    const auto found = config.find(key);
    return found == config.end() || found->is_null() ? nullptr : &*found;
}

int64_t integer(const json& value, const char* key, int64_t low, int64_t high) {
    // Numbers beyond 64 bits arrive as floating point and are refused with the rest.
    const bool whole = value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
    if (!whole || value.get<int64_t>() < low || value.get<int64_t>() > high)
        refuse(ErrorCode::Format,
               fmt::format("expected {} of the VAE's config.json to be an integer in {}..{}, found {}", key, low, high,
                           value.dump().substr(0, 80)));
    return value.get<int64_t>();
}

double number(const json& value, const char* key) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
        refuse(ErrorCode::Format, fmt::format("expected {} of the VAE's config.json to be a number, found {}", key,
                                              value.dump().substr(0, 80)));
    return value.get<double>();
}

void readInteger(const json& config, const char* key, int64_t low, int64_t high, int64_t& target) {
    if (const json* value = given(config, key)) target = integer(*value, key, low, high);
}

void readFlag(const json& config, const char* key, bool& target) {
    const json* value = given(config, key);
    if (!value) return;
    if (!value->is_boolean())
        refuse(ErrorCode::Format, fmt::format("expected {} of the VAE's config.json to be true or false, found {}", key,
                                              value->dump().substr(0, 80)));
    target = value->get<bool>();
}

std::vector<double> numbers(const json& config, const char* key, int64_t count) {
    const json* value = given(config, key);
    if (!value) return {};
    if (!value->is_array() || static_cast<int64_t>(value->size()) != count)
        refuse(ErrorCode::Format,
               fmt::format("expected {} of the VAE's config.json to hold {} numbers, one per latent channel, "
                           "found {}",
                           key, count, value->dump().substr(0, 80)));
    std::vector<double> read;
    for (const json& entry : *value) read.push_back(number(entry, key));
    return read;
}

void requireText(const json& config, const char* key, std::string_view wanted) {
    const json* value = given(config, key);
    if (value && *value != wanted)
        refuse(ErrorCode::Unsupported,
               fmt::format("expected {} \"{}\" in the VAE's config.json, found {}; this program decodes "
                           "with AutoencoderKL models of the Stable Diffusion layout",
                           key, wanted, value->dump().substr(0, 80)));
}

void requireBlocks(const json& config, const char* key, std::string_view wanted, int64_t levels) {
    const json* value = given(config, key);
    if (!value) return;
    const bool same = value->is_array() && static_cast<int64_t>(value->size()) == levels &&
                      std::all_of(value->begin(), value->end(), [&](const json& name) { return name == wanted; });
    if (!same)
        refuse(ErrorCode::Unsupported,
               fmt::format("expected {} to be {} times \"{}\" in the VAE's config.json, found {}", key, levels, wanted,
                           value->dump().substr(0, 200)));
}

void checkGroups(const AutoencoderConfig& config) {
    for (int64_t channels : config.blockOutChannels)
        if (channels % config.normGroups != 0)
            refuse(ErrorCode::Format,
                   fmt::format("expected block_out_channels that fall into {} norm groups, found {}; correct "
                               "norm_num_groups or block_out_channels in the VAE's config.json",
                               config.normGroups, fmt::join(config.blockOutChannels, ", ")));
}

AutoencoderConfig parse(const json& config) {
    if (!config.is_object())
        refuse(ErrorCode::Format, "expected an object in the VAE's config.json, found something else");
    requireText(config, "_class_name", "AutoencoderKL");
    requireText(config, "act_fn", "silu");
    AutoencoderConfig read;
    readInteger(config, "in_channels", 1, 64, read.inChannels);
    readInteger(config, "out_channels", 1, 64, read.outChannels);
    readInteger(config, "latent_channels", 1, 1024, read.latentChannels);
    readInteger(config, "layers_per_block", 1, kMaxLayers, read.layersPerBlock);
    readInteger(config, "norm_num_groups", 1, kMaxChannels, read.normGroups);
    const json* blocks = given(config, "block_out_channels");
    if (!blocks || !blocks->is_array() || blocks->empty() || static_cast<int64_t>(blocks->size()) > kMaxLevels)
        refuse(ErrorCode::Format,
               fmt::format("expected block_out_channels with 1 to {} entries in the VAE's config.json, found {}",
                           kMaxLevels, blocks ? blocks->dump().substr(0, 80) : "none"));
    for (const json& entry : *blocks)
        read.blockOutChannels.push_back(integer(entry, "block_out_channels", 1, kMaxChannels));
    requireBlocks(config, "down_block_types", "DownEncoderBlock2D", read.levels());
    requireBlocks(config, "up_block_types", "UpDecoderBlock2D", read.levels());
    checkGroups(read);

    readFlag(config, "use_quant_conv", read.useQuantConv);
    readFlag(config, "use_post_quant_conv", read.usePostQuantConv);
    readFlag(config, "mid_block_add_attention", read.midAttention);
    readFlag(config, "double_z", read.doubleZ);
    if (const json* value = given(config, "scaling_factor")) read.scalingFactor = number(*value, "scaling_factor");
    if (read.scalingFactor == 0.0)
        refuse(ErrorCode::Format, "expected a scaling_factor other than 0 in the VAE's config.json");
    if (const json* value = given(config, "shift_factor")) read.shiftFactor = number(*value, "shift_factor");
    read.latentsMean = numbers(config, "latents_mean", read.latentChannels);
    read.latentsStd = numbers(config, "latents_std", read.latentChannels);
    if (read.latentsMean.empty() != read.latentsStd.empty())
        refuse(ErrorCode::Format, "expected both or neither of latents_mean and latents_std in the VAE's config.json");
    if (std::count(read.latentsStd.begin(), read.latentsStd.end(), 0.0) > 0)
        refuse(ErrorCode::Format, "expected no 0 among latents_std in the VAE's config.json");
    return read;
}

/// Extent `axis` of a convolution's weight [out, in, k, k].
int64_t convExtent(const VaeNameIndex& index, const std::string& name, size_t axis) {
    const TensorInfo* tensor = index.find(name);
    if (!tensor || tensor->shape.size() != 4)
        refuse(ErrorCode::Format,
               fmt::format("expected the convolution {} to read the VAE's shape from, found {}; put the "
                           "model's config.json beside the file",
                           name, tensor ? shapeText(tensor->shape) : "no such tensor"));
    const int64_t extent = tensor->shape[axis];
    if (extent < 1 || extent > kMaxChannels)
        refuse(ErrorCode::Format, fmt::format("expected 1 to {} channels in {}, found {}", kMaxChannels, name, extent));
    return extent;
}

AutoencoderConfig derive(const VaeNameIndex& index) {
    AutoencoderConfig found;
    // Either half may be missing (a file with the decoder alone), so both can answer.
    const bool decoder = index.find("decoder.conv_in.weight") != nullptr;
    const bool encoder = index.find("encoder.conv_in.weight") != nullptr;
    const std::string blocks = decoder ? "decoder.up_blocks." : "encoder.down_blocks.";
    const int64_t levels = countNumbered(index, blocks);
    if (levels < 1 || levels > kMaxLevels)
        refuse(ErrorCode::Format, fmt::format("expected 1 to {} resolution levels ({}N) in the VAE, found {}",
                                              kMaxLevels, blocks, levels));
    for (int64_t level = 0; level < levels; ++level) {
        const int64_t number = decoder ? levels - 1 - level : level;
        found.blockOutChannels.push_back(
            convExtent(index, fmt::format("{}{}.resnets.0.conv1.weight", blocks, number), 0));
    }
    const int64_t layers = countNumbered(index, blocks + "0.resnets.") - (decoder ? 1 : 0);
    if (layers < 1 || layers > kMaxLayers)
        refuse(ErrorCode::Format,
               fmt::format("expected 1 to {} layers per block in the VAE, found {}", kMaxLayers, layers));
    found.layersPerBlock = layers;
    if (encoder) {
        found.inChannels = convExtent(index, "encoder.conv_in.weight", 1);
        found.latentChannels = convExtent(index, "encoder.conv_out.weight", 0) / 2;
    }
    if (decoder) {
        found.latentChannels = convExtent(index, "decoder.conv_in.weight", 1);
        found.outChannels = convExtent(index, "decoder.conv_out.weight", 0);
    }
    if (decoder && encoder) found.doubleZ = convExtent(index, "encoder.conv_out.weight", 0) != found.latentChannels;
    found.midAttention =
        index.find((decoder ? "decoder" : "encoder") + std::string(".mid_block.attentions.0.to_q.weight"));
    found.useQuantConv = index.find("quant_conv.weight") != nullptr;
    found.usePostQuantConv = index.find("post_quant_conv.weight") != nullptr;
    const auto uneven = std::find_if(found.blockOutChannels.begin(), found.blockOutChannels.end(),
                                     [&](int64_t channels) { return channels % found.normGroups != 0; });
    if (uneven != found.blockOutChannels.end())
        refuse(ErrorCode::Format,
               fmt::format("expected the VAE's channels to be multiples of 32, found {}; the number of norm "
                           "groups can not be seen in the tensors, put the model's config.json beside the file",
                           fmt::join(found.blockOutChannels, ", ")));
    return found;
}

/// values[c] * factor[c] + shift[c] for every channel.
HostTensor perChannel(const AutoencoderConfig& config, const HostTensor& latent, const std::vector<double>& factor,
                      const std::vector<double>& shift) {
    const size_t rank = latent.shape.size();
    if ((rank != 3 && rank != 4) || latent.shape[rank - 3] != config.latentChannels)
        refuse(ErrorCode::InvalidArgument, fmt::format("expected a latent of {} channels, found {}",
                                                       config.latentChannels, shapeText(latent.shape)));
    HostTensor result(latent.shape);
    const int64_t plane = latent.shape[rank - 2] * latent.shape[rank - 1];
    for (int64_t i = 0; i < latent.size(); ++i) {
        const size_t channel = static_cast<size_t>(i / plane % config.latentChannels);
        result.data[static_cast<size_t>(i)] =
            static_cast<float>(latent.data[static_cast<size_t>(i)] * factor[channel] + shift[channel]);
    }
    return result;
}

}  // namespace

Result<AutoencoderConfig> parseAutoencoderConfig(const json& config) {
    return guarded([&] { return parse(config); });
}

Result<AutoencoderConfig> deriveAutoencoderConfig(const VaeNameIndex& index) {
    return guarded([&] { return derive(index); });
}

HostTensor unscaleLatent(const AutoencoderConfig& config, const HostTensor& latent) {
    const size_t channels = static_cast<size_t>(config.latentChannels);
    std::vector<double> factor(channels, 1.0 / config.scalingFactor), shift(channels, config.shiftFactor.value_or(0.0));
    for (size_t c = 0; c < config.latentsStd.size(); ++c) {
        factor[c] *= config.latentsStd[c];
        shift[c] = config.latentsMean[c];
    }
    return perChannel(config, latent, factor, shift);
}

HostTensor scaleLatent(const AutoencoderConfig& config, const HostTensor& latent) {
    const size_t channels = static_cast<size_t>(config.latentChannels);
    std::vector<double> factor(channels, config.scalingFactor);
    std::vector<double> shift(channels, -config.shiftFactor.value_or(0.0) * config.scalingFactor);
    for (size_t c = 0; c < config.latentsStd.size(); ++c) {
        factor[c] /= config.latentsStd[c];
        shift[c] = -config.latentsMean[c] * factor[c];
    }
    return perChannel(config, latent, factor, shift);
}

}  // namespace moescope
