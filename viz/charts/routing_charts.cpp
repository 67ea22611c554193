// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/routing_charts.h"

#include <algorithm>
#include <cmath>

#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

QString loadTitle(const ChartInput& input) {
    return input.measure == LoadMeasure::Counts ? RoutingCharts::tr("Load of each expert") : RoutingCharts::tr("Gate mass of each expert");
}

/// Title, part of the run, and the reason where there is nothing; the caller adds the body.
ChartSpec framed(const ChartInput& input, const QString& title, ChartScope scope) {
    ChartSpec chart;
    chart.title = title;
    chart.emptyText = reasonForNothing(input, scope);
    if (chart.empty()) return chart;
    chart.subtitle = partOfRun(input, scope.oneEvaluation);
    return chart;
}

HeatMapSpec loadMap(const ChartInput& input) {
    HeatMapSpec map;
    const Quantity quantity = loadQuantity(input.measure);
    map.quantity = quantity.name;
    map.unit = quantity.unit;
    map.unitOne = quantity.unitOne;
    map.range = loadRange(*input.routing, input.measure, input.branch, input.image);
    return map;
}

/// `load` [rows, cols] with more columns, which have no data.
Matrix widened(const Matrix& load, int64_t columns) {
    Matrix wide(load.rows, std::max(columns, load.cols));
    for (int64_t row = 0; row < load.rows; ++row)
        std::copy_n(load.values.begin() + row * load.cols, load.cols, wide.values.begin() + row * wide.cols);
    return wide;
}

QString ofLayer(const QString& title, const ChartInput& input) {
    const bool known = input.routing && input.layer >= 0 && static_cast<size_t>(input.layer) < input.routing->layers.size();
    if (!known) return title;
    return RoutingCharts::tr("%1, %2", "title, MoE layer").arg(title, layerTitle(*input.routing, static_cast<size_t>(input.layer)));
}

}  // namespace

ChartSpec layerExpertChart(const ChartInput& input) {
    ChartSpec chart = framed(input, RoutingCharts::tr("%1, by layer").arg(loadTitle(input)), {.oneEvaluation = true});
    if (chart.empty()) return chart;
    HeatMapSpec map = loadMap(input);
    map.values = loadByLayer(*input.routing, queryAtNow(input));
    map.rows = layerAxis(*input.routing);
    map.columns = expertAxis(map.values.cols);
    for (const MoeLayerDescriptor& layer : input.routing->layers) map.rowCells.push_back(static_cast<int>(layer.experts));
    map.selectedRow = input.layer;
    map.selectedColumn = input.expert;
    chart.body = std::move(map);
    return chart;
}

ChartSpec expertTimeChart(const ChartInput& input) {
    ChartSpec chart = framed(input, ofLayer(RoutingCharts::tr("%1 over the run").arg(loadTitle(input)), input), {.oneLayer = true});
    if (chart.empty()) return chart;
    HeatMapSpec map = loadMap(input);
    map.values = widened(loadOverEvaluations(*input.routing, input.layer, queryOf(input)), evaluationColumns(input));
    map.rows = expertAxis(map.values.rows);
    map.columns = evaluationAxis(input);
    map.columnsReached = evaluationsReached(input);
    map.selectedRow = input.expert;
    map.selectedColumn = input.evaluation;
    chart.body = std::move(map);
    return chart;
}

ChartSpec expertLoadChart(const ChartInput& input) {
    ChartSpec chart = framed(input, ofLayer(loadTitle(input), input), {.oneEvaluation = true, .oneLayer = true});
    if (chart.empty()) return chart;
    SeriesSpec bars;
    const Quantity quantity = loadQuantity(input.measure);
    bars.quantity = quantity.name;
    bars.unit = quantity.unit;
    bars.unitOne = quantity.unitOne;
    Series series{.y = layerLoad(*input.routing, input.layer, queryAtNow(input))};
    bars.x = expertAxis(static_cast<int64_t>(series.y.size()));
    bars.selectedX = input.expert;

    // The axis holds every bar of the run so far, so that it does not move when somebody scrubs.
    double largest = 0, least = 0, total = 0;
    for (const double value : loadOverEvaluations(*input.routing, input.layer, queryOf(input)).values) {
        if (!hasData(value)) continue;
        largest = std::max(largest, value);
        least = std::min(least, value);
    }
    for (const double value : series.y) total += value;
    if (input.branch == BranchChoice::Difference) {
        const double end = std::max({largest, -least, 1e-6});
        bars.low = -end;
        bars.high = end;
    } else {
        const double mean = total / static_cast<double>(std::max<size_t>(series.y.size(), 1));
        bars.low = std::min(least, 0.0);
        bars.high = std::max({largest, 2 * mean, 1e-6});
        bars.reference = mean;
        bars.referenceName = RoutingCharts::tr("every expert the same");
    }
    bars.series.push_back(std::move(series));
    chart.body = std::move(bars);
    return chart;
}

}  // namespace moescope
