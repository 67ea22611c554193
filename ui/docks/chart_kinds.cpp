// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/chart_kinds.h"

#include <QCoreApplication>
#include <algorithm>

#include "viz/aggregate/network_choice.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(ChartKinds)
};

constexpr int kOverTime = 1;

/// Tokens have as many experts as come out: expert choice and pools.
bool anyNumberOfExperts(const RoutingTrace& trace) {
    return std::any_of(trace.layers.begin(), trace.layers.end(), [](const MoeLayerDescriptor& layer) {
        return layer.topK == 0 && layer.policy != RoutingPolicy::NetworkMixture;
    });
}

std::vector<ChartKind> makeKinds() {
    std::vector<ChartKind> kinds;
    kinds.push_back({"load", Text::tr("Experts of the layer"),
                     Text::tr("How much of this evaluation's work each expert of the chosen layer took (its load)."),
                     {}, true,
                     [](const ChartInput& input, const std::vector<int>&) { return expertLoadChart(input); },
                     [](Selection& selection, const ChartSpec&, int, int column, const std::vector<int>&) { selection.expert = column; }});
    kinds.push_back({"layer-expert", Text::tr("Layers and experts"),
                     Text::tr("The load of every expert in every mixture-of-experts layer at the chosen evaluation."),
                     {}, true,
                     [](const ChartInput& input, const std::vector<int>&) { return layerExpertChart(input); },
                     [](Selection& selection, const ChartSpec& chart, int row, int column, const std::vector<int>&) {
                         selection.layer = layerNumber(chart, row);
                         selection.expert = column;
                     }});
    kinds.push_back({"expert-time", Text::tr("Experts over time"),
                     Text::tr("The load of the chosen layer's experts from the first, noisiest evaluation to the last."),
                     {}, true,
                     [](const ChartInput& input, const std::vector<int>&) { return expertTimeChart(input); },
                     [](Selection& selection, const ChartSpec&, int row, int column, const std::vector<int>&) {
                         selection.expert = row;
                         selection.evaluation = column;
                     }});
    kinds.push_back({"balance", Text::tr("Balance"),
                     Text::tr("How evenly the work is spread over the experts: normalised entropy, largest load over mean load, or unused experts."),
                     {{Text::tr("measure"), {Text::tr("evenness (entropy)"), Text::tr("largest over mean"), Text::tr("unused experts")}},
                      {Text::tr("axis"), {Text::tr("by layer"), Text::tr("over time")}}}, true,
                     [](const ChartInput& input, const std::vector<int>& chosen) {
                         const auto measure = static_cast<BalanceMeasure>(chosen[0]);
                         return chosen[1] == kOverTime ? balanceOverTimeChart(input, measure) : balanceByLayerChart(input, measure);
                     },
                     [](Selection& selection, const ChartSpec& chart, int row, int column, const std::vector<int>& chosen) {
                         if (chosen[1] == kOverTime) {
                             selection.layer = layerNumber(chart, row);
                             selection.evaluation = column;
                         } else {
                             selection.layer = layerNumber(chart, column);
                         }
                     }});
    kinds.push_back({"change", Text::tr("Routing changes"),
                     Text::tr("How much of each layer's work went to other experts than at the evaluation before (distance of the load shares)."),
                     {}, true,
                     [](const ChartInput& input, const std::vector<int>&) { return routingChangeChart(input); },
                     [](Selection& selection, const ChartSpec& chart, int row, int column, const std::vector<int>&) {
                         selection.layer = layerNumber(chart, row);
                         selection.evaluation = column;
                     }});
    kinds.push_back({"words", Text::tr("Words and experts"),
                     Text::tr("Which experts of the chosen layer handled each word of the prompt, and its empty places."),
                     {{Text::tr("time"), {Text::tr("this evaluation"), Text::tr("whole run")}}}, false,
                     [](const ChartInput& input, const std::vector<int>& chosen) { return wordExpertsChart(input, chosen[0] == kOverTime); },
                     [](Selection& selection, const ChartSpec&, int, int column, const std::vector<int>&) { selection.expert = column; },
                     [](const RoutingTrace& trace) { return !trace.text.prompts.empty(); }});
    kinds.push_back({"experts-per-token", Text::tr("Experts per token"),
                     Text::tr("How many experts took each token of the chosen layer, and how many tokens no expert took (unrouted tokens)."),
                     {{Text::tr("time"), {Text::tr("this evaluation"), Text::tr("over time")}}}, false,
                     [](const ChartInput& input, const std::vector<int>& chosen) {
                         return chosen[0] == kOverTime ? expertsPerTokenOverTimeChart(input) : expertsPerTokenChart(input);
                     },
                     [](Selection& selection, const ChartSpec&, int, int column, const std::vector<int>& chosen) {
                         if (chosen[0] == kOverTime) selection.evaluation = column;
                     },
                     anyNumberOfExperts});
    kinds.push_back({"capacity", Text::tr("Capacities"),
                     Text::tr("How many tokens each expert takes compared with an even share (capacity), how many experts tokens have on average, and "
                              "the share of tokens that no expert takes."),
                     {{Text::tr("quantity"), {Text::tr("taken by experts"), Text::tr("experts per token"), Text::tr("without an expert")}}}, false,
                     [](const ChartInput& input, const std::vector<int>& chosen) {
                         return chosen[0] == 0 ? capacityChart(input) : chosen[0] == 1 ? expertsPerTokenLinesChart(input) : unroutedLinesChart(input);
                     },
                     [](Selection& selection, const ChartSpec& chart, int row, int column, const std::vector<int>& chosen) {
                         if (chosen[0] == 0)
                             selection.expert = row;
                         else
                             selection.layer = layerNumber(chart, row);
                         selection.evaluation = column;
                     },
                     anyNumberOfExperts});
    kinds.push_back({"networks", Text::tr("Networks"),
                     Text::tr("With what weight each whole network of a mixture enters the picture, from the first evaluation to the last."),
                     {{Text::tr("form"), {Text::tr("stacked"), Text::tr("lines")}}}, false,
                     [](const ChartInput& input, const std::vector<int>& chosen) {
                         return networkWeightsChart(input, chosen[0] == 0 ? SeriesSpec::Form::Stacked : SeriesSpec::Form::Lines);
                     },
                     [](Selection& selection, const ChartSpec& chart, int row, int column, const std::vector<int>&) {
                         if (chart.aboutLayer >= 0) selection.layer = chart.aboutLayer;
                         selection.expert = row;
                         selection.evaluation = column;
                     },
                     [](const RoutingTrace& trace) { return networkLayer(trace) >= 0; }});
    return kinds;
}

}  // namespace

const std::vector<ChartKind>& chartKinds() {
    static const std::vector<ChartKind> kinds = makeKinds();
    return kinds;
}

}  // namespace moescope
