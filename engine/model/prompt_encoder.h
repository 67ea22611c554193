// SPDX-License-Identifier: Apache-2.0
// The part of a network that reads prompts: pieces of words in, text tokens and one pooled vector out.
//   x = embedding[ids] + positions
//   each layer: x += proj(attention(qkv(norm1(x))));  x += w3(gated(w12(norm2(x))))
//   tokens = norm(x);  pooled = W mean(tokens of the prompt's pieces) + b
// Attention has no rotation and no mask: the empty places of a short prompt hold a piece of their own (kPadPiece),
// learned like the others. The mean leaves them out; an empty prompt counts its first place.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/model/denoiser.h"
#include "engine/model/weight_loader.h"

namespace moescope {

/// Pieces, places, layers and widths by the tensors below `prompt_encoder.`, and the vocabulary. Errors (Format,
/// Numeric) as sentences.
Result<PromptConfig> readPromptConfig(const WeightView& view);

/// The encoder's tensors, for a description whose `prompt` and `config` are set. The vocabulary is among them: its
/// bytes as numbers 0 to 255 of any element type.
void expectPromptTensors(ModelDescription& description);

/// The values of the tensor `prompt_encoder.vocabulary`.
std::vector<float> vocabularyValues(const PromptTokenizer& tokenizer);

/// Const after loading.
class PromptEncoder {
public:
    /// Throws EngineException.
    PromptEncoder(WeightLoader& loader, const ModelDescription& description);

    uint64_t packedBytes() const;
    /// One prompt per sample. Throws EngineException.
    void encode(std::span<const std::string> prompts, int64_t imageTokens, PromptStates& into) const;

private:
    struct Layer {
        DeviceTensor norm1, norm2;
        PackedLinear qkv, proj, in, out;
    };
    /// [prompts L, D]
    HostTensor tokensOf(std::span<const int32_t> ids, int64_t prompts) const;

    Backend& m_backend;
    PromptConfig m_config;
    int64_t m_places, m_width, m_heads;
    DeviceTensor m_embedding, m_positions, m_norm;
    std::vector<Layer> m_layers;
    PackedLinear m_pooled;
};

}  // namespace moescope
