// SPDX-License-Identifier: Apache-2.0
// The parts of a U-Net with their packed weights, and the walk over all of them that knows their names and shapes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/model/unet/unet_config.h"
#include "engine/model/weight_loader.h"

namespace moescope::unet {

struct Conv {
    PackedLinear weights;  // 3x3, columns (ky, kx, c)
};

struct Norm {
    DeviceTensor weight;  // [C]
    DeviceTensor bias;    // [C]; of a LayerNorm [1, C]
};

/// x + conv2(norm2(conv1(norm1(x)) + time)), SiLU behind both norms (arXiv 2006.11239, appendix B).
struct Resnet {
    Norm norm1, norm2;
    Conv conv1, conv2;
    PackedLinear time;      // timeWidth -> channels
    PackedLinear shortcut;  // empty where the number of channels stays
};

struct PlainAttention {
    int64_t groups = 1;
    Norm norm;
    PackedLinear qkv, out;
};

/// Self-attention, cross-attention and a gated feed-forward layer, each behind a LayerNorm.
struct TransformerBlock {
    Norm norm1, norm2, norm3;
    PackedLinear qkv, selfOut;
    PackedLinear query, keyValue, crossOut;
    PackedLinear gate, feed;
};

struct Transformer {
    Norm norm;
    PackedLinear in, out;
    std::vector<TransformerBlock> blocks;
};

struct Attention {
    int64_t heads = 1;
    std::optional<PlainAttention> plain;
    std::optional<Transformer> transformer;
};

struct Stage {
    Resnet resnet;
    std::optional<Attention> attention;
};

struct LevelWeights {
    std::vector<Stage> stages;
    std::optional<Conv> resample;  // none on the last level of each way
};

struct Network {
    DeviceTensor frequencies;  // of the time's waves
    PackedLinear time1, time2;
    DeviceTensor classes;           // [rows, timeWidth], the last one for "no class"; empty: no classes
    DeviceTensor addedFrequencies;  // of the waves of time ids
    PackedLinear added1, added2;
    Conv in;
    std::vector<LevelWeights> down, up;
    std::vector<Stage>
        middle;  // the first with attention where the middle attends, then a second resnet; empty: no middle
    Norm normOut;
    Conv out;
};

/// Walks a network in the order in which it runs. Without a loader it only lists the tensors; with one it packs them as
/// well and throws EngineException where a tensor can not be used.
class Assembler {
public:
    explicit Assembler(const Config& config, WeightLoader* loader = nullptr) : m_config(config), m_loader(loader) {}

    Network assemble();
    const std::vector<ExpectedTensor>& tensors() const { return m_tensors; }
    uint64_t packedBytes() const { return m_bytes; }

private:
    Conv conv(const std::string& name, int64_t in, int64_t out);
    Norm norm(const std::string& name, int64_t channels, bool asRow = false);
    /// `trailingOnes`: stored as a 1x1 convolution.
    PackedLinear linear(const std::string& name, int64_t in, int64_t out, bool bias, bool trailingOnes = false);
    /// Rows of several matrices in -> each, one below the other.
    PackedLinear stacked(const std::vector<std::string>& names, int64_t in, int64_t each, bool bias);
    Resnet resnet(const std::string& name, int64_t in, int64_t out);
    Attention attention(const std::string& name, const Level& level);
    Transformer transformer(const std::string& name, const Level& level);
    PlainAttention plainAttention(const std::string& name, const Level& level);
    DeviceTensor frequencies(int64_t count) const;
    DeviceTensor classes() const;
    PackedLinear counted(PackedLinear made);

    const Config& m_config;
    WeightLoader* m_loader;
    std::vector<ExpectedTensor> m_tensors;
    uint64_t m_bytes = 0;
};

}  // namespace moescope::unet
