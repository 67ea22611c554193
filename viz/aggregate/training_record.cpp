// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/aggregate/training_record.h"

#include <algorithm>

namespace moescope {
namespace {

bool isStep(const train::MetricsLine& line) {
    return line.heldOutLoss < 0;
}

/// Neighbours that share a point, so that `count` values have at most `points` points.
int64_t groupSize(int64_t count, int points) {
    return std::max<int64_t>(1, (count + points - 1) / std::max(1, points));
}

/// `values[i]` at `steps[i]`, thinned to means.
StepCurve thinned(const std::vector<int64_t>& steps, const std::vector<double>& values, int points) {
    StepCurve curve;
    const auto count = static_cast<int64_t>(values.size());
    curve.perPoint = groupSize(count, points);
    for (int64_t first = 0; first < count; first += curve.perPoint) {
        const int64_t end = std::min(count, first + curve.perPoint);
        double sum = 0;
        for (int64_t i = first; i < end; ++i) sum += values[static_cast<size_t>(i)];
        curve.steps.push_back(steps[static_cast<size_t>(end - 1)]);
        curve.values.push_back(sum / static_cast<double>(end - first));
    }
    return curve;
}

void add(std::vector<double>& into, const std::vector<double>& from) {
    into.resize(std::max(into.size(), from.size()));
    for (size_t i = 0; i < from.size(); ++i) into[i] += from[i];
}

}  // namespace

StepCurve curveOf(const TrainingRecord& record, const LineValue& value, int points) {
    std::vector<int64_t> steps;
    std::vector<double> values;
    for (const train::MetricsLine& line : record.lines)
        if (isStep(line)) {
            steps.push_back(line.step);
            values.push_back(value(line));
        }
    return thinned(steps, values, points);
}

StepCurve runningMean(const TrainingRecord& record, const LineValue& value, int window, int points) {
    std::vector<int64_t> steps;
    std::vector<double> values, means;
    double sum = 0;
    for (const train::MetricsLine& line : record.lines) {
        if (!isStep(line)) continue;
        steps.push_back(line.step);
        values.push_back(value(line));
        sum += values.back();
        if (values.size() > static_cast<size_t>(window)) sum -= values[values.size() - 1 - static_cast<size_t>(window)];
        means.push_back(sum / static_cast<double>(std::min<size_t>(values.size(), static_cast<size_t>(window))));
    }
    StepCurve curve = thinned(steps, means, points);
    // A point shows the mean that its step has, not a mean of means.
    for (size_t i = 0; i < curve.values.size(); ++i)
        curve.values[i] = means[std::min(means.size(), (i + 1) * static_cast<size_t>(curve.perPoint)) - 1];
    return curve;
}

StepCurve heldOutCurve(const TrainingRecord& record) {
    StepCurve curve;
    for (const train::MetricsLine& line : record.lines) {
        if (isStep(line)) continue;
        if (!curve.steps.empty() && curve.steps.back() == line.step) {  // measured again after a run went on from there
            curve.values.back() = line.heldOutLoss;
            continue;
        }
        curve.steps.push_back(line.step);
        curve.values.push_back(line.heldOutLoss);
    }
    return curve;
}

std::vector<int> routedBlocks(const TrainingRecord& record) {
    std::vector<int> blocks;
    for (const train::MetricsLine& line : record.lines)
        if (!line.routing.layers().empty()) {
            for (const train::LayerLoad& layer : line.routing.layers()) blocks.push_back(layer.block);
            break;
        }
    return blocks;
}

std::vector<LoadPoint> loadsOf(const TrainingRecord& record, size_t layer, int points) {
    std::vector<const train::MetricsLine*> routed;
    for (const train::MetricsLine& line : record.lines)
        if (layer < line.routing.layers().size()) routed.push_back(&line);
    const int64_t group = groupSize(static_cast<int64_t>(routed.size()), points);
    std::vector<LoadPoint> loads;
    for (size_t i = 0; i < routed.size(); ++i) {
        const train::LayerLoad& load = routed[i]->routing.layers()[layer];
        if (i % static_cast<size_t>(group) == 0) {
            loads.push_back({routed[i]->step, load});
            continue;
        }
        LoadPoint& point = loads.back();
        point.step = routed[i]->step;
        add(point.load.pairs, load.pairs);
        for (size_t third = 0; third < train::kTimeThirds; ++third)
            add(point.load.pairsByTime[third], load.pairsByTime[third]);
    }
    return loads;
}

}  // namespace moescope
