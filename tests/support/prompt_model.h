// SPDX-License-Identifier: GPL-3.0-or-later
// A toy network that reads prompts, with random weights, and its file.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/core/host_tensor.h"
#include "engine/model/prompt_tokenizer.h"

namespace moescope::test {

/// 8 x 8 pictures of 16 image tokens, 5 places for a prompt whose tokens join before block 1; blocks 1 and 2 are
/// sparse.
struct PromptToy {
    static constexpr int64_t kWidth = 32, kHeads = 2, kDepth = 3, kPatch = 2, kGrid = 4, kChannels = 3,
                             kBottleneck = 12, kPlaces = 5, kContextStart = 1, kExperts = 4, kTopK = 2,
                             kExpertWidth = 16, kSharedWidth = 24, kDense = 40, kWaves = 16, kPromptLayers = 2,
                             kPromptInner = 24;

    PromptToy();
    /// All learned tensors by name.
    std::map<std::string, HostTensor> tensors;
    std::shared_ptr<const PromptTokenizer> tokenizer;

    /// Writes a safetensors file with the vocabulary and the settings in it.
    void write(const std::filesystem::path& path) const;
};

}  // namespace moescope::test
