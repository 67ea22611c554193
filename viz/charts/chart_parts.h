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

/// Layers whose experts take tokens: all but the choice of networks, whose unit is a picture.
std::vector<int> tokenLayers(const RoutingTrace& trace);
CategoryAxis layerAxis(const RoutingTrace& trace, const std::vector<int>& layers);
/// Experts of one layer, the unconditional one marked; networks by their names.
CategoryAxis expertAxis(const RoutingTrace& trace, int layer);
/// Expert numbers of several layers; the unconditional one is marked where it has the same number in all that have one.
CategoryAxis expertAxis(const RoutingTrace& trace, const std::vector<int>& layers, int64_t experts);
CategoryAxis evaluationAxis(const ChartInput& input);

/// "title, MoE layer 2 (block 5)"
QString ofLayer(const QString& title, const ChartInput& input);

/// Title, part of the run, and the reason where there is nothing; the caller adds the body.
ChartSpec framedChart(const ChartInput& input, const QString& title, ChartScope scope);

/// What must be known of loads that are flat by construction: why gate mass is shown, or that counts tell nothing. Of the chosen layer,
/// or (-1) where it is so in every layer; empty else.
QString flatLoadNote(const ChartInput& input, int layer);

/// Said of a cell of a network that did no work there; empty in runs of one network.
QString missingText(const RoutingTrace& trace, int layer);

struct Quantity {
    QString name, unit, unitOne;
};
Quantity loadQuantity(LoadMeasure measure, bool networks = false);

}  // namespace moescope
