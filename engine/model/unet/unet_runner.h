// SPDX-License-Identifier: Apache-2.0
// Computes the parts of a U-Net on a device, all samples of a pass together.
#pragma once

#include "engine/model/unet/tensor_pool.h"
#include "engine/model/unet/unet_weights.h"

namespace moescope::unet {

/// The samples' pictures at one resolution: pixels as rows, [samples, side side, channels].
struct Picture {
    TensorPool::Lease pixels;
    int64_t side = 0;

    int64_t channels() const { return pixels->dim(2); }
};

enum class Resample { None, Down, Up };

/// For one pass. Pictures that are taken by reference stay as they are; those taken by value are used up. Throws
/// EngineException.
class Runner {
public:
    /// `time` [samples, timeWidth] behind its SiLU; `context` [samples T, contextWidth], or null without
    /// cross-attention.
    Runner(Backend& backend, TensorPool& pool, const Config& config, int64_t samples, const DeviceTensor& time,
           const DeviceTensor* context)
        : m_backend(backend), m_pool(pool), m_config(config), m_samples(samples), m_time(time), m_context(context) {}

    Picture conv(const Conv& layer, const Picture& x, Resample resample = Resample::None);
    Picture stage(const Stage& stage, const Picture& x);
    /// Channels of a, then of b.
    Picture joined(const Picture& a, const Picture& b);
    /// Norm, SiLU, convolution.
    Picture output(const Norm& norm, const Conv& layer, Picture x);

private:
    using Lease = TensorPool::Lease;

    Picture resnet(const Resnet& block, const Picture& x);
    Picture attention(const PlainAttention& block, int64_t heads, Picture x);
    Picture transformer(const Transformer& block, int64_t heads, Picture x);
    void transformerBlock(const TransformerBlock& block, int64_t heads, Lease& x);
    Picture made(int64_t side, int64_t channels) { return {m_pool.take({m_samples, side * side, channels}), side}; }
    /// Pixels as [samples side side, channels], the shape of tokens.
    Lease tokens(int64_t side, int64_t channels) { return m_pool.take({m_samples * side * side, channels}); }
    void normalise(const Norm& norm, int64_t groups, double eps, MsActivation activation, const Picture& x,
                   Picture& out);
    void layerNorm(const Norm& norm, const Lease& x, Lease& out);
    void linear(const PackedLinear& weights, const DeviceTensor& x, const DeviceTensor& out);
    void selfAttention(const Lease& qkv, int64_t heads, Lease& out);
    void add(const Lease& x, const Lease& y);  // x += y

    Backend& m_backend;
    TensorPool& m_pool;
    const Config& m_config;
    int64_t m_samples;
    const DeviceTensor& m_time;
    const DeviceTensor* m_context;
};

}  // namespace moescope::unet
