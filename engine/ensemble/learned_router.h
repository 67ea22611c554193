// SPDX-License-Identifier: Apache-2.0
// The learned router: concat(input, time features), Linear, SiLU, Linear, or the last layer alone; its file, and rows
// added to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"
#include "engine/ensemble/network_router.h"
#include "engine/ensemble/prompt_features.h"

namespace moescope {

/// Stored as a safetensors file with exactly these tensors, of any floating-point type. Where both hidden tensors are
/// missing (empty here), the hidden layer is the identity: the logits are linear in what the router sees.
struct LearnedRouterWeights {
    int64_t timeWidth = 0;    // even; 0: the time is not looked at
    HostTensor hiddenWeight;  // "hidden.weight" [hidden, input + timeWidth]
    HostTensor hiddenBias;    // "hidden.bias" [hidden]
    HostTensor outWeight;     // "out.weight" [experts, hidden]
    HostTensor outBias;       // "out.bias" [experts]

    int64_t experts() const { return outWeight.shape[0]; }
    int64_t hidden() const { return hiddenWeight.empty() ? outWeight.shape[1] : hiddenWeight.shape[0]; }
    int64_t inputWidth() const { return (hiddenWeight.empty() ? outWeight : hiddenWeight).shape[1] - timeWidth; }

    /// What the hidden layer gives for `input` [inputWidth]: [hidden], in double, sums from left to right.
    std::vector<double> hiddenValues(std::span<const float> input, float flowTime) const;
    /// [experts]; row e is outBias[e] plus the products from left to right, rounded to fp32 at the end.
    void logits(std::span<const float> input, float flowTime, std::span<float> out) const;
    /// The same router with one expert more, whose row is `weight` [hidden] and `bias`; all other numbers are copied.
    LearnedRouterWeights withRow(std::span<const float> weight, float bias) const;
};

/// width/2 cosines, then width/2 sines, of 16 t 10000^(-i / (width/2)): the frequencies in fp32. `width` even.
std::vector<float> routerTimeFeatures(float flowTime, int64_t width);

/// Refuses files with other tensors, shapes that do not fit together or to `inputWidth` and `timeWidth`, and numbers
/// that are not finite.
Result<LearnedRouterWeights> readLearnedRouter(const std::filesystem::path& file, int64_t inputWidth,
                                               int64_t timeWidth);

/// In fp32.
Status writeLearnedRouter(const std::filesystem::path& file, const LearnedRouterWeights& weights,
                          const std::map<std::string, std::string>& metadata);

/// What a learned router looks at: an embedding of the prompt or pooled features of the noisy picture.
struct RouterSight {
    int64_t promptWidth = 0;                // 0: it looks at the picture
    std::optional<PromptFeatures> hashing;  // of the prompt; nothing: a text encoder's embedding
    int64_t pictureGrid = 0, pictureChannels = 0;

    int64_t width() const;
};

std::unique_ptr<NetworkRouter> makeLearnedRouter(LearnedRouterWeights weights, const RouterSight& sight);

}  // namespace moescope
