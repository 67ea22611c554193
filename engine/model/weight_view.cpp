// SPDX-License-Identifier: Apache-2.0
#include "engine/model/weight_view.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace moescope {
namespace {

// Tensors of which every network here has one exactly once: what stands in front of its name is the set's prefix.
constexpr std::array<std::string_view, 2> kAnchors{"t_embedder.mlp.0.weight", "time_embedding.linear_1.weight"};

constexpr std::array<std::string_view, 8> kPreference{"ema",       "model_ema1", "ema_model_state_dict", "model_ema",
                                                      "model_ema2", "",          "model",                "model_state_dict"};

size_t preference(const std::string& member) {
    const auto found = std::find(kPreference.begin(), kPreference.end(), member);
    return static_cast<size_t>(found - kPreference.begin());
}

/// "model_ema1.net." -> "model_ema1"; wrappers that hold the whole network are no member of their own.
std::string memberOf(std::string prefix) {
    for (std::string_view wrapper : {"net.", "module.", "_orig_mod.", "module.net."})
        if (prefix == wrapper) return "";
    return prefix.substr(0, prefix.find('.'));
}

}  // namespace

std::vector<WeightSet> findWeightSets(const TensorSource& source) {
    std::vector<std::pair<size_t, WeightSet>> ranked;
    for (const TensorInfo& tensor : source.tensors()) {
        const auto anchor = std::ranges::find_if(kAnchors, [&](std::string_view name) { return tensor.name.ends_with(name); });
        if (anchor == kAnchors.end()) continue;
        const std::string prefix = tensor.name.substr(0, tensor.name.size() - anchor->size());
        if (!prefix.empty() && prefix.back() != '.') continue;
        const std::string member = memberOf(prefix);
        ranked.push_back({preference(member), WeightSet{member.empty() ? "state_dict" : member, prefix, 0}});
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<WeightSet> sets;
    for (auto& [rank, set] : ranked) {
        for (const TensorInfo& tensor : source.tensors()) set.tensors += tensor.name.starts_with(set.prefix);
        sets.push_back(std::move(set));
    }
    return sets;
}

WeightView::WeightView(std::shared_ptr<const TensorSource> source, WeightSet set)
    : m_source(std::move(source)), m_set(std::move(set)) {
    for (const TensorInfo& tensor : m_source->tensors())
        if (tensor.name.starts_with(m_set.prefix)) m_names.push_back(tensor.name.substr(m_set.prefix.size()));
}

Shape WeightView::shape(const std::string& name) const {
    const TensorInfo* tensor = find(name);
    return tensor ? tensor->shape : Shape{};
}

}  // namespace moescope
