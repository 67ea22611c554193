// SPDX-License-Identifier: Apache-2.0
// What the transformers over VAE latents share: patches cut by one convolution, a stored table of positions where there is
// one, and how all of it is read from a file's shapes.
#pragma once

#include "engine/model/adaln_transformer.h"
#include "engine/model/family.h"

namespace moescope {

class LatentTransformer : public AdalnTransformer {
protected:
    /// Loads x_embedder.proj and, where `positions`, pos_embed.
    LatentTransformer(Backend& backend, WeightLoader& loader, const ModelDescription& description, bool positions);

    void embed(Workspace& work) const override;

private:
    PackedLinear m_patch;
    DeviceTensor m_positions;  // [imageTokens, D] or empty
};

/// Fills width, channels, patch, classes, waves, depth and grid (from pos_embed, else the setting input_size) of a description
/// whose family is set; a sentence where the tensors are not such a transformer's.
Status readLatentShape(const WeightView& view, SettingBag& settings, ModelDescription& description);

/// The patch embedding and, where `positions`, the stored table.
void expectLatentEmbedding(ModelDescription& description, bool positions);
/// `<name>.weight` and, where `bias`, `<name>.bias` of one or of several routed experts' layers.
void expectLinear(ModelDescription& description, const std::string& name, int64_t out, int64_t in, bool bias, bool routed = false);

/// Description of a released size before its family's particulars: latents of 4 channels, outputs of 8, dense layers 4 D wide.
ModelDescription releasedLatent(const ReleasedSize& size);

}  // namespace moescope
