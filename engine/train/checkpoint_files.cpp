// SPDX-License-Identifier: Apache-2.0
#include "engine/train/checkpoint_files.h"

namespace moescope::train {

Result<std::filesystem::path> writePublished(const std::filesystem::path& path, const ModelDescription& description,
                                             const ParameterLayout& layout, std::span<const float> values,
                                             const std::vector<std::span<const float>>& averages,
                                             const PublishedFacts& facts) {
    const auto named = [&layout](std::span<const float> all) -> TensorValues {
        return [&layout, all](const std::string& name) {
            const int found = layout.find(name);
            if (found < 0) return std::span<const float>();
            const Parameter& p = layout.parameters()[static_cast<size_t>(found)];
            return all.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.values));
        };
    };
    PublishedWeights weights{named(values), {}};
    for (const std::span<const float> average : averages) weights.averages.push_back(named(average));
    return moescope::writePublished(path, description, weights, facts);
}

}  // namespace moescope::train
