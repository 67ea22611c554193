// SPDX-License-Identifier: GPL-3.0-or-later
// How many experts tokens have, and what experts take, where neither is fixed by the model.
#include <algorithm>
#include <cmath>

#include "viz/aggregate/token_cover.h"
#include "viz/aggregate/token_map.h"
#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

const MoeLayerDescriptor& layerOf(const ChartInput& input) { return input.routing->layers[static_cast<size_t>(input.layer)]; }

/// Sets the reason for nothing that these charts share: they need one layer, one branch and, mostly, assignments.
void refuseDifference(const ChartInput& input, ChartSpec& chart) {
    if (!chart.empty() && input.branch == BranchChoice::Difference)
        chart.emptyText = RoutingCharts::tr("This is counted in one branch or in both together and has no difference: choose the conditional "
                                            "branch, the unconditional branch or both.");
}

void refuseNetworks(const ChartInput& input, ChartSpec& chart) {
    if (!chart.empty() && layerOf(input).policy == RoutingPolicy::NetworkMixture)
        chart.emptyText = RoutingCharts::tr("The networks of a mixture work on whole pictures: choose a MoE layer of one of them to see its tokens.");
}

QString needsAssignments() {
    return RoutingCharts::tr("This run kept only how many tokens each expert took: generate with “who handled what” recorded to see this.");
}

/// One past the largest number of experts that a token has in the run so far, but room for a few: an axis that only grows.
int64_t numbersShown(const Matrix& numbers, const MoeLayerDescriptor& layer) {
    int64_t most = std::max<int64_t>(layer.topK, std::min<int64_t>(layer.experts, 4));
    for (int64_t number = 0; number < numbers.rows; ++number)
        for (int64_t column = 0; column < numbers.cols; ++column)
            if (numbers.at(number, column) > 0) most = std::max(most, number);
    return most + 1;
}

CategoryAxis numberAxis(int64_t numbers) {
    CategoryAxis axis{.title = RoutingCharts::tr("experts")};
    for (int64_t number = 0; number < numbers; ++number) axis.labels << QString::number(number);
    axis.marked = 0;
    axis.markName = RoutingCharts::tr("no expert took them");
    return axis;
}

/// What of the tokens becomes of those without an expert.
QString unroutedNote(const MoeLayerDescriptor& layer) {
    if (layer.topK > 0) return {};
    return layer.sharedExpert ? RoutingCharts::tr("Only the shared expert works on tokens that no expert took.")
                              : RoutingCharts::tr("Tokens that no expert took pass this layer unchanged.");
}

double largestOf(const Matrix& matrix) {
    double largest = 0;
    for (const double value : matrix.values)
        if (hasData(value)) largest = std::max(largest, value);
    return largest;
}

ChartSpec coverLines(const ChartInput& input, const QString& title, const QString& quantity, const QString& unit, double TokenCover::*value) {
    ChartSpec chart = framedChart(input, title, {});
    refuseDifference(input, chart);
    if (chart.empty()) return chart;
    SeriesSpec spec;
    spec.form = SeriesSpec::Form::Lines;
    spec.x = evaluationAxis(input);
    spec.xReached = evaluationsReached(input);
    spec.selectedX = input.evaluation;
    spec.quantity = quantity;
    spec.unit = unit;
    double largest = 0;
    bool any = false;
    const std::vector<int> layers = tokenLayers(*input.routing);
    for (const int layer : layers) {
        Series series{.name = layerTitle(*input.routing, static_cast<size_t>(layer)), .emphasised = layer == input.layer};
        for (const TokenCover& cover : coverOverEvaluations(*input.routing, layer, queryOf(input))) {
            series.y.push_back(cover.*value);
            if (hasData(series.y.back())) any = true, largest = std::max(largest, series.y.back());
        }
        series.y.resize(static_cast<size_t>(evaluationColumns(input)), noData);
        spec.series.push_back(std::move(series));
        if (spec.missing.isEmpty()) spec.missing = missingText(*input.routing, layer);
    }
    if (!any) chart.emptyText = needsAssignments();
    spec.low = 0;
    spec.high = std::max(largest, value == &TokenCover::unrouted ? 0.1 : 2.0);
    chart.layerNumbers = layers;
    chart.body = std::move(spec);
    return chart;
}

}  // namespace

ChartSpec expertsPerTokenChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, ofLayer(RoutingCharts::tr("Experts per token"), input), {.oneEvaluation = true, .oneLayer = true});
    refuseDifference(input, chart);
    if (!chart.empty()) refuseNetworks(input, chart);
    if (chart.empty()) return chart;
    const std::vector<int64_t> now = expertsPerToken(*input.routing, input.layer, queryAtNow(input));
    if (now.empty()) {
        chart.emptyText = needsAssignments();
        return chart;
    }
    const Matrix overRun = expertsPerTokenOverEvaluations(*input.routing, input.layer, queryOf(input));
    const int64_t numbers = numbersShown(overRun, layerOf(input));
    SeriesSpec bars;
    bars.quantity = RoutingCharts::tr("tokens");
    bars.unit = RoutingCharts::tr("tokens");
    bars.unitOne = RoutingCharts::tr("token");
    bars.x = numberAxis(numbers);
    bars.low = 0;
    bars.high = std::max(1.0, largestOf(overRun));
    Series series;
    for (int64_t number = 0; number < numbers; ++number) series.y.push_back(static_cast<double>(now[static_cast<size_t>(number)]));
    bars.series.push_back(std::move(series));
    chart.note = unroutedNote(layerOf(input));
    chart.body = std::move(bars);
    return chart;
}

ChartSpec expertsPerTokenOverTimeChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, ofLayer(RoutingCharts::tr("Experts per token over the run"), input), {.oneLayer = true});
    refuseDifference(input, chart);
    if (!chart.empty()) refuseNetworks(input, chart);
    if (chart.empty()) return chart;
    const Matrix numbers = expertsPerTokenOverEvaluations(*input.routing, input.layer, queryOf(input));
    if (std::none_of(numbers.values.begin(), numbers.values.end(), hasData)) {
        chart.emptyText = needsAssignments();
        return chart;
    }
    HeatMapSpec map;
    const int64_t shown = numbersShown(numbers, layerOf(input));
    map.values = Matrix(shown, evaluationColumns(input));
    for (int64_t number = 0; number < shown; ++number)
        for (int64_t column = 0; column < numbers.cols; ++column) map.values.at(number, column) = numbers.at(number, column);
    map.rows = numberAxis(shown);
    map.columns = evaluationAxis(input);
    map.columnsReached = evaluationsReached(input);
    map.selectedColumn = input.evaluation;
    map.quantity = RoutingCharts::tr("tokens");
    map.unit = RoutingCharts::tr("tokens");
    map.unitOne = RoutingCharts::tr("token");
    // All tokens that there are: the same at every evaluation, whatever became of them.
    const auto tokens = static_cast<double>(layerOf(input).tokensPerSample() * (input.image < 0 ? std::max<int64_t>(input.routing->images, 1) : 1));
    map.range = {0, std::max(1.0, tokens * (input.branch == BranchChoice::Both ? 2 : 1)), ColourScale::Sequential};
    map.missing = missingText(*input.routing, input.layer);
    chart.note = unroutedNote(layerOf(input));
    chart.body = std::move(map);
    return chart;
}

ChartSpec capacityChart(const ChartInput& input) {
    ChartSpec chart = framedChart(input, ofLayer(RoutingCharts::tr("Tokens that each expert takes"), input), {.oneLayer = true});
    refuseDifference(input, chart);
    if (!chart.empty()) refuseNetworks(input, chart);
    if (chart.empty()) return chart;
    const MoeLayerDescriptor& layer = layerOf(input);
    const Matrix taken = capacityOverEvaluations(*input.routing, input.layer, queryOf(input));
    HeatMapSpec map;
    map.values = Matrix(taken.rows, evaluationColumns(input));
    for (int64_t expert = 0; expert < taken.rows; ++expert)
        for (int64_t column = 0; column < taken.cols; ++column) map.values.at(expert, column) = taken.at(expert, column);
    map.rows = expertAxis(*input.routing, input.layer);
    map.columns = evaluationAxis(input);
    map.columnsReached = evaluationsReached(input);
    map.selectedRow = input.expert;
    map.selectedColumn = input.evaluation;
    map.quantity = RoutingCharts::tr("tokens taken");
    map.unit = RoutingCharts::tr("times an even share (N/E)");
    const double mean = layer.topK > 0       ? static_cast<double>(layer.topK)
                        : layer.capacity > 0 ? static_cast<double>(layer.capacity * layer.experts) /
                                                   static_cast<double>(std::max<int64_t>(layer.tokensPerSample(), 1))
                                             : 1;
    map.range = {0, std::max(1.0, std::min(static_cast<double>(layer.experts), std::ceil(4 * mean - 1e-9))), ColourScale::Sequential};
    map.missing = missingText(*input.routing, input.layer);
    if (!layer.thresholds.empty()) {
        map.beside.title = RoutingCharts::tr("threshold");
        map.beside.values.assign(layer.thresholds.begin(), layer.thresholds.end());
        map.beside.values.resize(static_cast<size_t>(layer.experts), noData);
        chart.note = RoutingCharts::tr("A token counts towards an expert's capacity where its predicted probability exceeds the expert's threshold.");
    } else if (layer.policy == RoutingPolicy::ExpertChoice) {
        chart.note = RoutingCharts::tr("Every expert takes the same number of tokens here, by construction: this is the model's capacity factor.");
    }
    chart.body = std::move(map);
    return chart;
}

ChartSpec expertsPerTokenLinesChart(const ChartInput& input) {
    return coverLines(input, RoutingCharts::tr("Experts per token on average"), RoutingCharts::tr("experts per token"),
                      RoutingCharts::tr("mean"), &TokenCover::expertsPerToken);
}

ChartSpec unroutedLinesChart(const ChartInput& input) {
    return coverLines(input, RoutingCharts::tr("Tokens without an expert"), RoutingCharts::tr("share"), RoutingCharts::tr("of the tokens"),
                      &TokenCover::unrouted);
}

}  // namespace moescope
