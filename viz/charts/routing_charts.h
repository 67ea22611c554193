// SPDX-License-Identifier: GPL-3.0-or-later
// The charts of a run's routing: pure functions from a trace to a ChartSpec.
#pragma once

#include <memory>
#include <vector>

#include "engine/trace/run_record.h"
#include "viz/aggregate/load.h"
#include "viz/charts/chart_spec.h"

namespace moescope {

enum class BalanceMeasure : uint8_t { Entropy, MaxOverMean, UnusedExperts };

/// What a chart is made from; shares the run's parts and may be used on any thread.
struct ChartInput {
    std::shared_ptr<const RoutingTrace> routing;
    std::vector<EvaluationInfo> evaluations;   // as far as the run has come
    int plannedEvaluations = 0;                // axes over evaluations have this length from the start
    bool going = false;
    int evaluation = -1;
    int64_t image = -1;                        // -1: all images together
    BranchChoice branch = BranchChoice::Cond;
    LoadMeasure measure = LoadMeasure::Counts;
    int layer = 0;
    int expert = -1;
};

/// Load by MoE layer (rows) and expert (columns) at the chosen evaluation.
ChartSpec layerExpertChart(const ChartInput& input);
/// Load by expert (rows) and evaluation (columns) of the chosen layer.
ChartSpec expertTimeChart(const ChartInput& input);
/// Bars: load of each expert of the chosen layer at the chosen evaluation.
ChartSpec expertLoadChart(const ChartInput& input);
/// A measure of balance by layer, at the chosen evaluation.
ChartSpec balanceByLayerChart(const ChartInput& input, BalanceMeasure measure);
/// A measure of balance over the run, one line per layer, the chosen one emphasised.
ChartSpec balanceOverTimeChart(const ChartInput& input, BalanceMeasure measure);
/// Share of the load that moved since the evaluation before, one line per layer, the chosen one emphasised.
ChartSpec routingChangeChart(const ChartInput& input);

/// Bars: how many tokens of the chosen layer had 0, 1, 2 ... experts at the chosen evaluation; and the same by evaluation (columns).
ChartSpec expertsPerTokenChart(const ChartInput& input);
ChartSpec expertsPerTokenOverTimeChart(const ChartInput& input);
/// Tokens that each expert (rows) of the chosen layer took by evaluation (columns), as a multiple of N / E; thresholds beside.
ChartSpec capacityChart(const ChartInput& input);
/// Mean number of experts of a token, and share of the tokens without one: one line per layer, the chosen one emphasised.
ChartSpec expertsPerTokenLinesChart(const ChartInput& input);
ChartSpec unroutedLinesChart(const ChartInput& input);
/// Share of each prompt word's gate weight (rows) by expert (columns) of the chosen layer, at the chosen evaluation or over the run.
ChartSpec wordExpertsChart(const ChartInput& input, bool overRun);
/// Weights of the networks of a mixture over the run; Stacked or Lines.
ChartSpec networkWeightsChart(const ChartInput& input, SeriesSpec::Form form);

/// The colours of every load map of a run: made from what the layers say of themselves and, where that does not tell, from the first
/// evaluation that has data, so that they are the same while the run goes on and afterwards.
///   Token counts: up to min(tokens, 4 x the mean load) of the layer where that is largest; a layer of expert choice, whose load is
///   its capacity by construction, counts with 2 x its capacity, which puts it in the middle of the colours; a layer whose policy
///   fixes no mean (batch pool) takes it from the first picture of its first record. Gate mass: 4 x the mean of the first picture of
///   the first record. Times the number of pictures that are summed; Both: twice that, as two branches are summed; Difference: a
///   quarter of it, about the mean load, to either side of 0.
/// One range for all layers whose experts take tokens; `layer` matters only where it is the choice of networks, whose unit is a picture.
ColourRange loadRange(const RoutingTrace& trace, LoadMeasure measure, BranchChoice branch, int64_t image, int layer = -1);

/// "MoE layer 2 (block 5)": both indices, as everywhere in the program; "choice of networks".
QString layerName(const MoeLayerDescriptor& layer);
/// layerName, with the network's name where a run has several.
QString layerTitle(const RoutingTrace& trace, size_t layer);
QString branchText(BranchChoice branch);
/// "evaluation 12 of 49, t = 0.48": counted from 1.
QString evaluationText(const EvaluationInfo& info, int planned);

}  // namespace moescope
