// SPDX-License-Identifier: Apache-2.0
// How the experts shared the tokens of one or many steps: by MoE layer, and by thirds of the time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace moescope::train {

inline constexpr int kTimeThirds = 3;  // of t in 0 .. 1, noise first

/// Pairs that each expert of one layer received.
struct LayerLoad {
    int block = 0;
    std::vector<double> pairs;                                       // [E]
    std::array<std::vector<double>, kTimeThirds> pairsByTime;        // [E] each

    /// Largest load over the mean, minus 1: 0 is perfectly even. 0 without a pair.
    double imbalance() const;
    double imbalance(int third) const;
    int unusedExperts() const;
};

/// Shares [E] of a load; all zero without a pair.
std::vector<float> loadShares(std::span<const double> pairs);

class RoutingStatistics {
public:
    /// chosen: experts of all choices of a pass, sample by sample, for samples with these times.
    void add(int block, int64_t experts, std::span<const int32_t> chosen, std::span<const float> times);
    void add(const RoutingStatistics& other);
    void add(LayerLoad layer);  // of a block that is not there yet
    void clear() { m_layers.clear(); }
    const std::vector<LayerLoad>& layers() const { return m_layers; }
    /// The worst layer's; 0 without layers.
    double worstImbalance() const;

private:
    LayerLoad& layer(int block, int64_t experts);
    std::vector<LayerLoad> m_layers;  // in the order of the blocks
};

}  // namespace moescope::train
