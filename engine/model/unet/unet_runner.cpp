// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/unet_runner.h"

#include <utility>

namespace moescope::unet {
namespace {

constexpr double kTransformerNormEps =
    1e-6;  // of the group norm in front of transformer blocks, whatever the config says
constexpr float kLayerNormEps = 1e-5f;

}  // namespace

void Runner::normalise(const Norm& norm, int64_t groups, double eps, MsActivation activation, const Picture& x,
                       Picture& out) {
    m_backend.check(m_backend.table().group_norm(m_backend.context(), x.pixels.get(), groups, static_cast<float>(eps),
                                                 norm.weight.get(), norm.bias.get(), activation, out.pixels.get()));
}

void Runner::layerNorm(const Norm& norm, const Lease& x, Lease& out) {
    // The bias is a shift that all samples share.
    m_backend.check(m_backend.table().modulated_norm(m_backend.context(), x.get(), MS_NORM_LAYER, kLayerNormEps,
                                                     norm.weight.get(), norm.bias.get(), 0, -1, out.get()));
}

void Runner::linear(const PackedLinear& weights, const DeviceTensor& x, const DeviceTensor& out) {
    m_backend.check(m_backend.table().linear(m_backend.context(), x.get(), weights.get(), MS_ACT_NONE, out.get()));
}

void Runner::add(const Lease& x, const Lease& y) {
    m_backend.check(m_backend.table().add(m_backend.context(), x.get(), y.get(), x.get()));
}

Picture Runner::conv(const Conv& layer, const Picture& x, Resample resample) {
    Picture out = made(resample == Resample::Up     ? x.side * 2
                       : resample == Resample::Down ? x.side / 2
                                                    : x.side,
                       layer.weights.out());
    MsConvDesc desc{};
    desc.size = sizeof(MsConvDesc);
    desc.height = desc.width = x.side;
    desc.kernel = 3;
    desc.stride = resample == Resample::Down ? 2 : 1;
    desc.upsample = resample == Resample::Up ? 2 : 1;
    desc.padTop = desc.padLeft = resample == Resample::Down && !m_config.padDownBothSides ? 0 : 1;
    desc.padBottom = desc.padRight = 1;
    desc.samples = m_samples;
    m_backend.check(
        m_backend.table().conv2d(m_backend.context(), x.pixels.get(), layer.weights.get(), &desc, out.pixels.get()));
    return out;
}

Picture Runner::resnet(const Resnet& block, const Picture& x) {
    Picture normed = made(x.side, x.channels());
    normalise(block.norm1, m_config.groups, m_config.eps, MS_ACT_SILU, x, normed);
    Picture hidden = conv(block.conv1, normed);
    normed = {};
    const Lease time = m_pool.take({m_samples, hidden.channels()});
    linear(block.time, m_time, *time);
    m_backend.check(m_backend.table().add_per_sample(m_backend.context(), hidden.pixels.get(), time.get()));
    normalise(block.norm2, m_config.groups, m_config.eps, MS_ACT_SILU, hidden, hidden);
    Picture out = conv(block.conv2, hidden);
    if (block.shortcut.empty()) {
        add(out.pixels, x.pixels);
        return out;
    }
    linear(block.shortcut, *x.pixels, *hidden.pixels);
    add(out.pixels, hidden.pixels);
    return out;
}

void Runner::selfAttention(const Lease& qkv, int64_t heads, Lease& out) {
    MsAttentionDesc desc{};
    desc.size = sizeof(MsAttentionDesc);
    desc.samples = m_samples;
    desc.heads = heads;
    desc.rope = MS_ROPE_NONE;
    m_backend.check(m_backend.table().attention(m_backend.context(), qkv.get(), &desc, out.get()));
}

Picture Runner::attention(const PlainAttention& block, int64_t heads, Picture x) {
    Picture normed = made(x.side, x.channels());
    normalise(block.norm, block.groups, m_config.eps, MS_ACT_NONE, x, normed);
    Lease qkv = tokens(x.side, 3 * x.channels()), attended = tokens(x.side, x.channels());
    linear(block.qkv, *normed.pixels, *qkv);
    selfAttention(qkv, heads, attended);
    linear(block.out, *attended, *normed.pixels);
    add(x.pixels, normed.pixels);
    return x;
}

void Runner::transformerBlock(const TransformerBlock& block, int64_t heads, Lease& x) {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const int64_t rows = x->dim(0), width = x->dim(1);
    Lease normed = m_pool.take({rows, width}), attended = m_pool.take({rows, width});
    layerNorm(block.norm1, x, normed);
    {
        const Lease qkv = m_pool.take({rows, 3 * width});
        linear(block.qkv, *normed, *qkv);
        selfAttention(qkv, heads, attended);
    }
    linear(block.selfOut, *attended, *normed);
    add(x, normed);

    layerNorm(block.norm2, x, normed);
    {
        const Lease query = m_pool.take({rows, width}), keyValue = m_pool.take({m_context->dim(0), 2 * width});
        linear(block.query, *normed, *query);
        linear(block.keyValue, *m_context, *keyValue);
        m_backend.check(ops.cross_attention(context, query.get(), keyValue.get(), m_samples, heads, attended.get()));
    }
    linear(block.crossOut, *attended, *normed);
    add(x, normed);

    layerNorm(block.norm3, x, normed);
    const Lease hidden = m_pool.take({rows, block.feed.in()});
    {
        const Lease gated = m_pool.take({rows, block.gate.out()});
        linear(block.gate, *normed, *gated);
        m_backend.check(ops.geglu(context, gated.get(), hidden.get()));
    }
    linear(block.feed, *hidden, *normed);
    add(x, normed);
}

Picture Runner::transformer(const Transformer& block, int64_t heads, Picture x) {
    Picture normed = made(x.side, x.channels());
    normalise(block.norm, m_config.groups, kTransformerNormEps, MS_ACT_NONE, x, normed);
    Lease hidden = tokens(x.side, x.channels());
    linear(block.in, *normed.pixels, *hidden);
    for (const TransformerBlock& inner : block.blocks) transformerBlock(inner, heads, hidden);
    linear(block.out, *hidden, *normed.pixels);
    add(x.pixels, normed.pixels);
    return x;
}

Picture Runner::stage(const Stage& stage, const Picture& x) {
    Picture out = resnet(stage.resnet, x);
    if (!stage.attention) return out;
    const Attention& attends = *stage.attention;
    return attends.plain ? attention(*attends.plain, attends.heads, std::move(out))
                         : transformer(*attends.transformer, attends.heads, std::move(out));
}

Picture Runner::joined(const Picture& a, const Picture& b) {
    Picture out = made(a.side, a.channels() + b.channels());
    m_backend.check(
        m_backend.table().concat_columns(m_backend.context(), a.pixels.get(), b.pixels.get(), out.pixels.get()));
    return out;
}

Picture Runner::output(const Norm& norm, const Conv& layer, Picture x) {
    normalise(norm, m_config.groups, m_config.eps, MS_ACT_SILU, x, x);
    return conv(layer, x);
}

}  // namespace moescope::unet
