// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/unet_weights.h"

#include <fmt/format.h>

#include <cmath>

namespace moescope::unet {

PackedLinear Assembler::counted(PackedLinear made) {
    m_bytes += made.bytes();
    return made;
}

Conv Assembler::conv(const std::string& name, int64_t in, int64_t out) {
    m_tensors.push_back({name + ".weight", {out, in, 3, 3}});
    m_tensors.push_back({name + ".bias", {out}});
    return m_loader ? Conv{counted(m_loader->convolution(name, in, out, 3))} : Conv{};
}

Norm Assembler::norm(const std::string& name, int64_t channels, bool asRow) {
    m_tensors.push_back({name + ".weight", {channels}});
    m_tensors.push_back({name + ".bias", {channels}});
    if (!m_loader) return {};
    Norm made{m_loader->tensor(name + ".weight", {channels}), m_loader->tensor(name + ".bias", {channels})};
    if (asRow) m_loader->backend().reshape(made.bias, {1, channels});
    return made;
}

PackedLinear Assembler::linear(const std::string& name, int64_t in, int64_t out, bool bias, bool trailingOnes) {
    m_tensors.push_back({name + ".weight", trailingOnes ? Shape{out, in, 1, 1} : Shape{out, in}});
    if (bias) m_tensors.push_back({name + ".bias", {out}});
    return m_loader ? counted(m_loader->linear(name, in, out, bias)) : PackedLinear{};
}

PackedLinear Assembler::stacked(const std::vector<std::string>& names, int64_t in, int64_t each, bool bias) {
    WeightLoader::Part part;
    for (const std::string& name : names) {
        m_tensors.push_back({name + ".weight", {each, in}});
        part.weights.push_back(name + ".weight");
        if (!bias) continue;
        m_tensors.push_back({name + ".bias", {each}});
        part.biases.push_back(name + ".bias");
    }
    if (!m_loader) return {};
    return counted(m_loader->stacked({part}, in, each * static_cast<int64_t>(names.size()), MS_LINEAR_PLAIN));
}

Resnet Assembler::resnet(const std::string& name, int64_t in, int64_t out) {
    Resnet made;
    made.norm1 = norm(name + ".norm1", in);
    made.conv1 = conv(name + ".conv1", in, out);
    made.time = linear(name + ".time_emb_proj", m_config.timeWidth, out, true);
    made.norm2 = norm(name + ".norm2", out);
    made.conv2 = conv(name + ".conv2", out, out);
    if (in != out) made.shortcut = linear(name + ".conv_shortcut", in, out, true, true);
    return made;
}

PlainAttention Assembler::plainAttention(const std::string& name, const Level& level) {
    const bool old = m_config.oldAttentionNames;
    const int64_t channels = level.channels;
    PlainAttention made;
    made.groups = level.groups;
    made.norm = norm(name + ".group_norm", channels);
    made.qkv =
        stacked({name + (old ? ".query" : ".to_q"), name + (old ? ".key" : ".to_k"), name + (old ? ".value" : ".to_v")},
                channels, channels, true);
    made.out = linear(name + (old ? ".proj_attn" : ".to_out.0"), channels, channels, true);
    return made;
}

Transformer Assembler::transformer(const std::string& name, const Level& level) {
    const int64_t channels = level.channels, text = m_config.contextWidth;
    Transformer made;
    made.norm = norm(name + ".norm", channels);
    made.in = linear(name + ".proj_in", channels, channels, true, !m_config.linearProjection);
    for (int64_t i = 0; i < level.transformerLayers; ++i) {
        const std::string block = fmt::format("{}.transformer_blocks.{}", name, i);
        TransformerBlock b;
        b.norm1 = norm(block + ".norm1", channels, true);
        b.qkv =
            stacked({block + ".attn1.to_q", block + ".attn1.to_k", block + ".attn1.to_v"}, channels, channels, false);
        b.selfOut = linear(block + ".attn1.to_out.0", channels, channels, true);
        b.norm2 = norm(block + ".norm2", channels, true);
        b.query = linear(block + ".attn2.to_q", channels, channels, false);
        b.keyValue = stacked({block + ".attn2.to_k", block + ".attn2.to_v"}, text, channels, false);
        b.crossOut = linear(block + ".attn2.to_out.0", channels, channels, true);
        b.norm3 = norm(block + ".norm3", channels, true);
        b.gate = linear(block + ".ff.net.0.proj", channels, 8 * channels, true);
        b.feed = linear(block + ".ff.net.2", 4 * channels, channels, true);
        made.blocks.push_back(std::move(b));
    }
    made.out = linear(name + ".proj_out", channels, channels, true, !m_config.linearProjection);
    return made;
}

Attention Assembler::attention(const std::string& name, const Level& level) {
    Attention made;
    made.heads = level.heads;
    if (m_config.contextWidth)
        made.transformer = transformer(name, level);
    else
        made.plain = plainAttention(name, level);
    return made;
}

DeviceTensor Assembler::frequencies(int64_t count) const {
    if (!m_loader) return {};
    // Rounded to fp32 step by step, as the networks were trained.
    std::vector<float> rates;
    for (int64_t i = 0; i < count; ++i) {
        const float scaled = -static_cast<float>(std::log(10000.0)) * static_cast<float>(i);
        const float exponent = scaled / static_cast<float>(static_cast<double>(count) - m_config.frequencyShift);
        rates.push_back(static_cast<float>(std::exp(static_cast<double>(exponent))));
    }
    return m_loader->backend().tensorFrom({count}, rates);
}

DeviceTensor Assembler::classes() const {
    DeviceTensor stored = m_loader->tensor("class_embedding.weight", {m_config.classRows, m_config.timeWidth});
    if (m_config.nullClass) return stored;
    // A network that never learned "no class" adds nothing to its time then.
    HostTensor rows = m_loader->backend().fetch(stored);
    rows.data.resize(rows.data.size() + static_cast<size_t>(m_config.timeWidth));
    return m_loader->backend().tensorFrom({m_config.classRows + 1, m_config.timeWidth}, rows.data);
}

Network Assembler::assemble() {
    Network net;
    int64_t channels = m_config.down.front().channels;
    net.frequencies = frequencies(channels / 2);
    net.time1 = linear("time_embedding.linear_1", channels, m_config.timeWidth, true);
    net.time2 = linear("time_embedding.linear_2", m_config.timeWidth, m_config.timeWidth, true);
    if (m_config.classRows) {
        m_tensors.push_back({"class_embedding.weight", {m_config.classRows, m_config.timeWidth}});
        if (m_loader) net.classes = classes();
    }
    if (m_config.addedWidth) {
        net.addedFrequencies = frequencies(m_config.idWaves / 2);
        net.added1 = linear("add_embedding.linear_1", m_config.addedWidth, m_config.timeWidth, true);
        net.added2 = linear("add_embedding.linear_2", m_config.timeWidth, m_config.timeWidth, true);
    }
    net.in = conv("conv_in", m_config.channels, channels);

    std::vector<int64_t> skips{channels};  // channels of what the way up gets back, last in first out
    const auto stage = [&](const std::string& at, int64_t number, int64_t in, const Level& level) {
        Stage made;
        made.resnet = resnet(fmt::format("{}.resnets.{}", at, number), in, level.channels);
        if (level.attends) made.attention = attention(fmt::format("{}.attentions.{}", at, number), level);
        channels = level.channels;
        return made;
    };
    for (int64_t i = 0; i < m_config.levels(); ++i) {
        const Level& level = m_config.down[static_cast<size_t>(i)];
        const std::string at = fmt::format("down_blocks.{}", i);
        LevelWeights weights;
        for (int64_t n = 0; n < m_config.layers; ++n) {
            weights.stages.push_back(stage(at, n, channels, level));
            skips.push_back(channels);
        }
        if (i + 1 < m_config.levels()) {
            weights.resample = conv(at + ".downsamplers.0.conv", channels, channels);
            skips.push_back(channels);
        }
        net.down.push_back(std::move(weights));
    }
    if (m_config.middle) {
        Level plain = m_config.deepest;
        net.middle.push_back(stage("mid_block", 0, channels, plain));
        plain.attends = false;
        net.middle.push_back(stage("mid_block", 1, channels, plain));
    }
    for (int64_t i = 0; i < m_config.levels(); ++i) {
        const Level& level = m_config.up[static_cast<size_t>(i)];
        const std::string at = fmt::format("up_blocks.{}", i);
        LevelWeights weights;
        for (int64_t n = 0; n <= m_config.layers; ++n, skips.pop_back())
            weights.stages.push_back(stage(at, n, channels + skips.back(), level));
        if (i + 1 < m_config.levels()) weights.resample = conv(at + ".upsamplers.0.conv", channels, channels);
        net.up.push_back(std::move(weights));
    }
    net.normOut = norm("conv_norm_out", channels);
    net.out = conv("conv_out", channels, m_config.channels);
    return net;
}

}  // namespace moescope::unet
