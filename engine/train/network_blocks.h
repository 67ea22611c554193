// SPDX-License-Identifier: Apache-2.0
// One adaLN-zero block in training: its places in the flat parameters, what its forward keeps, and its backward.
//   x += gate1 * attention(modulate(norm(x), shift1, scale1));  x += gate2 * ffn(modulate(norm(x), shift2, scale2))
#pragma once

#include <optional>
#include <string>

#include "engine/train/memory_plan.h"
#include "engine/train/parameter_layout.h"

namespace moescope::train {

/// Offsets of a linear layer; bias -1: none.
struct LinearPlace {
    int64_t weight = -1, bias = -1;
    int64_t in = 0, out = 0;
};

/// What the families of adaLN transformers differ in, read off the tensors that a description lists.
struct NetworkStyle {
    NormKind norm = NormKind::Layer;
    bool queryKeyNorm = false;
    RopeKind rope = RopeKind::None;
    bool gatedDense = false;     // dense feed-forward layers: silu(gate) * up, else silu
    bool biasedExperts = false;
    bool stackedInput = false;   // an expert's input weights are one tensor (w12), else gate_proj and up_proj
};

/// Shapes that all blocks share, and the style. `tokens` of a block include the leading ones where they have joined.
struct NetworkShape {
    TransformerConfig config;
    NetworkStyle style;
    int64_t keyHeads = 0;
    RoutingGradient routingGradient = RoutingGradient::Chosen;
};

/// Temporary gradients of one block, shared by all.
struct BlockScratch {
    float *branch = nullptr, *normed = nullptr, *attended = nullptr, *qkv = nullptr, *hidden = nullptr, *inner = nullptr,
          *modulation = nullptr;
};

/// What a block's forward keeps for its backward.
struct BlockSaved {
    float *modulation = nullptr, *normed1 = nullptr, *rowScale1 = nullptr, *mean1 = nullptr, *qkv = nullptr, *attention = nullptr,
          *attended = nullptr, *branch1 = nullptr, *middle = nullptr, *normed2 = nullptr, *rowScale2 = nullptr, *mean2 = nullptr,
          *hidden = nullptr, *inner = nullptr, *branch2 = nullptr;
    MoeSaved moe;
};

/// Data common to a pass over all blocks.
struct BlockPass {
    TrainingDevice& device;
    const NetworkShape& shape;
    const float* values;      // parameters
    const float* activated;   // [samples, D] silu(condition)
    RopeAngles angles;
    int64_t samples;
};

class TrainingBlock {
public:
    TrainingBlock(const ParameterLayout& layout, const NetworkShape& shape, int index, int64_t samples, int64_t tokens, int64_t leadTokens);

    int index() const { return m_index; }
    int64_t rows() const { return m_samples * m_tokens; }
    bool sparse() const { return m_moe.experts > 0; }
    void planSaved(const TrainingDevice& device, MemoryPlan& plan, BlockSaved& saved, bool withRouting) const;
    /// Decisions only: kept for every block even where activations are computed again.
    void planRouting(MemoryPlan& plan, BlockSaved& saved) const;
    void planScratch(MemoryPlan& plan, BlockScratch& scratch) const;
    int64_t deviceScratch(const TrainingDevice& device) const;

    void forward(const BlockPass& pass, const float* x, const BlockSaved& saved, float* y) const;
    /// dx holds the gradient of the output and leaves with that of the input; dActivated is added to.
    RouterLossValues backward(const BlockPass& pass, const float* x, const BlockSaved& saved, const BlockScratch& scratch,
                              const RouterLosses& losses, float lossScale, float* dx, float* dActivated, float* gradients) const;
    const MoeShape& moe() const { return m_moe; }
    const LinearPlace& routerPlace() const { return m_router; }

private:
    NormShape normShape() const;
    AttentionShape attentionShape() const;
    template <class Float>
    MoeParameters<Float> moeParameters(Float* base) const;
    void feedForward(const BlockPass& pass, const BlockSaved& saved) const;
    RouterLossValues feedForwardBackward(const BlockPass& pass, const BlockSaved& saved, const BlockScratch& scratch,
                                         const RouterLosses& losses, float lossScale, float* gradients) const;

    const NetworkShape& m_shape;
    int m_index;
    int64_t m_samples, m_tokens, m_leadTokens;
    int64_t m_norm1 = -1, m_norm2 = -1, m_queryNorm = -1, m_keyNorm = -1, m_selectionBias = -1;
    LinearPlace m_modulation, m_qkv, m_proj, m_denseIn, m_denseOut, m_router;
    MoeShape m_moe;
    struct {
        int64_t in = -1, inBias = -1, out = -1, outBias = -1, sharedIn = -1, sharedInBias = -1, sharedOut = -1, sharedOutBias = -1;
    } m_experts;
};

/// Place of `name`.weight and, where there is one, `name`.bias.
LinearPlace linearPlace(const ParameterLayout& layout, const std::string& name, int64_t in, int64_t out);
inline const float* at(const float* base, int64_t offset) { return offset < 0 ? nullptr : base + offset; }
inline float* at(float* base, int64_t offset) { return offset < 0 ? nullptr : base + offset; }
void linearForward(TrainingDevice& device, const LinearPlace& place, int64_t rows, const float* values, const float* x, float* y);
/// dx null: not wanted.
void linearBackward(TrainingDevice& device, const LinearPlace& place, int64_t rows, const float* values, const float* x, const float* dy,
                    float* dx, bool addToInput, float* gradients);

}  // namespace moescope::train
