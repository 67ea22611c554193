// SPDX-License-Identifier: Apache-2.0
// Examples from which a router learns: prompts and the expert they belong to, and pictures in one folder per expert.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

struct LabelledPrompt {
    std::string prompt;
    int64_t expert = 0;
    std::string group;  // prompts of one group are held out together; empty: a group of its own
};

/// UTF-8 text with one example per line: `prompt <tab> expert`, optionally `<tab> group`, or a JSON object with the
/// fields "prompt", "expert" and optionally "group" (told apart by the first line with text). Empty lines, and lines
/// without a tab that begin with #, are passed over. A line twice counts twice. Errors name the line.
Result<std::vector<LabelledPrompt>> readLabelledPrompts(const std::filesystem::path& file,
                                                        std::span<const std::string> expertNames);

struct LabelledPicture {
    HostTensor picture;  // [channels, side, side] in the space of the experts, as they are to draw it
    int64_t expert = 0;
};

/// All pictures of a set (openPictureSet: a folder, or tar shards; PNG, JPEG, WebP), cut to the largest square in the
/// middle and scaled: [3, side, side] in -1 .. 1. A broken one is an error; at most `kMostPictures`.
inline constexpr int64_t kMostPictures = 20000;
Result<std::vector<HostTensor>> readPictures(const std::string& path, int64_t side);

}  // namespace moescope
