// SPDX-License-Identifier: Apache-2.0
// The sizes that the authors released: settings that can not be read from tensor shapes, found by the shape they belong to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/model/model_description.h"

namespace moescope {

struct ReleasedSize {
    std::string_view family, name;
    int64_t width, depth, heads, experts, expertWidth, patch;
    int64_t topK, groups, keptGroups;
    double scale;
    int64_t contextStart;  // JiT only
};

std::span<const ReleasedSize> releasedSizes();

/// The released size whose width, depth, experts, expert width and patch equal the configuration's.
std::optional<ReleasedSize> findReleasedSize(std::string_view family, const TransformerConfig& config);

/// Names of a family's released sizes, for messages.
std::string releasedNames(std::string_view family);

}  // namespace moescope
