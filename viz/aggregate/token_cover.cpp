// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/token_cover.h"

#include <algorithm>
#include <numeric>

#include "viz/aggregate/network_choice.h"
#include "viz/aggregate/token_map.h"

namespace moescope {
namespace {

bool validLayer(const RoutingTrace& trace, int layer) {
    return layer >= 0 && static_cast<size_t>(layer) < trace.layers.size();
}

/// Tokens that the query is about at one evaluation: only of images that the layer's network worked on.
int64_t tokensAt(const RoutingTrace& trace, const NetworkPresence& networks, int layer, const LoadQuery& query,
                 int evaluation) {
    const MoeLayerDescriptor& d = trace.layers[static_cast<size_t>(layer)];
    int64_t tokens = 0;
    for (const Branch branch : {Branch::Cond, Branch::Uncond}) {
        if (query.branch == BranchChoice::Cond && branch != Branch::Cond) continue;
        if (query.branch == BranchChoice::Uncond && branch != Branch::Uncond) continue;
        const RoutingRecord* record = trace.find(evaluation, branch, layer);
        if (!record || d.experts <= 0) continue;
        const auto images = std::min(trace.images, static_cast<int64_t>(record->counts.size()) / d.experts);
        for (int64_t image = 0; image < images; ++image) {
            if (query.image >= 0 && image != query.image) continue;
            if (networks.ran(d, evaluation, branch, image)) tokens += d.tokensPerSample();
        }
    }
    return tokens;
}

struct Stretch {
    int first, end;
};

Stretch stretchOf(const RoutingTrace& trace, const LoadQuery& query) {
    const int first = std::max(query.firstEvaluation, 0);
    return {first, std::max(first, std::min(query.endEvaluation, evaluationCount(trace)))};
}

}  // namespace

Matrix capacityOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (!validLayer(trace, layer)) return {};
    LoadQuery counts = query;
    counts.measure = LoadMeasure::Counts;
    Matrix taken = loadOverEvaluations(trace, layer, counts);
    const Stretch stretch = stretchOf(trace, query);
    const NetworkPresence networks(trace);
    for (int64_t col = 0; col < taken.cols; ++col) {
        const int64_t tokens = tokensAt(trace, networks, layer, query, stretch.first + static_cast<int>(col));
        const bool known = tokens > 0 && query.branch != BranchChoice::Difference;
        for (int64_t row = 0; row < taken.rows; ++row)
            taken.at(row, col) =
                known ? taken.at(row, col) * static_cast<double>(taken.rows) / static_cast<double>(tokens) : noData;
    }
    return taken;
}

std::vector<TokenCover> coverOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (!validLayer(trace, layer)) return {};
    const Matrix capacity = capacityOverEvaluations(trace, layer, query);
    const Matrix numbers = expertsPerTokenOverEvaluations(trace, layer, query);
    std::vector<TokenCover> cover(static_cast<size_t>(capacity.cols));
    for (int64_t col = 0; col < capacity.cols; ++col) {
        TokenCover& at = cover[static_cast<size_t>(col)];
        double sum = 0, tokens = 0;
        for (int64_t row = 0; row < capacity.rows; ++row) sum += capacity.at(row, col);
        at.expertsPerToken = sum / static_cast<double>(capacity.rows);  // no data stays no data
        for (int64_t row = 0; row < numbers.rows; ++row) tokens += numbers.at(row, col);
        at.unrouted = tokens > 0 ? numbers.at(0, col) / tokens : noData;
    }
    return cover;
}

Matrix expertsPerTokenOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    if (!validLayer(trace, layer)) return {};
    const Stretch stretch = stretchOf(trace, query);
    Matrix numbers(trace.layers[static_cast<size_t>(layer)].experts + 1, stretch.end - stretch.first);
    if (query.branch == BranchChoice::Difference) return numbers;
    for (int evaluation = stretch.first; evaluation < stretch.end; ++evaluation) {
        LoadQuery now = query;
        now.firstEvaluation = evaluation;
        now.endEvaluation = evaluation + 1;
        const std::vector<int64_t> histogram = expertsPerToken(trace, layer, now);
        for (size_t number = 0; number < histogram.size(); ++number)
            numbers.at(static_cast<int64_t>(number), evaluation - stretch.first) =
                static_cast<double>(histogram[number]);
    }
    return numbers;
}

}  // namespace moescope
