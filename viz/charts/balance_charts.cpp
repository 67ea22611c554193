// SPDX-License-Identifier: GPL-3.0-or-later
// How evenly the layers spread their work, by layer and over a run.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "viz/aggregate/balance.h"
#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

double valueOf(const Balance& balance, BalanceMeasure measure) {
    switch (measure) {
        case BalanceMeasure::Entropy: return balance.entropy;
        case BalanceMeasure::MaxOverMean: return balance.maxOverMean;
        case BalanceMeasure::UnusedExperts: return balance.hasData() ? static_cast<double>(balance.unused) : noData;
    }
    return noData;
}

QString titleOf(BalanceMeasure measure) {
    switch (measure) {
        case BalanceMeasure::Entropy: return RoutingCharts::tr("How evenly the experts are used");
        case BalanceMeasure::MaxOverMean: return RoutingCharts::tr("Load of the busiest expert");
        case BalanceMeasure::UnusedExperts: return RoutingCharts::tr("Experts without any work");
    }
    return {};
}

Quantity quantityOf(BalanceMeasure measure) {
    switch (measure) {
        case BalanceMeasure::Entropy: return {RoutingCharts::tr("evenness"), RoutingCharts::tr("normalised entropy"), {}};
        case BalanceMeasure::MaxOverMean: return {RoutingCharts::tr("largest load"), RoutingCharts::tr("times the mean"), {}};
        case BalanceMeasure::UnusedExperts:
            return {RoutingCharts::tr("unused experts"), RoutingCharts::tr("unused experts"), RoutingCharts::tr("unused expert")};
    }
    return {};
}

/// Which experts take no part.
QString leftOutNote(const RoutingTrace& trace) {
    for (const MoeLayerDescriptor& layer : trace.layers)
        if (layer.unconditionalExpert >= 0)
            return RoutingCharts::tr("The expert for tokens without condition (%1) takes no part in this balance.").arg(layer.unconditionalExpert);
    return {};
}

ChartSpec framed(const ChartInput& input, const QString& title, bool oneEvaluation) {
    ChartSpec chart;
    chart.title = title;
    chart.emptyText = reasonForNothing(input, {.oneEvaluation = oneEvaluation});
    if (chart.empty()) return chart;
    if (input.branch == BranchChoice::Difference)
        chart.emptyText = RoutingCharts::tr("Balance is a measure of one branch and has no difference: choose the conditional branch, the "
                                            "unconditional branch or both.");
    else
        chart.subtitle = partOfRun(input, oneEvaluation);
    chart.note = leftOutNote(*input.routing);
    if (chart.note.isEmpty()) chart.note = flatLoadNote(input, -1);
    return chart;
}

/// [layers][evaluations] of the run so far.
std::vector<std::vector<double>> valuesOverRun(const ChartInput& input, BalanceMeasure measure) {
    std::vector<std::vector<double>> values(input.routing->layers.size());
    for (size_t layer = 0; layer < values.size(); ++layer)
        for (const Balance& balance : balanceOverEvaluations(*input.routing, static_cast<int>(layer), queryOf(input)))
            values[layer].push_back(valueOf(balance, measure));
    return values;
}

/// Ends of the axis that hold every value of the run so far: the same at every evaluation, and only growing while the run goes on.
void fitAxis(SeriesSpec& spec, const std::vector<std::vector<double>>& values, BalanceMeasure measure) {
    double least = 1, largest = 1;
    for (const auto& row : values)
        for (const double value : row) {
            if (!hasData(value)) continue;
            least = std::min(least, value);
            largest = std::max(largest, value);
        }
    const bool bars = spec.form == SeriesSpec::Form::Bars;
    switch (measure) {
        case BalanceMeasure::Entropy:
            // Lines need no zero, and those of a balanced model lie in the uppermost tenth.
            spec.low = bars ? 0 : std::clamp(std::floor(least * 10 - 1e-9) / 10, 0.0, 0.9);
            spec.high = 1;
            break;
        case BalanceMeasure::MaxOverMean:
            spec.low = bars ? 0 : 1;
            spec.high = std::max(2.0, std::ceil(largest));
            spec.reference = 1;
            spec.referenceName = RoutingCharts::tr("every expert the same");
            break;
        case BalanceMeasure::UnusedExperts:
            spec.low = 0;
            spec.high = std::max(2.0, largest);
            break;
    }
}

SeriesSpec balanceSeries(BalanceMeasure measure, SeriesSpec::Form form) {
    const Quantity quantity = quantityOf(measure);
    SeriesSpec spec;
    spec.form = form;
    spec.quantity = quantity.name;
    spec.unit = quantity.unit;
    spec.unitOne = quantity.unitOne;
    return spec;
}

}  // namespace

ChartSpec balanceByLayerChart(const ChartInput& input, BalanceMeasure measure) {
    ChartSpec chart = framed(input, RoutingCharts::tr("%1, by layer").arg(titleOf(measure)), true);
    if (chart.empty()) return chart;
    SeriesSpec spec = balanceSeries(measure, SeriesSpec::Form::Bars);
    std::vector<int> layers(input.routing->layers.size());
    std::iota(layers.begin(), layers.end(), 0);
    spec.x = layerAxis(*input.routing, layers);
    spec.selectedX = input.layer;
    Series series;
    for (const Balance& balance : balancePerLayer(*input.routing, queryAtNow(input))) series.y.push_back(valueOf(balance, measure));
    spec.series.push_back(std::move(series));
    fitAxis(spec, valuesOverRun(input, measure), measure);
    chart.body = std::move(spec);
    return chart;
}

ChartSpec balanceOverTimeChart(const ChartInput& input, BalanceMeasure measure) {
    ChartSpec chart = framed(input, RoutingCharts::tr("%1 over the run").arg(titleOf(measure)), false);
    if (chart.empty()) return chart;
    SeriesSpec spec = balanceSeries(measure, SeriesSpec::Form::Lines);
    spec.x = evaluationAxis(input);
    spec.xReached = evaluationsReached(input);
    spec.selectedX = input.evaluation;
    std::vector<std::vector<double>> values = valuesOverRun(input, measure);
    fitAxis(spec, values, measure);
    for (size_t layer = 0; layer < values.size(); ++layer) {
        values[layer].resize(static_cast<size_t>(evaluationColumns(input)), noData);
        spec.series.push_back({layerTitle(*input.routing, layer), std::move(values[layer]), static_cast<int>(layer) == input.layer});
    }
    chart.body = std::move(spec);
    return chart;
}

}  // namespace moescope
