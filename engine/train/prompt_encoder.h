// SPDX-License-Identifier: Apache-2.0
// The prompt encoder in training: forward and backward on explicit saved tensors. The network of
// engine/model/prompt_encoder.h.
#pragma once

#include <string_view>
#include <vector>

#include "engine/train/network_blocks.h"

namespace moescope::train {

/// The prompts of a pass; memory of the device.
struct PromptInput {
    const int32_t* ids = nullptr;    // [samples, L] pieces
    const float* weights = nullptr;  // [samples, L] of the mean: poolWeights
};

/// The same on the host, filled prompt by prompt.
struct PromptRows {
    std::vector<int32_t> ids;
    std::vector<float> weights;

    /// For a description with a prompt encoder. An empty text: no condition.
    void add(const ModelDescription& description, std::string_view text);
};

/// Stays in place once memory is planned. One thread.
class TrainingPromptEncoder {
public:
    TrainingPromptEncoder(const ParameterLayout& layout, const ModelDescription& description, int64_t samples);
    TrainingPromptEncoder(const TrainingPromptEncoder&) = delete;

    /// What is kept between forward and backward, and temporary gradients.
    void plan(const TrainingDevice& device, MemoryPlan& plan);
    int64_t deviceScratch(const TrainingDevice& device) const;

    void forward(TrainingDevice& device, const float* values, const PromptInput& input);
    const float* tokens() const { return m_tokens; }  // [samples L, D]
    const float* pooled() const { return m_pooled; }  // [samples, D]
    /// dTokens [samples L, D] and dPooled [samples, D] of the last forward; gradients are added to.
    void backward(TrainingDevice& device, const float* values, const PromptInput& input, const float* dTokens,
                  const float* dPooled, float* gradients);

private:
    struct Layer {
        int64_t norm1 = -1, norm2 = -1;
        LinearPlace qkv, proj, in, out;
        float *normed1 = nullptr, *scale1 = nullptr, *qkvRows = nullptr, *attention = nullptr, *attended = nullptr,
              *middle = nullptr, *normed2 = nullptr, *scale2 = nullptr, *hidden = nullptr, *inner = nullptr,
              *output = nullptr;
    };
    int64_t rows() const { return m_samples * m_places; }
    NormShape normShape() const;
    AttentionShape attentionShape() const;
    const float* inputOf(size_t layer) const { return layer == 0 ? m_embedded : m_layers[layer - 1].output; }
    void layerBackward(TrainingDevice& device, const float* values, size_t layer, float* gradients);

    int64_t m_samples, m_places, m_width, m_heads;
    int64_t m_embedding, m_positions, m_norm;
    LinearPlace m_pooledPlace;
    std::vector<Layer> m_layers;
    float *m_embedded = nullptr, *m_branch = nullptr, *m_tokens = nullptr, *m_scale = nullptr, *m_mean = nullptr,
          *m_pooled = nullptr;
    float *m_dx = nullptr, *m_dRows = nullptr, *m_dQkv = nullptr, *m_dHidden = nullptr, *m_dInner = nullptr,
          *m_dMean = nullptr;
};

}  // namespace moescope::train
