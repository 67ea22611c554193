// SPDX-License-Identifier: GPL-3.0-or-later
// What the charts of routing have in common: their axes, their words and their reasons for showing nothing. Private to viz/charts.
#pragma once

#include <QCoreApplication>

#include "viz/charts/routing_charts.h"

namespace moescope {

/// Translation context of all charts of routing.
struct RoutingCharts {
    Q_DECLARE_TR_FUNCTIONS(RoutingCharts)
};

/// What a chart shows: one evaluation or all of them, one layer or all of them.
struct ChartScope {
    bool oneEvaluation = false;
    bool oneLayer = false;
};

/// Why there is nothing to show, and what to do; empty when there is something.
QString reasonForNothing(const ChartInput& input, ChartScope scope);

/// "evaluation 2 of 3, t = 0.5, conditional, picture 1 of 2": the part of the run that a chart shows.
QString partOfRun(const ChartInput& input, bool oneEvaluation);

/// Columns of an axis over evaluations: as many as the run will have.
int evaluationColumns(const ChartInput& input);
/// Columns that the run has come to; -1 when nothing is still to come.
int evaluationsReached(const ChartInput& input);

LoadQuery queryOf(const ChartInput& input);    // all evaluations
LoadQuery queryAtNow(const ChartInput& input); // the chosen one

CategoryAxis layerAxis(const RoutingTrace& trace);
CategoryAxis expertAxis(int64_t experts);
CategoryAxis evaluationAxis(const ChartInput& input);

/// layerName, with the network's name where a run has several.
QString layerTitle(const RoutingTrace& trace, size_t layer);

struct Quantity {
    QString name, unit, unitOne;
};
Quantity loadQuantity(LoadMeasure measure);

}  // namespace moescope
