// SPDX-License-Identifier: GPL-3.0-or-later
// The charts of the window as a table: a new view of the routing is one entry here and one function in viz/charts.
#pragma once

#include <QString>
#include <QStringList>
#include <functional>
#include <vector>

#include "ui/session/selection.h"
#include "viz/charts/routing_charts.h"

namespace moescope {

/// A choice that belongs to one chart only, such as the measure of balance.
struct ChartOption {
    QString name;         // for a screen reader: "measure"
    QStringList choices;  // what the person sees; the index is handed to `make`
};

struct ChartKind {
    QString id;     // for saved layouts and the command line; never translated
    QString title;
    QString about;  // one sentence: what it shows, in plain words with the papers' term
    std::vector<ChartOption> options;
    bool usesMeasure = true;  // tokens or gate mass makes a difference
    std::function<ChartSpec(const ChartInput&, const std::vector<int>& chosen)> make;
    /// What a click on a cell of the chart selects; rows and columns that stand for layers say which by layerNumber.
    std::function<void(Selection&, const ChartSpec& chart, int row, int column, const std::vector<int>& chosen)> choose;
    /// Which runs the chart tells something of; null: all. Its dock comes and goes with them.
    std::function<bool(const RoutingTrace&)> concerns = {};
};

/// In the order of the View menu.
const std::vector<ChartKind>& chartKinds();

}  // namespace moescope
