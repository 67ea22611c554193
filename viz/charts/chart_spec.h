// SPDX-License-Identifier: GPL-3.0-or-later
// A chart as a value: everything that a drawing, a table, a file and a screen reader need, made from routing by pure functions.
// Texts are translated. No widget here.
#pragma once

#include <QString>
#include <QStringList>
#include <optional>
#include <variant>
#include <vector>

#include "viz/aggregate/matrix.h"

namespace moescope {

/// An axis of categories: layers, experts, evaluations.
struct CategoryAxis {
    QString title;        // "expert"
    QStringList labels;   // one per row or column: "7", "block 3 (MoE layer 1)"
    QString unit;         // for numbers on the axis; may be empty
    QStringList details;  // said after a label in cell texts: "t = 0.48, noise level 0.52"; may be empty or shorter
    int marked = -1;      // the one category that is of another kind than the rest: hatched as a bar, `markSign` after its label; -1: none
    QString markSign;     // "*"; may be empty
    QString markName;     // "without condition": said of the marked one, explained beside the chart
    QStringList groups;   // of each label, what it has in common with its neighbours: stands for them where they have no room; may be empty
    QString groupTitle;   // the title then
};

/// Numbers that stand beside the rows of a heat map: thresholds of experts.
struct RowNumbers {
    QString title;
    std::vector<double> values;  // one per row; empty: there are none
};

enum class ColourScale : uint8_t { Sequential, Diverging };

/// Colours of a heat map. Fixed for a whole run, so that the same colour means the same number in every state of it; values beyond
/// the ends are drawn in the end's colour and the bar's end says so.
struct ColourRange {
    double low = 0, high = 1;
    ColourScale scale = ColourScale::Sequential;
};

/// A cell without data (Matrix's noData) is drawn as an empty cell, unlike zero.
struct HeatMapSpec {
    CategoryAxis rows, columns;
    Matrix values;               // [rows, columns]
    QString quantity, unit;      // of a cell and the colour bar: "load", "tokens"
    QString unitOne;             // "token", for the value 1: what is counted has whole ticks; empty: not counted
    RowNumbers beside;
    QString missing;             // said of a cell without data that exists and was reached; empty: "no data"
    ColourRange range;
    std::vector<int> rowCells;   // cells that exist in each row; empty: all columns do
    int columnsReached = -1;     // columns from here on are still to come; -1: none
    int selectedRow = -1, selectedColumn = -1;
};

struct Series {
    QString name;
    std::vector<double> y;       // one per x; noData: a gap
    bool emphasised = false;     // the chosen one
};

/// Values over categories (bars), over a number (lines), or parts of a whole over categories (stacked: columns without gaps, values of
/// the same x on top of each other, the first series at the bottom; no negative values).
struct SeriesSpec {
    enum class Form : uint8_t { Bars, Lines, Stacked };
    Form form = Form::Bars;
    CategoryAxis x;
    std::vector<double> xNumbers;         // Lines: positions on a numeric axis; empty: 0, 1, 2, ...
    bool xReversed = false;
    std::vector<Series> series;
    QString quantity, unit, unitOne;
    QString missing;                      // as in HeatMapSpec
    int xReached = -1;                    // x from here on are still to come; -1: none
    bool expertLooks = false;             // series are experts or networks, in the colours that they have elsewhere
    std::optional<double> low, high;      // of the y axis, where the quantity has natural ends
    bool logarithmic = false;             // Lines: the y axis; values below its low end are drawn there, those not above 0 are gaps
    std::optional<double> reference;      // a dashed line: "every expert the same"
    QString referenceName;
    int selectedX = -1;
};

struct ChartSpec {
    QString title;
    QString subtitle;   // what part of the run: "evaluation 12 of 49, t = 0.48, conditional, picture 1"
    QString note;       // a sentence that is needed to read it: why it shows gate mass, what is left out; may be empty
    QString emptyText;  // not empty: there is nothing to draw, and why, and what to do
    /// Index into RoutingTrace::layers of what stands for a layer (rows of a heat map, x of bars, series of lines); empty: the number itself.
    std::vector<int> layerNumbers;
    int aboutLayer = -1;  // the one layer it is about, where that need not be the chosen one
    std::variant<HeatMapSpec, SeriesSpec> body;

    bool empty() const { return !emptyText.isEmpty(); }
};

/// The label with the sign of a marked category; titles with what the sign means.
QString shownLabel(const CategoryAxis& axis, int index);
QString shownTitle(const CategoryAxis& axis);

/// The layer that a row (or x, or series) stands for.
int layerNumber(const ChartSpec& chart, int row);

/// Cells of a chart: rows and columns of a heat map; series and x of a series chart. An empty chart has none.
int chartRows(const ChartSpec& chart);
int chartColumns(const ChartSpec& chart);
/// noData outside the chart.
double chartValue(const ChartSpec& chart, int row, int column);

/// The same numbers as a table: a header row and rows of texts, numbers with a point and full precision.
struct ChartTable {
    QStringList header;
    std::vector<QStringList> rows;
};
ChartTable tableOf(const ChartSpec& chart);

/// A number for people: whole numbers as they are, others with three significant digits, in the locale's way.
QString numberText(double value);
/// "load (tokens)"; the quantity alone where it has no unit or is its own.
QString quantityLabel(const QString& quantity, const QString& unit);

/// The cell's place and value in words: "layer 2 (block 5), expert 3: 41 tokens".
QString cellText(const ChartSpec& chart, int row, int column);

/// One sentence for a screen reader: what it shows, its size, its largest and smallest value and where they are.
QString summaryOf(const ChartSpec& chart);

}  // namespace moescope
