// SPDX-License-Identifier: Apache-2.0
#include "engine/model/vae_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace moescope::vae {
namespace {

constexpr int64_t kRowsAtOnce = 64;  // of a weight matrix, while its columns are put in our order
constexpr size_t kNamed = 4;         // tensors named in an error before the rest is only counted

/// [C, C, 1, 1] -> [C, C]: projections of the attention were stored as 1x1 convolutions and as matrices.
Shape withoutTrailingOnes(Shape shape) {
    while (!shape.empty() && shape.back() == 1) shape.pop_back();
    return shape;
}

std::string firstNames(const std::vector<std::string>& names) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, names.size()));
    const std::string shown = fmt::format("{}", fmt::join(names.begin(), end, ", "));
    return names.size() > kNamed ? fmt::format("{} and {} more", shown, names.size() - kNamed) : shown;
}

}  // namespace

TowerLoader::TowerLoader(Backend& backend, const TensorSource& source, const VaeNameIndex& index, MsDType storage)
    : m_backend(backend), m_source(source), m_index(index), m_storage(storage) {}

const TensorInfo* TowerLoader::expect(const std::string& name, const Shape& shape) {
    const TensorInfo* tensor = m_index.find(name);
    if (m_mode == Mode::Pack) return tensor;
    m_known.insert(name);
    if (!tensor) {
        m_missing.push_back(name);
    } else if (withoutTrailingOnes(tensor->shape) != withoutTrailingOnes(shape) || !isFloating(tensor->dtype)) {
        m_misshaped.push_back(fmt::format("{} (expected {}, found {} {})", tensor->name, shapeText(shape),
                                          dtypeName(tensor->dtype), shapeText(tensor->shape)));
    }
    return tensor;
}

Status TowerLoader::verdict(const std::vector<std::string>& ignored) const {
    std::vector<std::string> unknown;
    for (const auto& [name, tensor] : m_index.tensors) {
        const bool elsewhere =
            std::any_of(ignored.begin(), ignored.end(), [&](const auto& p) { return name.starts_with(p); });
        if (!elsewhere && !m_known.contains(name)) unknown.push_back(tensor->name);
    }
    if (m_missing.empty() && m_misshaped.empty() && unknown.empty()) return {};
    std::vector<std::string> found;
    if (!m_missing.empty()) found.push_back(fmt::format("{} missing ({})", m_missing.size(), firstNames(m_missing)));
    if (!m_misshaped.empty())
        found.push_back(fmt::format("{} of another shape ({})", m_misshaped.size(), firstNames(m_misshaped)));
    if (!unknown.empty()) found.push_back(fmt::format("{} unknown ({})", unknown.size(), firstNames(unknown)));
    return {ErrorCode::Format,
            fmt::format("expected the {} tensors of an AutoencoderKL as its config describes them, found {}; "
                        "give the config.json that belongs to these weights, or download them again",
                        m_known.size(), fmt::join(found, ", "))};
}

void TowerLoader::read(const TensorInfo& tensor) {
    m_values.resize(static_cast<size_t>(tensor.elements()));
    m_source.readFloat(tensor, m_values).orThrow();
    m_source.releasePages(tensor);
    const auto broken =
        std::find_if(m_values.begin(), m_values.end(), [](float value) { return !std::isfinite(value); });
    if (broken != m_values.end())
        throw EngineException(ErrorCode::Numeric,
                              fmt::format("expected finite weights, found {} in {} of the VAE; the file is "
                                          "damaged or was saved from a broken run, use another one",
                                          *broken, tensor.name));
}

DeviceTensor TowerLoader::vector(const TensorInfo& tensor) {
    read(tensor);
    return m_backend.tensorFrom({tensor.elements()}, m_values);
}

PackedLinear TowerLoader::packed(int64_t in, int64_t out) const {
    return m_backend.linear({sizeof(MsLinearDesc), in, out, 1, m_storage, MS_LINEAR_PLAIN, 1});
}

ConvLayer TowerLoader::conv(const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    const TensorInfo* weight = expect(name + ".weight", {out, in, kernel, kernel});
    const TensorInfo* bias = expect(name + ".bias", {out});
    ConvLayer layer;
    layer.kernel = kernel;
    if (m_mode == Mode::Check) return layer;
    const int64_t taps = kernel * kernel, columns = in * taps;
    layer.weights = packed(columns, out);
    read(*weight);
    std::vector<float> rows(static_cast<size_t>(std::min(kRowsAtOnce, out) * columns));
    for (int64_t first = 0; first < out; first += kRowsAtOnce) {
        const int64_t count = std::min(kRowsAtOnce, out - first);
        // Stored [out, c, ky, kx]; the device's rows are (ky, kx, c), as its pixels lie.
        for (int64_t row = 0; row < count; ++row) {
            const float* stored = m_values.data() + (first + row) * columns;
            float* target = rows.data() + row * columns;
            for (int64_t tap = 0; tap < taps; ++tap)
                for (int64_t c = 0; c < in; ++c) target[tap * in + c] = stored[c * taps + tap];
        }
        m_backend.check(
            m_backend.table().linear_load_rows(m_backend.context(), layer.weights.get(), 0, first, count, rows.data()));
    }
    read(*bias);
    m_backend.check(m_backend.table().linear_load_bias(m_backend.context(), layer.weights.get(), 0, m_values.data()));
    return layer;
}

