// SPDX-License-Identifier: Apache-2.0
// What a checkpoint says about itself before a single weight is read: family, shape, counts, defaults, tensors it must hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/host_tensor.h"
#include "engine/trace/routing_trace.h"

namespace moescope {

/// Token-choice mixture with sigmoid affinities (DeepSeek style).
struct MoeConfig {
    int64_t experts = 0, topK = 0;
    int64_t expertWidth = 0;
    int64_t sharedWidth = 0;  // 0: no shared expert; the layer's input is added instead
    int64_t groups = 1, keptGroups = 1;
    double scale = 1;
};

/// Shape of a diffusion transformer of one of the adaLN families. Sizes in tokens, channels and pixels (or latent pixels).
struct TransformerConfig {
    int64_t width = 0, depth = 0, heads = 0, headWidth = 0;
    int64_t patch = 0, grid = 0;            // tokens per side; input side = patch * grid
    int64_t inChannels = 0, outChannels = 0;
    int64_t classes = 0;                    // without the null class, whose index is `classes`
    int64_t waves = 256;                    // width of the timestep sinusoid
    int64_t denseWidth = 0;                 // inner width of dense feed-forward layers (0: there is none)
    int64_t bottleneck = 0;                 // JiT patch embedding; 0 elsewhere
    int64_t contextTokens = 0, contextStart = 0;  // JiT class tokens, prepended before this block
    std::vector<int> moeBlocks;
    MoeConfig moe;

    int64_t inputSide() const { return patch * grid; }
    int64_t imageTokens() const { return grid * grid; }
    bool isMoe(int block) const;
};

enum class Prediction : uint8_t { Velocity, CleanImage };
enum class SamplerKind : uint8_t { Euler, Heun };
enum class PictureSpace : uint8_t { Pixels, SdLatent };

/// What a run uses unless the person says otherwise.
struct SamplingDefaults {
    SamplerKind sampler = SamplerKind::Euler;
    int steps = 50;
    double cfgScale = 1.5;
    double cfgLow = 0, cfgHigh = 1;
    double noiseScale = 1;
    double tEps = 0.05;  // smallest 1 - t that a clean-image prediction is divided by
};

/// A tensor that the model needs, by its name inside the weight set.
struct ExpectedTensor {
    enum class Role : uint8_t { Learned, Buffer /* not counted as parameter */, OptionalBuffer };
    std::string name;
    Shape shape;
    Role role = Role::Learned;
    bool routedExpert = false;  // belongs to one of E routed experts
};

/// A setting that the tensors' shapes can not give, and where its value came from ("config_2026.yaml", "released size S-E48").
struct SettingSource {
    std::string setting, value, source;
};

struct ModelDescription {
    std::string family;    // "DSMoE", "JiTMoE", "JiT"
    std::string sizeName;  // "DSMoE-S-E48", or "" when it equals no released size
    TransformerConfig config;
    PictureSpace space = PictureSpace::Pixels;
    Prediction prediction = Prediction::Velocity;
    SamplingDefaults defaults;
    std::vector<ExpectedTensor> tensors;
    std::vector<MoeLayerDescriptor> moeLayers;
    std::vector<SettingSource> settings;
    std::vector<std::string> unknownSettings;  // needed, but nowhere to be found; the model can not run without them

    /// Learned values; buffers and frozen position tables are not counted.
    int64_t totalParameters() const;
    /// Total minus, per MoE layer, the routed experts beyond top-k.
    int64_t activeParameters() const;
    /// Bytes of the weights packed for the CPU at the given bytes per weight, padding included.
    int64_t packedBytes(int64_t bytesPerWeight) const;
};

std::string_view samplerName(SamplerKind sampler);
std::optional<SamplerKind> samplerFromName(std::string_view name);

}  // namespace moescope
