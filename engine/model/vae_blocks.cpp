// SPDX-License-Identifier: Apache-2.0
#include "engine/model/vae_blocks.h"

#include <utility>

namespace moescope::vae {
namespace {

constexpr float kEps = 1e-6f;  // of every group norm in this layout

}  // namespace

void BlockRunner::normalise(const NormLayer& norm, MsActivation activation, const DeviceTensor& x, DeviceTensor& out) {
    m_backend.check(m_backend.table().group_norm(m_backend.context(), x.get(), m_groups, kEps, norm.weight.get(),
                                                 norm.bias.get(), activation, out.get()));
}

void BlockRunner::convInto(const ConvLayer& layer, const Picture& x, Resample resample, Picture& out) {
    MsConvDesc desc{sizeof(MsConvDesc)};
    desc.height = x.height;
    desc.width = x.width;
    desc.kernel = layer.kernel;
    desc.stride = resample == Resample::Down ? 2 : 1;
    desc.upsample = resample == Resample::Up ? 2 : 1;
    const int64_t pad = layer.kernel / 2;
    desc.padBottom = desc.padRight = pad;
    desc.padTop = desc.padLeft =
        resample == Resample::Down ? 0 : pad;  // the encoder halves with a border on two sides only
    desc.stripRows = m_stripRows;
    m_backend.check(
        m_backend.table().conv2d(m_backend.context(), x.pixels.get(), layer.weights.get(), &desc, out.pixels.get()));
}

void BlockRunner::add(DeviceTensor& x, const DeviceTensor& y) {
    m_backend.check(m_backend.table().add(m_backend.context(), x.get(), y.get(), x.get()));
}

Picture BlockRunner::conv(const ConvLayer& layer, const Picture& x, Resample resample) {
    Picture out;
    out.height = resample == Resample::Up ? x.height * 2 : resample == Resample::Down ? x.height / 2 : x.height;
    out.width = resample == Resample::Up ? x.width * 2 : resample == Resample::Down ? x.width / 2 : x.width;
    out.pixels = m_backend.tensor({out.height * out.width, layer.weights.out()});
    convInto(layer, x, resample, out);
    return out;
}

Picture BlockRunner::resnet(const ResnetBlock& block, Picture x) {
    const auto finish = [&](Picture& hidden, Picture& last) {
        normalise(block.norm2, MS_ACT_SILU, hidden.pixels, hidden.pixels);
        convInto(block.conv2, hidden, Resample::None, last);
    };
    if (block.shortcut) {
        // The shortcut is taken first, so that the norm may overwrite the (wider) input.
        Picture residual = conv(*block.shortcut, x);
        normalise(block.norm1, MS_ACT_SILU, x.pixels, x.pixels);
        Picture hidden = conv(block.conv1, x);
        x = {};
        Picture last{m_backend.tensor(hidden.pixels.shape()), hidden.height, hidden.width};
        finish(hidden, last);
        add(residual.pixels, last.pixels);
        return residual;
    }
    Picture normed{m_backend.tensor(x.pixels.shape()), x.height, x.width};
    normalise(block.norm1, MS_ACT_SILU, x.pixels, normed.pixels);
    Picture hidden = conv(block.conv1, normed);
    finish(hidden, normed);  // the first norm's memory takes the second convolution's output
    add(x.pixels, normed.pixels);
    return x;
}

Picture BlockRunner::attention(const AttentionBlock& block, Picture x) {
    const int64_t pixels = x.pixels.dim(0), channels = x.channels();
    DeviceTensor rows = m_backend.tensor({pixels, channels});
    normalise(block.norm, MS_ACT_NONE, x.pixels, rows);
    DeviceTensor qkv = m_backend.tensor({pixels, 3 * channels});
    const MsBackendTable& table = m_backend.table();
    m_backend.check(table.linear(m_backend.context(), rows.get(), block.qkv.get(), MS_ACT_NONE, qkv.get()));
    MsAttentionDesc desc{sizeof(MsAttentionDesc)};
    desc.samples = 1;
    desc.heads = 1;
    desc.rope = MS_ROPE_NONE;
    m_backend.check(table.attention(m_backend.context(), qkv.get(), &desc, rows.get()));
    qkv = {};
    DeviceTensor out = m_backend.tensor({pixels, channels});
    m_backend.check(table.linear(m_backend.context(), rows.get(), block.out.get(), MS_ACT_NONE, out.get()));
    add(x.pixels, out);
    return x;
}

Picture BlockRunner::output(const NormLayer& norm, const ConvLayer& layer, Picture x) {
    normalise(norm, MS_ACT_SILU, x.pixels, x.pixels);
    return conv(layer, x);
}

}  // namespace moescope::vae
