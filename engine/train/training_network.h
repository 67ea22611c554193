// SPDX-License-Identifier: Apache-2.0
// A diffusion transformer in training: forward and backward over a batch of fixed size on explicit saved tensors.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/train/prompt_encoder.h"

namespace moescope::train {

struct NetworkOptions {
    int64_t samples = 1;  // of a pass
    RoutingGradient routingGradient = RoutingGradient::Chosen;
    RouterLosses losses;
    bool checkpointing = false;  // activations inside blocks are computed a second time instead of kept
};

/// What a pass is given; memory of the device.
struct NetworkInput {
    const float* z = nullptr;         // [samples, inChannels, side, side]
    const float* t = nullptr;         // [samples] as the network receives it
    const int32_t* labels = nullptr;  // [samples]; of networks that know classes
    PromptInput prompts;              // of networks that read prompts
};

/// The router's decisions of one MoE layer in the last forward; memory of the device.
struct LayerDecisions {
    int block = 0;
    int64_t rows = 0, experts = 0, topK = 0, tokensPerSample = 0, leadTokens = 0;
    const int32_t* chosen = nullptr;   // [rows, topK] ascending
    const float* gates = nullptr;      // [rows, topK]
    const float* scores = nullptr;     // [rows, E]
    const int32_t* offsets = nullptr;  // [E + 1] pairs of each expert
};

/// One thread. Throws EngineException (Unsupported: a description that this network does not cover; device errors).
class TrainingNetwork {
public:
    TrainingNetwork(TrainingDevice& device, const ModelDescription& description, const ParameterLayout& layout, const NetworkOptions& options);

    /// Of activations, and of the device's temporary memory.
    int64_t bytes() const;
    /// Takes the memory; call once before the first pass.
    void allocate();

    /// values: all parameters (ParameterLayout). Returns [samples, outChannels, side, side], valid until the next forward.
    const float* forward(const float* values, const NetworkInput& input);
    /// Of the last forward, with the same values. gradients [learnedValues] are added to. Values of the router's losses are means over
    /// the MoE layers; each layer's gradient carries its weight times lossScale.
    RouterLossValues backward(const float* values, const float* dOutput, float lossScale, float* gradients);

    /// MoE layers in the order of the blocks.
    std::vector<LayerDecisions> decisions() const;
    int64_t outputValues() const;
    int64_t samples() const { return m_options.samples; }
    const ModelDescription& description() const { return m_description; }

private:
    void planMemory();
    BlockPass pass(const float* values) const;
    /// Rows of a sample from block `block` on.
    int64_t tokensAt(int block) const;
    bool joinsAt(int block) const { return m_shape.config.contextTokens > 0 && block == m_shape.config.contextStart; }
    float* outputOf(int block) const;
    const float* inputOf(int block) const;

    TrainingDevice& m_device;
    ModelDescription m_description;
    NetworkShape m_shape;
    NetworkOptions m_options;
    NetworkInput m_input;
    std::vector<TrainingBlock> m_blocks;
    std::optional<TrainingPromptEncoder> m_prompts;
    std::vector<BlockSaved> m_saved;
    std::vector<float*> m_outputs;  // of the blocks [rows, D]
    std::vector<BlockScratch> m_scratch;  // of each block, in the same memory
    LinearPlace m_patch, m_bottleneck, m_time1, m_time2, m_finalModulation, m_final;
    int64_t m_positions = -1, m_contextPositions = -1, m_labelTable = -1, m_finalNorm = -1;
    bool m_learnedPositions = false;
    float *m_patches = nullptr, *m_low = nullptr, *m_embedded = nullptr, *m_joined = nullptr, *m_front = nullptr;
    float *m_waves = nullptr, *m_timeHidden = nullptr, *m_timeActive = nullptr, *m_time = nullptr, *m_label = nullptr, *m_condition = nullptr,
          *m_activated = nullptr;
    float *m_imageTokens = nullptr, *m_finalMods = nullptr, *m_finalNormed = nullptr, *m_finalScale = nullptr, *m_finalMean = nullptr,
          *m_finalTokens = nullptr, *m_picture = nullptr;
    float *m_dFinalTokens = nullptr, *m_dFinalNormed = nullptr, *m_dx = nullptr, *m_dTokens = nullptr, *m_dFront = nullptr, *m_dActivated = nullptr, *m_dLabel = nullptr,
          *m_dTime = nullptr, *m_dLow = nullptr, *m_dFinalMods = nullptr;
    float *m_ropeCos = nullptr, *m_ropeSin = nullptr;
    MemoryPlan m_plan;
    std::unique_ptr<MemoryBlock> m_memory;
};

/// The style that the tensors of a description show. Throws EngineException (Unsupported) for networks that are none of ours to train.
NetworkStyle styleOf(const ModelDescription& description, const ParameterLayout& layout);

}  // namespace moescope::train
