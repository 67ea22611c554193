// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/vae_fixture.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include "engine/io/safetensors_writer.h"
#include "engine/io/tensor_source.h"

namespace moescope::test {
namespace {

class RandomWeights {
public:
    explicit RandomWeights(uint32_t seed) : m_random(seed) {}

    void conv(const std::string& name, int64_t in, int64_t out, int64_t kernel) {
        const float limit = std::sqrt(3.0f / static_cast<float>(in * kernel * kernel));
        add(name + ".weight", {out, in, kernel, kernel}, 0.0f, limit);
        add(name + ".bias", {out}, 0.0f, 0.1f);
    }
    void linear(const std::string& name, int64_t channels) {
        add(name + ".weight", {channels, channels}, 0.0f, std::sqrt(3.0f / static_cast<float>(channels)));
        add(name + ".bias", {channels}, 0.0f, 0.1f);
    }
    void norm(const std::string& name, int64_t channels) {
        add(name + ".weight", {channels}, 1.0f, 0.3f);
        add(name + ".bias", {channels}, 0.0f, 0.3f);
    }
    void resnet(const std::string& name, int64_t in, int64_t out) {
        norm(name + ".norm1", in);
        conv(name + ".conv1", in, out, 3);
        norm(name + ".norm2", out);
        conv(name + ".conv2", out, out, 3);
        if (in != out) conv(name + ".conv_shortcut", in, out, 1);
    }
    void mid(const std::string& name, int64_t channels, bool withAttention) {
        resnet(name + ".resnets.0", channels, channels);
        if (withAttention) {
            norm(name + ".attentions.0.group_norm", channels);
            for (const char* part : {"to_q", "to_k", "to_v", "to_out.0"})
                linear(name + ".attentions.0." + part, channels);
        }
        resnet(name + ".resnets.1", channels, channels);
    }
    NamedTensors take() { return std::move(m_tensors); }

private:
    void add(const std::string& name, const Shape& shape, float middle, float spread) {
        HostTensor tensor(shape);
        for (float& value : tensor.data)
            value = middle + spread * (static_cast<float>(m_random() >> 8) * 0x1p-23f - 1.0f);
        m_tensors.emplace(name, std::move(tensor));
    }

    std::mt19937 m_random;
    NamedTensors m_tensors;
};

void replace(std::string& name, const std::string& from, const std::string& to) {
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
}

}  // namespace

NamedTensors readTensors(const std::filesystem::path& path) {
    const auto source = openTensorSource(path).orThrow();
    NamedTensors tensors;
    for (const TensorInfo& info : source->tensors()) {
        HostTensor tensor(info.shape);
        source->readFloat(info, tensor.data).orThrow();
        tensors.emplace(info.name, std::move(tensor));
    }
    return tensors;
}

void writeTensors(const std::filesystem::path& path, const NamedTensors& tensors) {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, tensor] : tensors)
        entries.push_back(safetensorsEntry(name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.data))));
    writeSafetensors(path, entries, {}).orThrow();
}

NamedTensors randomVae(const AutoencoderConfig& config, uint32_t seed) {
    RandomWeights weights(seed);
    const auto width = [&](int64_t level) { return config.blockOutChannels[static_cast<size_t>(level)]; };
    const int64_t levels = config.levels(), deepest = width(levels - 1);

    weights.conv("encoder.conv_in", config.inChannels, width(0), 3);
    for (int64_t level = 0, channels = width(0); level < levels; ++level) {
        const std::string at = fmt::format("encoder.down_blocks.{}.", level);
        for (int64_t layer = 0; layer < config.layersPerBlock; ++layer, channels = width(level))
            weights.resnet(fmt::format("{}resnets.{}", at, layer), channels, width(level));
        if (level + 1 < levels) weights.conv(at + "downsamplers.0.conv", width(level), width(level), 3);
    }
    weights.mid("encoder.mid_block", deepest, config.midAttention);
    weights.norm("encoder.conv_norm_out", deepest);
    weights.conv("encoder.conv_out", deepest, config.momentChannels(), 3);
    if (config.useQuantConv) weights.conv("quant_conv", config.momentChannels(), config.momentChannels(), 1);

    if (config.usePostQuantConv) weights.conv("post_quant_conv", config.latentChannels, config.latentChannels, 1);
    weights.conv("decoder.conv_in", config.latentChannels, deepest, 3);
    weights.mid("decoder.mid_block", deepest, config.midAttention);
    for (int64_t number = 0, channels = deepest; number < levels; ++number) {
        const int64_t out = width(levels - 1 - number);
        const std::string at = fmt::format("decoder.up_blocks.{}.", number);
        for (int64_t layer = 0; layer <= config.layersPerBlock; ++layer, channels = out)
            weights.resnet(fmt::format("{}resnets.{}", at, layer), channels, out);
        if (number + 1 < levels) weights.conv(at + "upsamplers.0.conv", out, out, 3);
    }
    weights.norm("decoder.conv_norm_out", width(0));
    weights.conv("decoder.conv_out", width(0), config.outChannels, 3);
    return weights.take();
}

NamedTensors latentDiffusionNames(const NamedTensors& tensors, int64_t levels) {
    NamedTensors renamed;
    for (const auto& [current, value] : tensors) {
        std::string name = current;
        HostTensor tensor = value;
        const bool projection = name.find("attentions.0.to_") != std::string::npos && tensor.shape.size() == 2;
        if (projection) tensor.shape.insert(tensor.shape.end(), {1, 1});
        for (int64_t level = 0; level < levels; ++level) {
            replace(name, fmt::format("down_blocks.{}.", level), fmt::format("down.{}.", level));
            replace(name, fmt::format("up_blocks.{}.", level), fmt::format("up.{}.", levels - 1 - level));
        }
        replace(name, "mid_block.resnets.0", "mid.block_1");
        replace(name, "mid_block.resnets.1", "mid.block_2");
        replace(name, "mid_block.attentions.0.group_norm", "mid.attn_1.norm");
        replace(name, "mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out");
        replace(name, "mid_block.attentions.0.to_", "mid.attn_1.");
        replace(name, "resnets.", "block.");
        replace(name, "downsamplers.0", "downsample");
        replace(name, "upsamplers.0", "upsample");
        replace(name, "conv_shortcut", "nin_shortcut");
        replace(name, "conv_norm_out", "norm_out");
        renamed.emplace(name, std::move(tensor));
    }
    return renamed;
}

}  // namespace moescope::test
