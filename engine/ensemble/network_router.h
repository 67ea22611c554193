// SPDX-License-Identifier: Apache-2.0
// Routers over whole networks: one logit per network from the prompt, the time and the noisy picture, and weights from
// logits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

struct PromptFeatures;

/// What a router is told of one sample.
struct RouterInput {
    std::span<const float> prompt;   // [promptWidth] prompt embedding; empty where the router asks for none
    std::string_view words;          // the prompt as typed
    float flowTime = 0;              // 0 noise, 1 data
    std::span<const float> picture;  // pictureFeatures() of the noisy picture; empty where the router asks for none
};

/// Const after loading and safe to ask from several threads. A logit depends on the input and on the network's own row
/// only, by sums of a fixed order: one network more or less changes no bit of the others' logits.
class NetworkRouter {
public:
    virtual ~NetworkRouter() = default;
    virtual int64_t experts() const = 0;
    /// 0: asks for no prompt embedding.
    virtual int64_t promptWidth() const = 0;
    /// How the prompt embedding is made of the words; null where the router asks for none, or for the one of a text
    /// encoder.
    virtual const PromptFeatures* promptFeatures() const = 0;
    /// Cells per side over which pictureFeatures() are pooled; 0: asks for no picture.
    virtual int64_t pictureGrid() const = 0;
    /// Channels of the pictures it was made for; 0: asks for no picture.
    virtual int64_t pictureChannels() const = 0;
    bool needsPicture() const { return pictureGrid() > 0; }
    /// `out` [experts]; minus infinity: the network gets no weight. Throws EngineException where a width does not fit
    /// or a number is not finite.
    virtual void logits(const RouterInput& input, std::span<float> out) const = 0;
};

/// Softmax over the `topK` largest logits, 0 elsewhere: weights [experts]. Of equal logits the lower index is taken.
/// Throws EngineException where topK is not within 1 .. experts, a logit is NaN or plus infinity, or all are minus
/// infinity.
std::vector<float> blendWeights(std::span<const float> logits, int64_t topK);

/// Numbers that a person gave, scaled to sum 1. Throws EngineException for negative or non-finite ones and for all
/// zeros.
std::vector<float> manualWeights(std::span<const float> weights);

/// The router that the `router` section of an ensemble file describes. Files named there are relative to `folder`.
/// Errors say what the section, or the file, should hold and what it holds.
Result<std::unique_ptr<NetworkRouter>> loadRouter(const nlohmann::json& routerSection,
                                                  const std::filesystem::path& folder,
                                                  std::span<const std::string> expertNames);

}  // namespace moescope
