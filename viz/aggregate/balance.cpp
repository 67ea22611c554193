// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/balance.h"

#include <algorithm>
#include <cmath>

namespace moescope {
Balance balanceOf(std::span<const double> load) {
    Balance result;
    if (load.empty() || !hasData(load[0])) return result;
    double positive = 0, largest = 0;
    for (double value : load) {
        result.total += value;
        positive += std::max(value, 0.0);
        largest = std::max(largest, value);
        if (value == 0) ++result.unused;
    }
    if (!(positive > 0)) return result;
    double entropy = 0;
    for (double value : load)
        if (value > 0) entropy -= value / positive * std::log(value / positive);
    const auto experts = static_cast<double>(load.size());
    result.entropy = load.size() > 1 ? std::clamp(entropy / std::log(experts), 0.0, 1.0) : 1;
    result.maxOverMean = largest * experts / positive;
    return result;
}

Balance balanceOf(std::vector<double> load, const MoeLayerDescriptor& layer) {
    const int64_t outside = layer.unconditionalExpert;
    if (outside >= 0 && outside < static_cast<int64_t>(load.size()) && load.size() > 1) load.erase(load.begin() + outside);
    return balanceOf(load);
}

std::vector<Balance> balancePerLayer(const RoutingTrace& trace, const LoadQuery& query) {
    std::vector<Balance> result(trace.layers.size());
    if (query.branch == BranchChoice::Difference) return result;
    const Matrix load = loadByLayer(trace, query);
    for (size_t layer = 0; layer < result.size(); ++layer) {
        const auto row = load.values.begin() + static_cast<int64_t>(layer) * load.cols;
        result[layer] = balanceOf(std::vector(row, row + trace.layers[layer].experts), trace.layers[layer]);
    }
    return result;
}

std::vector<Balance> balanceOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query) {
    const Matrix load = loadOverEvaluations(trace, layer, query);
    std::vector<Balance> result(static_cast<size_t>(load.cols));
    if (query.branch == BranchChoice::Difference) return result;
    std::vector<double> column(static_cast<size_t>(load.rows));
    for (int64_t col = 0; col < load.cols; ++col) {
        for (int64_t row = 0; row < load.rows; ++row) column[static_cast<size_t>(row)] = load.at(row, col);
        result[static_cast<size_t>(col)] = balanceOf(column, trace.layers[static_cast<size_t>(layer)]);
    }
    return result;
}

double shareDistance(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || a.size() != b.size()) return noData;
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);  // NaN on either side stays NaN
    return sum / 2;
}

}  // namespace moescope
