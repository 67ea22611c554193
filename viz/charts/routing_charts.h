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

/// "layer 2 (block 5)": both indices, as everywhere in the program.
QString layerName(const MoeLayerDescriptor& layer);
QString branchText(BranchChoice branch);
/// "evaluation 12 of 49, t = 0.48": counted from 1.
QString evaluationText(const EvaluationInfo& info, int planned);

}  // namespace moescope
