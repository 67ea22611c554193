// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/load.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "viz/aggregate/network_choice.h"

namespace moescope {
namespace {

/// The two branches of one place; nullptr where a branch was not run.
using BranchPair = std::array<const RoutingRecord*, 2>;

bool validLayer(const RoutingTrace& trace, int layer) {
    return layer >= 0 && static_cast<size_t>(layer) < trace.layers.size();
}

/// (layer, evaluation) -> branches, for the evaluations of the query; `layer` -1 takes all layers.
std::map<std::pair<int, int>, BranchPair> selectPairs(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    std::map<std::pair<int, int>, BranchPair> pairs;
    const NetworkPresence networks(trace);
    for (const auto& record : trace.records) {
        if (layer >= 0 && record->layer != layer) continue;
        if (!validLayer(trace, record->layer)) continue;
        if (record->evaluation < query.firstEvaluation || record->evaluation >= query.endEvaluation) continue;
        // One image that the layer's network did not work on: nothing was decided about it, which is not a load of 0.
        const MoeLayerDescriptor& descriptor = trace.layers[static_cast<size_t>(record->layer)];
        if (query.image >= 0 && !networks.ran(descriptor, record->evaluation, record->branch, query.image)) continue;
        pairs[{record->layer, record->evaluation}][static_cast<size_t>(record->branch)] = record.get();
    }
    return pairs;
}

/// Whether the query's branches were run here.
bool selected(const BranchPair& pair, BranchChoice branch) {
    switch (branch) {
        case BranchChoice::Cond:
            return pair[0] != nullptr;
        case BranchChoice::Uncond:
            return pair[1] != nullptr;
        case BranchChoice::Both:
            return pair[0] != nullptr || pair[1] != nullptr;
        case BranchChoice::Difference:
            return pair[0] != nullptr && pair[1] != nullptr;
    }
    return false;
}

/// How a branch enters the sum of the query: 1, 0 or -1.
double branchSign(BranchChoice choice, size_t branch) {
    if (choice == BranchChoice::Difference) return branch == 0 ? 1 : -1;
    if (choice == BranchChoice::Both) return 1;
    return (choice == BranchChoice::Cond) == (branch == 0) ? 1 : 0;
}

double cell(const RoutingRecord& record, LoadMeasure measure, size_t index) {
    if (measure == LoadMeasure::Counts) return index < record.counts.size() ? record.counts[index] : 0;
    return index < record.mass.size() ? static_cast<double>(record.mass[index]) : 0;
}

/// Images that a record holds: fewer than the trace has while a batch is made group by group.
int64_t imagesOf(const RoutingRecord& record, int64_t experts) {
    const auto cells = static_cast<int64_t>(std::max(record.counts.size(), record.mass.size()));
    return experts > 0 ? cells / experts : 0;
}

/// Adds the pair's load to `target`(expert), turning cells without data into numbers.
template <class Target>
void addPair(const RoutingTrace& trace, const BranchPair& pair, const LoadQuery& query, int64_t experts,
             Target target) {
    int64_t images = trace.images;
    for (size_t branch = 0; branch < pair.size(); ++branch)
        if (pair[branch] && branchSign(query.branch, branch) != 0) images = std::min(images, imagesOf(*pair[branch], experts));
    const int64_t first = query.image < 0 ? 0 : query.image;
    const int64_t end = query.image < 0 ? images : std::min(query.image + 1, images);
    if (first >= end) return;
    for (int64_t expertIdx = 0; expertIdx < experts; ++expertIdx) {
        double sum = 0;
        for (size_t branch = 0; branch < pair.size(); ++branch) {
            const double sign = branchSign(query.branch, branch);
            if (sign == 0 || !pair[branch]) continue;
            for (int64_t image = first; image < end; ++image)
                sum += sign * cell(*pair[branch], query.measure, static_cast<size_t>(image * experts + expertIdx));
        }
        double& value = target(expertIdx);
        value = hasData(value) ? value + sum : sum;
    }
}

}  // namespace

int evaluationCount(const RoutingTrace& trace) {
    int count = 0;
    for (const auto& record : trace.records) count = std::max(count, record->evaluation + 1);
    return count;
}

Matrix loadByLayer(const RoutingTrace& trace, const LoadQuery& query) {
    int64_t experts = 0;
    for (const MoeLayerDescriptor& layer : trace.layers) experts = std::max(experts, layer.experts);
    Matrix load(static_cast<int64_t>(trace.layers.size()), experts);
    for (const auto& [place, pair] : selectPairs(trace, -1, query)) {
        if (!selected(pair, query.branch)) continue;
        const int row = place.first;
        addPair(trace, pair, query, trace.layers[static_cast<size_t>(row)].experts,
                [&](int64_t expertIdx) -> double& { return load.at(row, expertIdx); });
    }
    return load;
}

std::vector<double> layerLoad(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (!validLayer(trace, layer)) return {};
    const int64_t experts = trace.layers[static_cast<size_t>(layer)].experts;
    std::vector<double> load(static_cast<size_t>(experts), noData);
    for (const auto& [place, pair] : selectPairs(trace, layer, query)) {
        if (!selected(pair, query.branch)) continue;
        addPair(trace, pair, query, experts,
                [&](int64_t expertIdx) -> double& { return load[static_cast<size_t>(expertIdx)]; });
    }
    return load;
}

Matrix loadOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (!validLayer(trace, layer)) return {};
    const int first = std::max(query.firstEvaluation, 0);
    const int end = std::max(first, std::min(query.endEvaluation, evaluationCount(trace)));
    const int64_t experts = trace.layers[static_cast<size_t>(layer)].experts;
    Matrix load(experts, end - first);
    for (const auto& [place, pair] : selectPairs(trace, layer, query)) {
        if (!selected(pair, query.branch) || place.second < first) continue;
        const int col = place.second - first;
        addPair(trace, pair, query, experts, [&](int64_t expertIdx) -> double& { return load.at(expertIdx, col); });
    }
    return load;
}

Matrix rowShares(const Matrix& load) {
    Matrix result(load.rows, load.cols);
    for (int64_t row = 0; row < load.rows; ++row) {
        double sum = 0;
        for (int64_t col = 0; col < load.cols; ++col)
            if (hasData(load.at(row, col))) sum += load.at(row, col);
        if (!(sum > 0)) continue;
        for (int64_t col = 0; col < load.cols; ++col) result.at(row, col) = load.at(row, col) / sum;
    }
    return result;
}

LoadMeasure usualMeasure(const RoutingTrace& trace) {
    bool any = false;
    for (const MoeLayerDescriptor& layer : trace.layers) {
        if (layer.policy == RoutingPolicy::NetworkMixture) continue;
        if (layer.policy != RoutingPolicy::ExpertChoice) return LoadMeasure::Counts;
        any = true;
    }
    return any ? LoadMeasure::GateMass : LoadMeasure::Counts;
}

std::vector<double> shares(const std::vector<double>& load) {
    Matrix row(1, static_cast<int64_t>(load.size()));
    row.values = load;
    return rowShares(row).values;
}

}  // namespace moescope
