// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/charts/training_charts.h"

#include <QCoreApplication>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace moescope {
namespace {

struct TrainingCharts {
    Q_DECLARE_TR_FUNCTIONS(TrainingCharts)
};

constexpr int kCurvePoints = 400;
constexpr int kMapColumns = 120;
constexpr int kRunningSteps = 50;       // that the running mean is over
constexpr double kLargestMultiple = 3;  // of the mean load, where the colours end
constexpr double kEvenEnough = 10;      // per cent over the mean, below which a layer counts as balanced
constexpr double kLeastPercent = 1;     // below it nobody looks

QString stepsText(const std::vector<int64_t>& steps, int64_t perPoint) {
    if (steps.empty()) return {};
    const QString range =
        TrainingCharts::tr("steps %1 to %2")
            .arg(numberText(static_cast<double>(steps.front())), numberText(static_cast<double>(steps.back())));
    return perPoint > 1
               ? TrainingCharts::tr("%1, each point the mean of %2 steps").arg(range, QString::number(perPoint))
               : range;
}

CategoryAxis stepAxis(const std::vector<int64_t>& steps) {
    CategoryAxis axis;
    axis.title = TrainingCharts::tr("step");
    for (const int64_t step : steps) axis.labels << QString::number(step);
    return axis;
}

SeriesSpec linesOver(const std::vector<int64_t>& steps) {
    SeriesSpec spec;
    spec.form = SeriesSpec::Form::Lines;
    spec.x = stepAxis(steps);
    for (const int64_t step : steps) spec.xNumbers.push_back(static_cast<double>(step));
    return spec;
}

QString titleOf(TrainingCurve curve) {
    switch (curve) {
        case TrainingCurve::Loss:
            return TrainingCharts::tr("Loss");
        case TrainingCurve::HeldOutLoss:
            return TrainingCharts::tr("Loss on pictures kept aside");
        case TrainingCurve::GradientNorm:
            return TrainingCharts::tr("Gradient norm");
        case TrainingCurve::Rate:
            return TrainingCharts::tr("Learning rate");
    }
    return {};
}

LineValue valueOf(TrainingCurve curve) {
    switch (curve) {
        case TrainingCurve::Loss:
            return [](const train::MetricsLine& line) { return line.loss; };
        case TrainingCurve::HeldOutLoss:
            return [](const train::MetricsLine& line) { return line.heldOutLoss; };
        case TrainingCurve::GradientNorm:
            return [](const train::MetricsLine& line) { return line.gradientNorm; };
        case TrainingCurve::Rate:
            return [](const train::MetricsLine& line) { return line.rate; };
    }
    return {};
}

QString nothingYet() {
    return TrainingCharts::tr("No step yet. Start a run on the left, or open an earlier one.");
}

QString noLoadsYet(const TrainingRecord& record) {
    if (record.empty()) return nothingYet();
    if (record.lastStep() < train::kLoadEvery)
        return TrainingCharts::tr("The first loads come after %1 steps.").arg(train::kLoadEvery);
    return TrainingCharts::tr("This model has no mixture layers, so there is no load to show.");
}

double percent(double imbalance) {
    return imbalance * 100;
}
bool anyPair(const std::vector<double>& pairs) {
    return std::accumulate(pairs.begin(), pairs.end(), 0.0) > 0;
}

}  // namespace

QString trainingLayerName(const TrainingRecord& record, int layer) {
    const std::vector<int> blocks = routedBlocks(record);
    if (layer < 0 || static_cast<size_t>(layer) >= blocks.size()) return {};
    return TrainingCharts::tr("MoE layer %1 (block %2)")
        .arg(QString::number(layer), QString::number(blocks[static_cast<size_t>(layer)]));
}

ChartSpec trainingCurveChart(const TrainingRecord& record, TrainingCurve curve) {
    ChartSpec chart;
    chart.title = titleOf(curve);
    const StepCurve values =
        curve == TrainingCurve::HeldOutLoss ? heldOutCurve(record) : curveOf(record, valueOf(curve), kCurvePoints);
    if (record.empty() || values.steps.empty()) {
        chart.emptyText =
            record.empty()
                ? nothingYet()
                : TrainingCharts::tr(
                      "Pictures kept aside are tried when samples are drawn and at the end of a run; a recipe with "
                      "'held_out: 0' keeps none aside.");
        return chart;
    }
    chart.subtitle = stepsText(values.steps, values.perPoint);
    SeriesSpec spec = linesOver(values.steps);
    spec.quantity = curve == TrainingCurve::GradientNorm ? TrainingCharts::tr("gradient norm")
                    : curve == TrainingCurve::Rate       ? TrainingCharts::tr("learning rate")
                                                         : TrainingCharts::tr("loss");
    if (curve == TrainingCurve::Rate)
        spec.low = 0;
    else
        spec.logarithmic = true;  // it falls by orders of magnitude, and most of it at the beginning
    Series each{curve == TrainingCurve::HeldOutLoss ? TrainingCharts::tr("pictures kept aside")
                                                    : TrainingCharts::tr("each step"),
                values.values, false};
    if (values.perPoint > 1) each.name = TrainingCharts::tr("mean of %1 steps").arg(values.perPoint);
    each.emphasised = curve != TrainingCurve::Loss;
    spec.series.push_back(std::move(each));
    if (curve == TrainingCurve::Loss)
        spec.series.push_back({TrainingCharts::tr("mean of the last %1 steps").arg(kRunningSteps),
                               runningMean(record, valueOf(curve), kRunningSteps, kCurvePoints).values, true});
    chart.body = std::move(spec);
    return chart;
}

