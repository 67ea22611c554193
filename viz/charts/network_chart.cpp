// SPDX-License-Identifier: GPL-3.0-or-later
// Weights of the networks of a mixture over a run.
#include "viz/aggregate/network_choice.h"

#include <algorithm>

#include "viz/charts/chart_parts.h"

namespace moescope {

ChartSpec networkWeightsChart(const ChartInput& input, SeriesSpec::Form form) {
    ChartSpec chart;
    chart.title = RoutingCharts::tr("Weights of the networks");
    chart.emptyText = reasonForNothing(input, {});
    if (chart.empty()) return chart;
    const int choice = networkLayer(*input.routing);
    if (choice < 0) {
        chart.emptyText = RoutingCharts::tr("This run was made by a single network. Open a mixture of networks (*.moe.json) to see which "
                                            "network works when.");
        return chart;
    }
    ChartInput ofChoice = input;
    ofChoice.layer = choice;
    chart.emptyText = reasonForNothing(ofChoice, {.oneLayer = true});
    if (chart.empty()) return chart;
    const bool stacked = form == SeriesSpec::Form::Stacked;
    if (stacked && input.branch == BranchChoice::Difference) {
        chart.emptyText = RoutingCharts::tr("A difference has no parts to stack: choose lines, or another branch.");
        return chart;
    }
    chart.subtitle = partOfRun(input, false);
    chart.note = RoutingCharts::tr("Where a network has no weight it did not run at all.");
    chart.aboutLayer = choice;

    const Matrix weights = networkWeights(*input.routing, queryOf(input));
    SeriesSpec spec;
    spec.form = form;
    spec.x = evaluationAxis(input);
    spec.xReached = evaluationsReached(input);
    spec.selectedX = input.evaluation;
    spec.quantity = RoutingCharts::tr("weight in the blend");
    spec.expertLooks = true;
    spec.missing = RoutingCharts::tr("did not run");
    const CategoryAxis names = expertAxis(*input.routing, choice);
    double largest = 1, least = 0;
    for (int64_t network = 0; network < weights.rows; ++network) {
        Series series{.name = names.labels[static_cast<int>(network)],
                      .y = std::vector<double>(static_cast<size_t>(evaluationColumns(input)), noData),
                      .emphasised = input.layer == choice && input.expert == network};
        for (int64_t column = 0; column < weights.cols; ++column) {
            const double weight = weights.at(network, column);
            series.y[static_cast<size_t>(column)] = weight;
            if (!hasData(weight)) continue;
            largest = std::max(largest, weight);
            least = std::min(least, weight);
        }
        spec.series.push_back(std::move(series));
    }
    if (stacked) {
        for (int64_t column = 0; column < weights.cols; ++column) {
            double sum = 0;
            for (int64_t network = 0; network < weights.rows; ++network)
                if (hasData(weights.at(network, column))) sum += weights.at(network, column);
            largest = std::max(largest, sum);
        }
    }
    spec.low = least < 0 ? -1 : 0;
    spec.high = largest;
    chart.body = std::move(spec);
    return chart;
}

}  // namespace moescope