NormLayer TowerLoader::norm(const std::string& name, int64_t channels) {
    const TensorInfo* weight = expect(name + ".weight", {channels});
    const TensorInfo* bias = expect(name + ".bias", {channels});
    if (m_mode == Mode::Check) return {};
    return {vector(*weight), vector(*bias)};
}

PackedLinear TowerLoader::stacked(std::initializer_list<std::string> names, int64_t in, int64_t outEach) {
    for (const std::string& name : names) {
        expect(name + ".weight", {outEach, in});
        expect(name + ".bias", {outEach});
    }
    if (m_mode == Mode::Check) return {};
    PackedLinear linear = packed(in, outEach * static_cast<int64_t>(names.size()));
    std::vector<float> biases;
    int64_t first = 0;
    for (const std::string& name : names) {
        read(*m_index.find(name + ".weight"));
        m_backend.check(
            m_backend.table().linear_load_rows(m_backend.context(), linear.get(), 0, first, outEach, m_values.data()));
        read(*m_index.find(name + ".bias"));
        biases.insert(biases.end(), m_values.begin(), m_values.end());
        first += outEach;
    }
    m_backend.check(m_backend.table().linear_load_bias(m_backend.context(), linear.get(), 0, biases.data()));
    return linear;
}

ResnetBlock TowerLoader::resnet(const std::string& name, int64_t in, int64_t out) {
    ResnetBlock block;
    block.norm1 = norm(name + ".norm1", in);
    block.conv1 = conv(name + ".conv1", in, out, 3);
    block.norm2 = norm(name + ".norm2", out);
    block.conv2 = conv(name + ".conv2", out, out, 3);
    if (in != out) block.shortcut = conv(name + ".conv_shortcut", in, out, 1);
    return block;
}

MidBlock TowerLoader::mid(const std::string& name, int64_t channels, bool withAttention) {
    MidBlock block;
    block.first = resnet(name + ".resnets.0", channels, channels);
    if (withAttention) {
        const std::string at = name + ".attentions.0.";
        AttentionBlock attention;
        attention.norm = norm(at + "group_norm", channels);
        attention.qkv = stacked({at + "to_q", at + "to_k", at + "to_v"}, channels, channels);
        attention.out = stacked({at + "to_out.0"}, channels, channels);
        block.attention = std::move(attention);
    }
    block.second = resnet(name + ".resnets.1", channels, channels);
    return block;
}

Tower TowerLoader::encoder(const AutoencoderConfig& config, Mode mode) {
    m_mode = mode;
    Tower tower;
    int64_t channels = config.blockOutChannels.front();
    tower.convIn = conv("encoder.conv_in", config.inChannels, channels, 3);
    for (int64_t number = 0; number < config.levels(); ++number) {
        const std::string at = fmt::format("encoder.down_blocks.{}.", number);
        const int64_t out = config.blockOutChannels[static_cast<size_t>(number)];
        Level level;
        for (int64_t layer = 0; layer < config.layersPerBlock; ++layer, channels = out)
            level.resnets.push_back(resnet(fmt::format("{}resnets.{}", at, layer), channels, out));
        if (number + 1 < config.levels()) level.resample = conv(at + "downsamplers.0.conv", out, out, 3);
        tower.levels.push_back(std::move(level));
    }
    tower.mid = mid("encoder.mid_block", channels, config.midAttention);
    tower.normOut = norm("encoder.conv_norm_out", channels);
    tower.convOut = conv("encoder.conv_out", channels, config.momentChannels(), 3);
    if (config.useQuantConv) tower.quant = conv("quant_conv", config.momentChannels(), config.momentChannels(), 1);
    return tower;
}

Tower TowerLoader::decoder(const AutoencoderConfig& config, Mode mode) {
    m_mode = mode;
    Tower tower;
    int64_t channels = config.blockOutChannels.back();
    if (config.usePostQuantConv) tower.quant = conv("post_quant_conv", config.latentChannels, config.latentChannels, 1);
    tower.convIn = conv("decoder.conv_in", config.latentChannels, channels, 3);
    tower.mid = mid("decoder.mid_block", channels, config.midAttention);
    for (int64_t number = 0; number < config.levels(); ++number) {
        const std::string at = fmt::format("decoder.up_blocks.{}.", number);
        const int64_t out = config.blockOutChannels[static_cast<size_t>(config.levels() - 1 - number)];
        Level level;
        for (int64_t layer = 0; layer <= config.layersPerBlock; ++layer, channels = out)
            level.resnets.push_back(resnet(fmt::format("{}resnets.{}", at, layer), channels, out));
        if (number + 1 < config.levels()) level.resample = conv(at + "upsamplers.0.conv", out, out, 3);
        tower.levels.push_back(std::move(level));
    }
    tower.normOut = norm("decoder.conv_norm_out", channels);
    tower.convOut = conv("decoder.conv_out", channels, config.outChannels, 3);
    return tower;
}

}  // namespace moescope::vae