ChartSpec trainingLoadChart(const TrainingRecord& record, int layer) {
    ChartSpec chart;
    chart.title = TrainingCharts::tr("Load of each expert");
    const std::vector<LoadPoint> loads = loadsOf(record, static_cast<size_t>(std::max(0, layer)), kMapColumns);
    if (loads.empty()) {
        chart.emptyText = noLoadsYet(record);
        return chart;
    }
    const size_t experts = loads.front().load.pairs.size();
    HeatMapSpec map;
    map.rows.title = TrainingCharts::tr("expert");
    for (size_t expert = 0; expert < experts; ++expert) map.rows.labels << QString::number(expert);
    std::vector<int64_t> steps;
    for (const LoadPoint& point : loads) steps.push_back(point.step);
    map.columns = stepAxis(steps);
    map.quantity = TrainingCharts::tr("load");
    map.unit = TrainingCharts::tr("times the mean");
    map.range = {0, std::min(kLargestMultiple, static_cast<double>(experts)), ColourScale::Sequential};
    map.values = Matrix(static_cast<int64_t>(experts), static_cast<int64_t>(loads.size()));
    for (size_t column = 0; column < loads.size(); ++column) {
        const std::vector<double>& pairs = loads[column].load.pairs;
        const double sum = std::accumulate(pairs.begin(), pairs.end(), 0.0);
        for (size_t expert = 0; expert < experts && expert < pairs.size() && sum > 0; ++expert)
            map.values.at(static_cast<int64_t>(expert), static_cast<int64_t>(column)) =
                pairs[expert] * static_cast<double>(experts) / sum;
    }
    chart.subtitle = TrainingCharts::tr("%1, %2").arg(trainingLayerName(record, layer), stepsText(steps, 1));
    chart.aboutLayer = layer;
    chart.body = std::move(map);
    return chart;
}

ChartSpec trainingBalanceChart(const TrainingRecord& record, TrainingBalance balance, int layer) {
    ChartSpec chart;
    chart.title = balance == TrainingBalance::ByLayer  ? TrainingCharts::tr("Balance of each layer")
                  : balance == TrainingBalance::ByTime ? TrainingCharts::tr("Balance by noise level")
                                                       : TrainingCharts::tr("Experts without any work");
    const auto layers = static_cast<int>(routedBlocks(record).size());
    if (layers == 0) {
        chart.emptyText = noLoadsYet(record);
        return chart;
    }
    const std::vector<LoadPoint> chosen =
        loadsOf(record, static_cast<size_t>(std::clamp(layer, 0, layers - 1)), kCurvePoints);
    std::vector<int64_t> steps;
    for (const LoadPoint& point : chosen) steps.push_back(point.step);
    SeriesSpec spec = linesOver(steps);
    spec.low = 0;
    spec.quantity = TrainingCharts::tr("largest load");
    spec.unit = TrainingCharts::tr("% over the mean");
    chart.subtitle = stepsText(steps, 1);
    if (balance == TrainingBalance::ByTime) {
        const QString names[] = {TrainingCharts::tr("mostly noise (t below 1/3)"),
                                 TrainingCharts::tr("half way (t from 1/3 to 2/3)"),
                                 TrainingCharts::tr("mostly picture (t above 2/3)")};
        for (int third = 0; third < train::kTimeThirds; ++third) {
            Series series{names[third], {}, false};
            for (const LoadPoint& point : chosen)
                series.y.push_back(anyPair(point.load.pairsByTime[static_cast<size_t>(third)])
                                       ? percent(point.load.imbalance(third))
                                       : noData);
            spec.series.push_back(std::move(series));
        }
        chart.subtitle = TrainingCharts::tr("%1, %2").arg(trainingLayerName(record, layer), chart.subtitle);
        chart.aboutLayer = layer;
    } else {
        for (int each = 0; each < layers; ++each) {
            Series series{trainingLayerName(record, each), {}, each == layer};
            for (const LoadPoint& point : loadsOf(record, static_cast<size_t>(each), kCurvePoints)) {
                const bool any = anyPair(point.load.pairs);
                series.y.push_back(!any ? noData
                                   : balance == TrainingBalance::ByLayer
                                       ? percent(point.load.imbalance())
                                       : static_cast<double>(point.load.unusedExperts()));
            }
            spec.series.push_back(std::move(series));
        }
    }
    if (balance == TrainingBalance::Unused) {
        spec.quantity = TrainingCharts::tr("unused experts");
        spec.unit = TrainingCharts::tr("unused experts");
        spec.unitOne = TrainingCharts::tr("unused expert");
        double most = 2;
        for (const Series& series : spec.series)
            for (const double value : series.y) most = std::fmax(most, value);
        spec.high = most;
    } else {
        spec.logarithmic = true;
        spec.low = kLeastPercent;
        spec.reference = kEvenEnough;
        spec.referenceName = TrainingCharts::tr("even enough");
    }
    chart.body = std::move(spec);
    return chart;
}

}  // namespace moescope
