// SPDX-License-Identifier: Apache-2.0
// The parts of an AutoencoderKL: their packed weights, and how each is computed on a device.
#pragma once

#include <optional>
#include <vector>

#include "engine/backend/backend.h"

namespace moescope::vae {

struct ConvLayer {
    PackedLinear weights;  // columns (ky, kx, c)
    int64_t kernel = 1;
};

struct NormLayer {
    DeviceTensor weight, bias;  // [C]
};

struct ResnetBlock {
    NormLayer norm1, norm2;
    ConvLayer conv1, conv2;
    std::optional<ConvLayer> shortcut;  // 1x1, where the number of channels changes
};

/// One head over all pixels.
struct AttentionBlock {
    NormLayer norm;
    PackedLinear qkv;  // [3 C, C]
    PackedLinear out;
};

struct MidBlock {
    ResnetBlock first;
    std::optional<AttentionBlock> attention;
    ResnetBlock second;
};

struct Level {
    std::vector<ResnetBlock> resnets;
    std::optional<ConvLayer> resample;  // encoder: stride 2; decoder: after enlarging by 2; none on the last level
};

/// An encoder or a decoder: convIn, (levels, mid) or (mid, levels), normOut, convOut; `quant` after or before all of
/// it.
struct Tower {
    std::optional<ConvLayer> quant;
    ConvLayer convIn;
    std::vector<Level> levels;
    MidBlock mid;
    NormLayer normOut;
    ConvLayer convOut;
};

/// A picture on the device: pixels [height width, channels].
struct Picture {
    DeviceTensor pixels;
    int64_t height = 0, width = 0;
    int64_t channels() const { return pixels.dim(1); }
};

enum class Resample { None, Down, Up };

/// Computes the parts. Every function takes its input over and frees what is no longer read, so that at most three
/// pictures of one size live at a time. All statistics cover the whole picture; `stripRows` only bounds what a
/// convolution gathers.
class BlockRunner {
public:
    BlockRunner(Backend& backend, int64_t groups, int64_t stripRows)
        : m_backend(backend), m_groups(groups), m_stripRows(stripRows) {}

    Picture conv(const ConvLayer& layer, const Picture& x, Resample resample = Resample::None);
    Picture resnet(const ResnetBlock& block, Picture x);
    Picture attention(const AttentionBlock& block, Picture x);
    /// Group norm with SiLU, in place, then the convolution.
    Picture output(const NormLayer& norm, const ConvLayer& layer, Picture x);

private:
    void normalise(const NormLayer& norm, MsActivation activation, const DeviceTensor& x, DeviceTensor& out);
    void convInto(const ConvLayer& layer, const Picture& x, Resample resample, Picture& out);
    void add(DeviceTensor& x, const DeviceTensor& y);

    Backend& m_backend;
    int64_t m_groups;
    int64_t m_stripRows;
};

}  // namespace moescope::vae
