// SPDX-License-Identifier: GPL-3.0-or-later
// The ends of a run's load colours.
#include <algorithm>
#include <cmath>

#include "viz/charts/routing_charts.h"

namespace moescope {
namespace {

/// How many times the mean load the colours reach.
constexpr double kMeans = 4;

/// Mean load of an expert for one picture, of the first record of the layer and the first picture in it that has any: both are there
/// as soon as anything is, and stay what they are. 0 when there is none.
double firstMean(const RoutingTrace& trace, int layer, LoadMeasure measure) {
    const RoutingRecord* first = nullptr;
    for (const auto& record : trace.records) {
        if (record->layer != layer) continue;
        const bool earlier = !first || record->evaluation < first->evaluation ||
                             (record->evaluation == first->evaluation && record->branch < first->branch);
        if (earlier) first = record.get();
    }
    const auto experts = static_cast<size_t>(trace.layers[static_cast<size_t>(layer)].experts);
    if (!first || experts == 0) return 0;
    const size_t cells = measure == LoadMeasure::Counts ? first->counts.size() : first->mass.size();
    for (size_t begin = 0; begin + experts <= cells; begin += experts) {
        double sum = 0;
        for (size_t i = begin; i < begin + experts; ++i)
            sum += measure == LoadMeasure::Counts ? static_cast<double>(first->counts[i])
                                                  : std::abs(static_cast<double>(first->mass[i]));
        if (sum > 0) return sum / static_cast<double>(experts);
    }
    return 0;
}

/// For one picture and one branch.
double layerEnd(const RoutingTrace& trace, int layer, LoadMeasure measure) {
    const MoeLayerDescriptor& d = trace.layers[static_cast<size_t>(layer)];
    if (d.experts <= 0) return 0;
    if (d.policy == RoutingPolicy::NetworkMixture) return 1;  // a network works on a picture or not, and weights of a picture sum to 1
    if (measure == LoadMeasure::GateMass) return kMeans * firstMean(trace, layer, measure);
    const auto tokens = static_cast<double>(d.tokensPerSample());
    if (d.policy == RoutingPolicy::ExpertChoice && d.capacity > 0) return std::min(tokens, 2.0 * static_cast<double>(d.capacity));
    const double mean = d.topK > 0 ? tokens * static_cast<double>(d.topK) / static_cast<double>(d.experts)
                                   : firstMean(trace, layer, measure);
    return mean > 0 ? std::min(tokens, kMeans * mean) : tokens;
}

/// The next number above with two significant digits.
double roundedUp(double value) {
    const double unit = std::pow(10.0, std::floor(std::log10(value)) - 1);
    return std::ceil(value / unit - 1e-9) * unit;
}

}  // namespace

ColourRange loadRange(const RoutingTrace& trace, LoadMeasure measure, BranchChoice branch, int64_t image, int chosen) {
    const auto choice = [&](size_t layer) { return trace.layers[layer].policy == RoutingPolicy::NetworkMixture; };
    const bool ofNetworks = chosen >= 0 && static_cast<size_t>(chosen) < trace.layers.size() && choice(static_cast<size_t>(chosen));
    double end = 0;
    for (size_t layer = 0; layer < trace.layers.size(); ++layer)
        if (choice(layer) == ofNetworks) end = std::max(end, layerEnd(trace, static_cast<int>(layer), measure));
    if (image < 0) end *= static_cast<double>(std::max<int64_t>(trace.images, 1));
    if (branch == BranchChoice::Both) end *= 2;
    if (branch == BranchChoice::Difference) end /= kMeans;
    if (!(end > 0)) end = 1;
    end = measure == LoadMeasure::Counts ? std::max(1.0, std::ceil(end - 1e-9)) : roundedUp(end);
    if (branch == BranchChoice::Difference) return {-end, end, ColourScale::Diverging};
    return {0, end, ColourScale::Sequential};
}

}  // namespace moescope
