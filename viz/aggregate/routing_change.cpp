// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/routing_change.h"

#include <algorithm>

#include "viz/aggregate/balance.h"

namespace moescope {
namespace {

/// [evaluations] which branches have a record of the layer: 1 conditional, 2 unconditional, 3 both.
std::vector<int> branchesRun(const RoutingTrace& trace, int layer, int evaluations) {
    std::vector<int> branches(static_cast<size_t>(evaluations));
    for (const auto& record : trace.records)
        if (record->layer == layer && record->evaluation >= 0 && record->evaluation < evaluations)
            branches[static_cast<size_t>(record->evaluation)] |= record->branch == Branch::Cond ? 1 : 2;
    return branches;
}

/// [E] shares of one column of a layer's load over evaluations.
std::vector<double> columnShares(const Matrix& load, int64_t col) {
    std::vector<double> column;
    for (int64_t row = 0; row < load.rows; ++row) column.push_back(std::max(load.at(row, col), 0.0));  // NaN stays NaN
    return shares(column);
}

}  // namespace

Matrix routingChange(const RoutingTrace& trace, const LoadQuery& query) {
    const int count = evaluationCount(trace);
    const int first = std::max(query.firstEvaluation, 0);
    const int end = std::max(first, std::min(query.endEvaluation, count));
    Matrix change(static_cast<int64_t>(trace.layers.size()), end - first);
    if (query.branch == BranchChoice::Difference) return change;

    LoadQuery withBefore = query;
    withBefore.firstEvaluation = std::max(first - 1, 0);
    for (int64_t layer = 0; layer < change.rows; ++layer) {
        const Matrix load = loadOverEvaluations(trace, static_cast<int>(layer), withBefore);
        const std::vector<int> branches = branchesRun(trace, static_cast<int>(layer), count);
        for (int evaluation = std::max(first, 1); evaluation < end; ++evaluation) {
            const auto now = static_cast<size_t>(evaluation);
            if (query.branch == BranchChoice::Both && branches[now] != branches[now - 1]) continue;
            const int64_t col = evaluation - withBefore.firstEvaluation;
            change.at(layer, evaluation - first) = shareDistance(columnShares(load, col - 1), columnShares(load, col));
        }
    }
    return change;
}

}  // namespace moescope
