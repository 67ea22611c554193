// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of a training run, and their means over neighbouring steps for as many points as a chart has room for.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/train/metrics_file.h"

namespace moescope {

/// As metrics.jsonl has them; lines of held-out pictures stand beside those of their step.
struct TrainingRecord {
    std::vector<train::MetricsLine> lines;
    int64_t steps = 0;  // that the recipe wants; 0: not known

    bool empty() const { return lines.empty(); }
    /// The newest step; 0 without one.
    int64_t lastStep() const { return lines.empty() ? 0 : lines.back().step; }
};

/// Values at steps, the last of each group of neighbours.
struct StepCurve {
    std::vector<int64_t> steps;
    std::vector<double> values;
    int64_t perPoint = 1;  // values that a point is the mean of
};

using LineValue = std::function<double(const train::MetricsLine&)>;

/// Means over neighbours, at most `points`. Lines of held-out pictures are passed over.
StepCurve curveOf(const TrainingRecord& record, const LineValue& value, int points);
/// The trailing mean of up to `window` steps at each point of the same curve.
StepCurve runningMean(const TrainingRecord& record, const LineValue& value, int window, int points);
/// What was measured on pictures kept aside.
StepCurve heldOutCurve(const TrainingRecord& record);

/// Routing over the run: the loads of a layer added over neighbouring lines.
struct LoadPoint {
    int64_t step = 0;
    train::LayerLoad load;
};
/// MoE layers of the record, in the order of their blocks.
std::vector<int> routedBlocks(const TrainingRecord& record);
std::vector<LoadPoint> loadsOf(const TrainingRecord& record, size_t layer, int points);

}  // namespace moescope
