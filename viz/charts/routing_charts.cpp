// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/routing_charts.h"

#include <algorithm>
#include <cmath>

#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

QString loadTitle(LoadMeasure measure) {
    return measure == LoadMeasure::Counts ? RoutingCharts::tr("Load of each expert") : RoutingCharts::tr("Gate mass of each expert");
}

/// Of the chosen layer, which may be the choice of networks.
QString loadTitle(const ChartInput& input) {
    const auto layer = static_cast<size_t>(input.layer);
    const bool networks = input.routing && layer < input.routing->layers.size() &&
                          input.routing->layers[layer].policy == RoutingPolicy::NetworkMixture;
    if (!networks) return loadTitle(input.measure);
    return input.measure == LoadMeasure::Counts ? RoutingCharts::tr("Use of each network") : RoutingCharts::tr("Gate mass of each network");
}

bool isNetworkChoice(const ChartInput& input) {
    return input.routing->layers[static_cast<size_t>(input.layer)].policy == RoutingPolicy::NetworkMixture;
}

/// `layer` -1: of all layers whose experts take tokens.
HeatMapSpec loadMap(const ChartInput& input, int layer) {
    HeatMapSpec map;
    const Quantity quantity = loadQuantity(input.measure, layer >= 0 && isNetworkChoice(input));
    map.quantity = quantity.name;
    map.unit = quantity.unit;
    map.unitOne = quantity.unitOne;
    map.range = loadRange(*input.routing, input.measure, input.branch, input.image, layer);
    return map;
}

/// `load` [rows, cols] with more columns, which have no data.
Matrix widened(const Matrix& load, int64_t columns) {
    Matrix wide(load.rows, std::max(columns, load.cols));
    for (int64_t row = 0; row < load.rows; ++row)
        std::copy_n(load.values.begin() + row * load.cols, load.cols, wide.values.begin() + row * wide.cols);
    return wide;
}

/// Experts of the layer that compete for tokens, and the sum of what they got.
std::pair<double, double> competing(const Series& series, int64_t unconditional) {
    double total = 0, experts = 0;
    for (size_t expert = 0; expert < series.y.size(); ++expert)
        if (static_cast<int64_t>(expert) != unconditional) {
            total += series.y[expert];
            ++experts;
        }
    return {total, experts};
}

}  // namespace

ChartSpec layerExpertChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, RoutingCharts::tr("%1, by layer").arg(loadTitle(input.measure)), {.oneEvaluation = true});
    if (chart.empty()) return chart;
    const std::vector<int> layers = tokenLayers(*input.routing);
    if (layers.empty()) {
        chart.emptyText = RoutingCharts::tr("None of the networks of this run has MoE layers: look at the weights of the networks.");
        return chart;
    }
    const Matrix load = loadByLayer(*input.routing, queryAtNow(input));
    HeatMapSpec map = loadMap(input, -1);
    int64_t experts = 0;
    for (const int layer : layers) experts = std::max(experts, input.routing->layers[static_cast<size_t>(layer)].experts);
    map.values = Matrix(static_cast<int64_t>(layers.size()), experts);
    for (size_t row = 0; row < layers.size(); ++row) {
        map.rowCells.push_back(static_cast<int>(input.routing->layers[static_cast<size_t>(layers[row])].experts));
        for (int64_t expert = 0; expert < experts; ++expert) map.values.at(static_cast<int64_t>(row), expert) = load.at(layers[row], expert);
        if (layers[row] == input.layer) map.selectedRow = static_cast<int>(row);
    }
    map.rows = layerAxis(*input.routing, layers);
    map.columns = expertAxis(*input.routing, layers, experts);
    map.selectedColumn = map.selectedRow >= 0 ? input.expert : -1;
    map.missing = missingText(*input.routing, layers.front());
    chart.note = flatLoadNote(input, -1);
    chart.layerNumbers = layers;
    chart.body = std::move(map);
    return chart;
}

ChartSpec expertTimeChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, ofLayer(RoutingCharts::tr("%1 over the run").arg(loadTitle(input)), input), {.oneLayer = true});
    if (chart.empty()) return chart;
    HeatMapSpec map = loadMap(input, input.layer);
    map.values = widened(loadOverEvaluations(*input.routing, input.layer, queryOf(input)), evaluationColumns(input));
    map.rows = expertAxis(*input.routing, input.layer);
    map.columns = evaluationAxis(input);
    map.columnsReached = evaluationsReached(input);
    map.selectedRow = input.expert;
    map.selectedColumn = input.evaluation;
    map.missing = missingText(*input.routing, input.layer);
    chart.note = flatLoadNote(input, input.layer);
    chart.body = std::move(map);
    return chart;
}

ChartSpec expertLoadChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, ofLayer(loadTitle(input), input), {.oneEvaluation = true, .oneLayer = true});
    if (chart.empty()) return chart;
    SeriesSpec bars;
    const Quantity quantity = loadQuantity(input.measure, isNetworkChoice(input));
    bars.quantity = quantity.name;
    bars.unit = quantity.unit;
    bars.unitOne = quantity.unitOne;
    Series series{.y = layerLoad(*input.routing, input.layer, queryAtNow(input))};
    bars.x = expertAxis(*input.routing, input.layer);
    bars.selectedX = input.expert;
    chart.note = flatLoadNote(input, input.layer);

    // The axis holds every bar of the run so far, so that it does not move when somebody scrubs.
    double largest = 0, least = 0;
    for (const double value : loadOverEvaluations(*input.routing, input.layer, queryOf(input)).values) {
        if (!hasData(value)) continue;
        largest = std::max(largest, value);
        least = std::min(least, value);
    }
    if (input.branch == BranchChoice::Difference) {
        const double end = std::max({largest, -least, 1e-6});
        bars.low = -end;
        bars.high = end;
    } else {
        const auto [total, experts] = competing(series, input.routing->layers[static_cast<size_t>(input.layer)].unconditionalExpert);
        const double mean = total / std::max(experts, 1.0);
        bars.low = std::min(least, 0.0);
        bars.high = std::max({largest, 2 * mean, 1e-6});
        if (mean != 0) {  // 0: only the unconditional expert works
            bars.reference = mean;
            bars.referenceName = isNetworkChoice(input) ? RoutingCharts::tr("every network the same") : RoutingCharts::tr("every expert the same");
        }
    }
    bars.series.push_back(std::move(series));
    chart.body = std::move(bars);
    return chart;
}

}  // namespace moescope
