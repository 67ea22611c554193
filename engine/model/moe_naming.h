// SPDX-License-Identifier: Apache-2.0
// How families spell the tensors of a mixture of experts: for the list of what a file must hold, and for loading it.
#pragma once

#include <string>
#include <vector>

#include "engine/backend/backend_table.h"
#include "engine/model/model_description.h"
#include "engine/model/weight_view.h"

namespace moescope {

/// Tensors of one feed-forward layer D -> inner -> D, each with ".weight" (and ".bias") behind.
struct MlpNaming {
    std::vector<std::string> in;  // their rows follow each other: {"gate_proj", "up_proj"}, {"w12"}, {"fc1"}
    std::string out;
    bool bias = false;
    MsActivation activation = MS_ACT_NONE;  // MS_ACT_NONE: gated (SwiGLU), the first half of the rows is the gate

    bool gated() const { return activation == MS_ACT_NONE; }
};

/// Bias-free SwiGLU of three matrices, as most published mixtures have it.
inline MlpNaming splitSwiglu() { return {{"gate_proj", "up_proj"}, "down_proj", false, MS_ACT_NONE}; }
/// fc1 -> tanh GELU -> fc2 with biases.
inline MlpNaming geluMlp() { return {{"fc1"}, "fc2", true, MS_ACT_GELU_TANH}; }

/// Names under a block's feed-forward layer ("blocks.3.mlp").
struct MoeNaming {
    std::string router = "gate.weight";
    std::string selectionBias;          // optional buffer [E]; "": there never is one
    std::string expert = "experts";     // expert e is "<expert>.<e>"
    std::string shared = "shared_experts";
    MlpNaming routed, sharedMlp;
    std::string predictor;              // of capacities: "<predictor>.0", SiLU, "<predictor>.2"; "": none
    std::string thresholds;             // buffer [E] that the predictor's answer is held against

    std::string expertName(const std::string& layer, int64_t expertIdx) const;
};

/// Whether a block's layer holds such a mixture, told by its router or its first expert: one of them may be missing.
bool hasMixture(const WeightView& view, const std::string& layer, const MoeNaming& naming);

/// Experts, their width and that of the shared expert into `moe`, as far as this layer's tensors tell them.
void readMixtureShape(const WeightView& view, const std::string& layer, const MoeNaming& naming, MoeConfig& moe);

/// The tensors of one feed-forward layer.
void expectMlp(std::vector<ExpectedTensor>& tensors, const std::string& name, const MlpNaming& naming, int64_t width, int64_t inner,
               bool routedExpert = false);

/// The tensors of one mixture of the description's shape.
void expectMixture(ModelDescription& description, const std::string& layer, const MoeNaming& naming);

}  // namespace moescope
