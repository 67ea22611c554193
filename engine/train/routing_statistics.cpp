// SPDX-License-Identifier: Apache-2.0
#include "engine/train/routing_statistics.h"

#include <algorithm>
#include <numeric>

namespace moescope::train {
namespace {

double imbalanceOf(std::span<const double> pairs) {
    const double sum = std::accumulate(pairs.begin(), pairs.end(), 0.0);
    if (sum <= 0) return 0;
    return *std::max_element(pairs.begin(), pairs.end()) * static_cast<double>(pairs.size()) / sum - 1;
}

}  // namespace

double LayerLoad::imbalance() const { return imbalanceOf(pairs); }
double LayerLoad::imbalance(int third) const { return imbalanceOf(pairsByTime[static_cast<size_t>(third)]); }

int LayerLoad::unusedExperts() const { return static_cast<int>(std::count(pairs.begin(), pairs.end(), 0.0)); }

std::vector<float> loadShares(std::span<const double> pairs) {
    const double sum = std::accumulate(pairs.begin(), pairs.end(), 0.0);
    std::vector<float> shares(pairs.size());
    if (sum > 0) std::transform(pairs.begin(), pairs.end(), shares.begin(), [&](double each) { return static_cast<float>(each / sum); });
    return shares;
}

LayerLoad& RoutingStatistics::layer(int block, int64_t experts) {
    const auto found = std::find_if(m_layers.begin(), m_layers.end(), [&](const LayerLoad& each) { return each.block == block; });
    if (found != m_layers.end()) return *found;
    LayerLoad& made = m_layers.emplace_back();
    made.block = block;
    made.pairs.resize(static_cast<size_t>(experts));
    for (auto& third : made.pairsByTime) third.resize(static_cast<size_t>(experts));
    return made;
}

void RoutingStatistics::add(int block, int64_t experts, std::span<const int32_t> chosen, std::span<const float> times) {
    LayerLoad& load = layer(block, experts);
    const size_t perSample = chosen.size() / times.size();
    for (size_t sample = 0; sample < times.size(); ++sample) {
        const auto third = static_cast<size_t>(std::clamp(static_cast<int>(times[sample] * kTimeThirds), 0, kTimeThirds - 1));
        for (size_t i = sample * perSample; i < (sample + 1) * perSample; ++i) {
            const auto expert = static_cast<size_t>(chosen[i]);
            ++load.pairs[expert];
            ++load.pairsByTime[third][expert];
        }
    }
}

void RoutingStatistics::add(const RoutingStatistics& other) {
    for (const LayerLoad& theirs : other.m_layers) {
        LayerLoad& mine = layer(theirs.block, static_cast<int64_t>(theirs.pairs.size()));
        const auto sum = [](std::vector<double>& into, const std::vector<double>& from) {
            std::transform(into.begin(), into.end(), from.begin(), into.begin(), std::plus<>());
        };
        sum(mine.pairs, theirs.pairs);
        for (size_t third = 0; third < kTimeThirds; ++third) sum(mine.pairsByTime[third], theirs.pairsByTime[third]);
    }
}

void RoutingStatistics::add(LayerLoad layer) { m_layers.push_back(std::move(layer)); }

double RoutingStatistics::worstImbalance() const {
    double worst = 0;
    for (const LayerLoad& layer : m_layers) worst = std::max(worst, layer.imbalance());
    return worst;
}

}  // namespace moescope::train
