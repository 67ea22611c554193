// SPDX-License-Identifier: Apache-2.0
// What a run tells a mixture of networks besides classes: the prompt, and what the person changed.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/host_tensor.h"
#include "engine/trace/network_edits.h"

namespace moescope {

/// Const during a run. Other networks do not look at it.
struct NetworkRequest {
    std::string words;          // the prompt as typed
    std::string negativeWords;  // what the unconditional branch is given; usually empty
    HostTensor prompts;         // [images, P] prompt embeddings; empty: made of the words
    HostTensor nullPrompt;      // [P], where `prompts` are given
    NetworkEdits edits;
};

}  // namespace moescope
