// SPDX-License-Identifier: GPL-3.0-or-later
// How charts look: colours of cells and lines, and which ticks and labels fit.
#pragma once

#include <QColor>
#include <QFont>
#include <QFontMetricsF>
#include <QPalette>
#include <QPen>
#include <QStringList>
#include <functional>
#include <vector>

#include "viz/charts/chart_spec.h"

namespace moescope {

/// Palette and font that a chart is drawn with; everything else derives from them.
struct ChartStyle {
    QPalette palette;
    QFont font;

    QColor background() const { return palette.color(QPalette::Base); }
    QColor text() const { return palette.color(QPalette::Text); }
    QColor accent() const { return palette.color(QPalette::Highlight); }
    /// Between background (0) and text (1): subtitles, frames, hatching.
    QColor shade(double share) const;
    /// Height of a line and width of an em in device-independent pixels: the units of every distance.
    double line() const { return QFontMetricsF(font).height(); }
    double em() const { return QFontMetricsF(font).horizontalAdvance(QLatin1Char('m')); }
    QFont titleFont() const;
};

/// `style` with a font whose size suits a picture of that size.
ChartStyle exportStyle(const QPalette& palette, QSize size);

/// The colour of a value; beyond the ends that of the end.
QColor heatColour(const ColourRange& range, double value);
/// Line `index` of a few that are told apart by hue and dashes; muted towards the background.
QPen seriesPen(const ChartStyle& style, int index);

struct Tick {
    double value = 0;
    QString text;
};

/// Round numbers from low to high, never more than `most` + 1 of them; `counted`: whole numbers only.
std::vector<Tick> niceTicks(double low, double high, int most, bool counted = false);

/// Round numbers of a logarithmic axis from low to high, both above 0, never more than `most` of them (at least 1 may be there).
std::vector<Tick> logTicks(double low, double high, int most);

/// Which labels of a category axis can be drawn when each entry has `room` pixels: every one, every second, every fifth and so on, so
/// that labels of the given extents keep a gap. Labels that are consecutive numbers keep round ones.
std::vector<int> labelsThatFit(const QStringList& labels, double room, double gap, const std::function<double(const QString&)>& extent);

}  // namespace moescope
