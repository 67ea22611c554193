// SPDX-License-Identifier: GPL-3.0-or-later
// Which experts handle the words of a prompt.
#include <algorithm>

#include "viz/aggregate/prompt_words.h"
#include "viz/charts/chart_parts.h"

namespace moescope {
namespace {

/// Why a run with routing has nothing to show here; empty where it has.
QString reasonForNoWords(const ChartInput& input) {
    const RoutingTrace& trace = *input.routing;
    if (trace.text.prompts.empty())
        return RoutingCharts::tr("This model does not read prompts, so no word goes through its experts. The built-in model prompts32 reads them.");
    if (input.branch == BranchChoice::Both || input.branch == BranchChoice::Difference)
        return RoutingCharts::tr("The branches read different words: choose the conditional or the unconditional branch.");
    if (firstTextToken(trace.layers[static_cast<size_t>(input.layer)]) < 0)
        return RoutingCharts::tr("The words join in a later layer: choose a MoE layer further down.");
    if (!sameWords(trace, queryOf(input)))
        return RoutingCharts::tr("These pictures have different prompts: choose one picture.");
    return {};
}

}  // namespace

ChartSpec wordExpertsChart(const ChartInput& input, bool overRun) {
    ChartSpec chart = framedChart(input, ofLayer(RoutingCharts::tr("Words and experts"), input), {.oneEvaluation = !overRun, .oneLayer = true});
    if (chart.empty()) return chart;
    chart.emptyText = reasonForNoWords(input);
    if (chart.empty()) return chart;
    const LoadQuery query = overRun ? queryOf(input) : queryAtNow(input);
    HeatMapSpec map;
    map.values = expertsOfWords(*input.routing, input.layer, query);
    if (std::none_of(map.values.values.begin(), map.values.values.end(), hasData)) {
        chart.emptyText = RoutingCharts::tr("This run kept only how many tokens each expert took: generate with “who handled what” recorded to see this.");
        return chart;
    }
    map.rows.title = RoutingCharts::tr("word");
    for (const PromptWord& word : wordsOf(*input.routing, query)) map.rows.labels << QString::fromStdString(word.text);
    map.rows.labels << RoutingCharts::tr("(empty places)");
    map.columns = expertAxis(*input.routing, input.layer);
    map.selectedColumn = input.expert;
    map.quantity = RoutingCharts::tr("share of the word");
    map.range = {0, 1, ColourScale::Sequential};
    chart.note = RoutingCharts::tr("A row is a word: its gate weights over the experts, which sum to 1.");
    chart.body = std::move(map);
    return chart;
}

}  // namespace moescope
