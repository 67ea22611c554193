// SPDX-License-Identifier: Apache-2.0
// The weights of a training run in the layout in which models of its family are published.
#pragma once

#include "engine/model/published_files.h"
#include "engine/train/parameter_layout.h"

namespace moescope::train {

/// `values` and every one of `averages` hold [allValues] in host memory until the call returns; nothing is copied. See
/// the function of this name in engine/model/published_files.h for what is written where.
Result<std::filesystem::path> writePublished(const std::filesystem::path& path, const ModelDescription& description,
                                             const ParameterLayout& layout, std::span<const float> values,
                                             const std::vector<std::span<const float>>& averages,
                                             const PublishedFacts& facts);

}  // namespace moescope::train
