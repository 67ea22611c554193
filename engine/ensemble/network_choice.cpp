// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/network_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "engine/core/name_list.h"
#include "engine/ensemble/json_fields.h"
#include "engine/ensemble/network_router.h"

namespace moescope {
namespace {

Result<size_t> indexOf(std::span<const std::string> names, const std::string& wanted) {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) {
        const std::string near = nearestName(wanted, names);
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("no expert of this ensemble is named {}; {}", jsonExcerpt(wanted),
                                       near.empty() ? fmt::format("it has {}", quotedList(names, "and")) : fmt::format("did you mean '{}'?", near))};
    }
    return static_cast<size_t>(found - names.begin());
}

/// Scales to sum 1 where anything was changed; a sum of weights that nobody touched stays as it is.
void scaleToOne(std::vector<float>& weights) {
    double sum = 0;
    for (const float weight : weights) sum += static_cast<double>(weight);
    for (float& weight : weights) weight = static_cast<float>(static_cast<double>(weight) / sum);
}

}  // namespace

Status checkEdits(std::span<const std::string> names, const NetworkEdits& edits, int steps) {
    if (edits.empty()) return {};
    const auto refuse = [](std::string sentence) { return Status(ErrorCode::InvalidArgument, std::move(sentence)); };
    if (names.empty()) return refuse("the model is a single network; experts can be muted, pinned and weighted in an ensemble only");
    std::vector<bool> muted(names.size());
    for (const std::string& name : edits.muted) {
        const auto index = indexOf(names, name);
        if (!index.ok()) return index.error();
        muted[*index] = true;
    }
    if (std::find(muted.begin(), muted.end(), false) == muted.end())
        return refuse(fmt::format("all {} experts are muted; leave at least one to make the picture", names.size()));
    for (const std::string& name : edits.pinned) {
        const auto index = indexOf(names, name);
        if (!index.ok()) return index.error();
        if (muted[*index]) return refuse(fmt::format("the expert '{}' is both muted and pinned; choose one", name));
    }
    if (edits.topK < 0 || edits.topK > static_cast<int64_t>(names.size()))
        return refuse(fmt::format("the number of experts for a picture should be 1 to {}, found {}", names.size(), edits.topK));
    if (!edits.weights.empty() && edits.weights.size() != 1 && steps && edits.weights.size() != static_cast<size_t>(steps))
        return refuse(fmt::format("weights by hand should be one row for the whole run or one for each of the {} steps, found {} rows", steps,
                                  edits.weights.size()));
    for (const std::vector<double>& row : edits.weights) {
        if (row.size() != names.size())
            return refuse(fmt::format("a row of weights by hand should have a number for each of the {} experts, found {}", names.size(), row.size()));
        double sum = 0;
        for (size_t e = 0; e < row.size(); ++e) {
            if (!std::isfinite(row[e]) || row[e] < 0)
                return refuse(fmt::format("the weight of '{}' should be a number of 0 or above, found {}", names[e], row[e]));
            if (!muted[e]) sum += row[e];
        }
        if (!(static_cast<float>(sum) > 0))
            return refuse("weights by hand should give at least one expert that is not muted more than 0");
    }
    return {};
}

NetworkChooser::NetworkChooser(std::span<const std::string> names, int64_t topK, std::span<const float> factors,
                               std::span<const float> biases, const NetworkEdits& edits)
    : m_muted(names.size()), m_pinned(names.size()), m_factors(factors.begin(), factors.end()), m_biases(biases.begin(), biases.end()) {
    checkEdits(names, edits, 0).orThrow();
    for (const std::string& name : edits.muted) m_muted[indexOf(names, name).orThrow()] = true;
    for (const std::string& name : edits.pinned) m_pinned[indexOf(names, name).orThrow()] = true;
    const auto audible = std::count(m_muted.begin(), m_muted.end(), false), pinned = std::count(m_pinned.begin(), m_pinned.end(), true);
    m_chosen = std::min<int64_t>(std::max<int64_t>(edits.topK ? edits.topK : topK, pinned), audible);
    for (const std::vector<double>& given : edits.weights) {
        std::vector<float> row(given.begin(), given.end());
        for (size_t e = 0; e < row.size(); ++e)
            if (m_muted[e]) row[e] = 0;
        m_rows.push_back(manualWeights(row));
    }
}

std::vector<float> NetworkChooser::bent(std::span<const float> logits) const {
    std::vector<float> all(logits.begin(), logits.end());
    for (size_t e = 0; e < all.size(); ++e) {
        if (m_biases[e] != 0) all[e] += m_biases[e];
        if (m_muted[e]) all[e] = -std::numeric_limits<float>::infinity();
    }
    return all;
}

std::vector<float> NetworkChooser::fromLogits(std::span<const float> logits) const {
    const std::vector<float> all = bent(logits);
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::erase_if(order, [&](size_t e) { return m_muted[e]; });
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return m_pinned[a] != m_pinned[b] ? static_cast<bool>(m_pinned[a]) : all[a] > all[b];
    });
    order.resize(static_cast<size_t>(m_chosen));
    std::sort(order.begin(), order.end());

    std::vector<float> chosen;
    for (const size_t e : order) chosen.push_back(all[e]);
    std::vector<float> kept = blendWeights(chosen, m_chosen);
    bool changed = false;
    for (size_t i = 0; i < order.size(); ++i)
        if (m_factors[order[i]] != 1) {
            kept[i] *= m_factors[order[i]];
            changed = true;
        }
    if (changed) scaleToOne(kept);
    std::vector<float> weights(all.size());
    for (size_t i = 0; i < order.size(); ++i) weights[order[i]] = kept[i];
    return weights;
}

const std::vector<float>& NetworkChooser::fromHand(int step) const {
    return m_rows.size() == 1 ? m_rows.front() : m_rows[std::min(static_cast<size_t>(std::max(step, 0)), m_rows.size() - 1)];
}

float NetworkChooser::margin(std::span<const float> logits, std::span<const float> weights) const {
    if (byHand()) return 0;
    const std::vector<float> all = bent(logits);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    float last = infinity, first = -infinity;
    for (size_t e = 0; e < all.size(); ++e) {
        if (m_muted[e] || m_pinned[e]) continue;
        if (weights[e] > 0)
            last = std::min(last, all[e]);
        else
            first = std::max(first, all[e]);
    }
    return last - first;
}

}  // namespace moescope
