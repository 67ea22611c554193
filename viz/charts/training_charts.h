// SPDX-License-Identifier: GPL-3.0-or-later
// The charts of a training run: pure functions from its numbers to a ChartSpec.
#pragma once

#include "viz/aggregate/training_record.h"
#include "viz/charts/chart_spec.h"

namespace moescope {

enum class TrainingCurve : uint8_t { Loss, HeldOutLoss, GradientNorm, Rate };
enum class TrainingBalance : uint8_t {
    ByLayer,  // largest load over the mean minus 1, a line per MoE layer
    ByTime,   // the same by thirds of t for the chosen layer
    Unused,   // experts that got nothing, a line per MoE layer
};

/// A curve over the steps. The loss has its running mean beside it.
ChartSpec trainingCurveChart(const TrainingRecord& record, TrainingCurve curve);
/// Load of each expert (rows) of a MoE layer over the steps (columns), as a multiple of the mean load.
ChartSpec trainingLoadChart(const TrainingRecord& record, int layer);
ChartSpec trainingBalanceChart(const TrainingRecord& record, TrainingBalance balance, int layer);

/// "MoE layer 2 (block 5)" for a layer of the record.
QString trainingLayerName(const TrainingRecord& record, int layer);

}  // namespace moescope
