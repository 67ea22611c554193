// SPDX-License-Identifier: Apache-2.0
// Diffusion transformer with adaLN-zero blocks, dense or sparse (arXiv 2212.09748 with mixtures in some blocks):
//   x += gate1 * attention(modulate(norm(x), shift1, scale1));  x += gate2 * ffn(modulate(norm(x), shift2, scale2))
// Families differ in their data (norms, positions, experts) and in how patches become tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/model/moe_naming.h"
#include "engine/model/weight_loader.h"

namespace moescope {

/// Weights of one sparse feed-forward layer; contracts of the parts in the backend table.
struct MoeWeights {
    PackedLinear router, expertIn, expertOut, sharedIn, sharedOut;
    DeviceTensor selectionBias;
    MsActivation expertActivation = MS_ACT_NONE, sharedActivation = MS_ACT_NONE;  // of plain ones; gated ones carry their own
    PackedLinear predictorIn, predictorOut;  // of capacities
    DeviceTensor thresholds;
};

struct BlockWeights {
    DeviceTensor norm1, norm2;  // RMS weights; empty for LayerNorm without parameters
    PackedLinear modulation;    // D -> 6 D
    PackedLinear qkv, proj;
    DeviceTensor queryNorm, keyNorm;          // per head; RMS norms without biases, LayerNorms with them
    DeviceTensor queryNormBias, keyNormBias;
    PackedLinear denseIn, denseOut;
    std::optional<MoeWeights> moe;
};

class AdalnTransformer : public Denoiser {
public:
    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override;
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override;
    void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                 DenoiserObserver* observer) const override;

protected:
    struct Workspace;

    AdalnTransformer(Backend& backend, ModelDescription description);

    /// Loads what all families share; `loadBlock` fills the family's parts of each block.
    void loadCommon(WeightLoader& loader);
    virtual void loadBlock(WeightLoader& loader, int block, BlockWeights& weights) = 0;
    /// The table pos_embed and the tables of rotation that the configuration asks for; `grid`: how channels pair by row and column.
    void loadPositions(WeightLoader& loader, MsRope grid);
    /// Router, routed and shared experts and what else the naming has, under `layer` ("blocks.3.mlp"). Thresholds also go into the
    /// layer's descriptor.
    MoeWeights loadMoe(WeightLoader& loader, const std::string& layer, const MoeNaming& naming);

    /// patches [samples * imageTokens, C p p] -> work.x, positions not yet added.
    virtual void embed(Workspace& work) const = 0;
    /// Adds what stands between embedding and blocks (a position table).
    virtual void addPositions(Workspace& work) const;
    /// Runs before a block (class tokens join here).
    virtual void beforeBlock(Workspace&, int /*block*/) const {}

    /// Weights of a block for as long as the reference is used; the place where blocks can be streamed from elsewhere.
    const BlockWeights& acquire(int block) const { return m_blocks[static_cast<size_t>(block)]; }

    Backend& m_backend;
    ModelDescription m_description;
    MsNorm m_norm = MS_NORM_LAYER;
    MsRope m_rope = MS_ROPE_NONE;
    MsActivation m_denseActivation = MS_ACT_NONE;  // of plain dense layers; gated ones carry their own
    std::string m_qkvName = "qkv", m_projName = "proj";
    DeviceTensor m_ropeCos, m_ropeSin;
    DeviceTensor m_positionTable;  // [imageTokens, D], added to the embedded patches; empty: none
    PackedLinear m_time1, m_time2;
    DeviceTensor m_labelTable;
    DeviceTensor m_bypassTable;  // I32 [classes + 1, 1]: 1 for the null class, where it has an expert of its own
    std::vector<BlockWeights> m_blocks;
    DeviceTensor m_finalNorm;
    PackedLinear m_finalModulation, m_finalLinear;

private:
    void runBlock(Workspace& work, int block, const Condition& condition, DenoiserObserver* observer) const;
    void runMoe(Workspace& work, const MoeWeights& moe, int block, const Condition& condition, DenoiserObserver* observer) const;
};

/// Tensors of one run. `x` is the residual stream; token-sized tensors are reshaped when class tokens join.
struct AdalnTransformer::Workspace : DenoiserWorkspace {
    const DeviceTensor& output() const override { return picture; }
    int64_t samples = 0, tokens = 0;  // tokens per sample right now
    int64_t leadTokens = 0;
    const PromptStates* prompts = nullptr;  // of the pass that runs
    DeviceTensor patches, bottleneck, x, joined, normed, qkv, attended, hidden, branch;
    DeviceTensor waves, timeHidden, timeEmbed, labelEmbed, condition, activated, modulation, finalModulation, bypass;
    DeviceTensor finalTokens, picture;
};

}  // namespace moescope
