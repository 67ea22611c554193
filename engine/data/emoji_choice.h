// SPDX-License-Identifier: Apache-2.0
// The characters that make good classes of small pictures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

struct EmojiChoice {
    char32_t character = 0;
    std::string group;  // "face", "animal", ...
};

/// The names of the groups, in order.
std::vector<std::string> emojiGroups();
inline constexpr int64_t fewestUsualEmoji = 256;  // chosen where no number is given

/// The first `count` of the groups named (all where none is): 256 that are unlike each other at 32 pixels, those of the
/// embedded model in its order, then 256 more. InvalidArgument: an unknown group, or more than there are.
Result<std::vector<EmojiChoice>> chooseEmoji(const std::vector<std::string>& groups, int64_t count);

}  // namespace moescope
