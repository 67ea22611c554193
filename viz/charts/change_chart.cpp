// SPDX-License-Identifier: GPL-3.0-or-later
// How much of each layer's load moves between the experts from one evaluation to the next.
#include <algorithm>
#include <cmath>

#include "viz/aggregate/routing_change.h"
#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

QString unitOf(LoadMeasure measure) {
    return measure == LoadMeasure::Counts ? RoutingCharts::tr("of the layer's load")
                                          : RoutingCharts::tr("of the layer's gate mass");
}

/// The next tenth above every value of the run so far: the same at every evaluation, and only growing while it goes on.
double axisEnd(const Matrix& change) {
    double largest = 0;
    for (const double value : change.values)
        if (hasData(value)) largest = std::max(largest, value);
    return std::clamp(std::ceil(largest * 10 - 1e-9) / 10, 0.1, 1.0);
}

}  // namespace

ChartSpec routingChangeChart(const ChartInput& input) {
    ChartSpec chart;
    chart.title = RoutingCharts::tr("How much the routing changes");
    chart.emptyText = reasonForNothing(input, {});
    if (chart.empty()) return chart;
    if (input.branch == BranchChoice::Difference)
        chart.emptyText = RoutingCharts::tr(
            "The change is followed in one branch or in both together and has no difference: choose the conditional "
            "branch, the unconditional branch or both.");
    else if (!input.going && evaluationColumns(input) < 2)
        chart.emptyText =
            RoutingCharts::tr("This run has a single evaluation, and a change needs two: generate with more steps.");
    if (chart.empty()) return chart;
    chart.subtitle = partOfRun(input, false);
    chart.note = flatLoadNote(input, -1);

    const Matrix change = routingChange(*input.routing, queryOf(input));
    SeriesSpec spec;
    spec.form = SeriesSpec::Form::Lines;
    spec.x = evaluationAxis(input);
    spec.xReached = evaluationsReached(input);
    spec.selectedX = input.evaluation;
    spec.quantity = RoutingCharts::tr("share that moved");
    spec.unit = unitOf(input.measure);
    spec.low = 0;
    spec.high = axisEnd(change);
    for (int64_t layer = 0; layer < change.rows; ++layer) {
        Series series{.name = layerTitle(*input.routing, static_cast<size_t>(layer)),
                      .y = std::vector<double>(static_cast<size_t>(evaluationColumns(input)), noData),
                      .emphasised = layer == input.layer};
        for (int64_t evaluation = 0; evaluation < change.cols; ++evaluation)
            series.y[static_cast<size_t>(evaluation)] = change.at(layer, evaluation);
        spec.series.push_back(std::move(series));
    }
    chart.body = std::move(spec);
    return chart;
}

}  // namespace moescope
