// SPDX-License-Identifier: GPL-3.0-or-later
// One QCustomPlot that draws any ChartSpec: shared by the widget and by the files. Private to viz/plots.
#pragma once

#include <QPoint>
#include <QRectF>
#include <functional>
#include <memory>

#include "viz/charts/chart_spec.h"
#include "viz/plots/chart_style.h"

class QCPAxis;
class QCPPainter;
class QCustomPlot;
class QPaintDevice;
class QWidget;

namespace moescope {

/// The cell with the keyboard and whether the chart has the focus.
struct ChartCursor {
    QPoint cell{-1, -1};  // x: row, y: column
    bool focused = false;
};

/// The part of a chart that depends on its form. Cells are (row, column) in QPoint's (x, y), as in ChartView.
class ChartBody {
public:
    virtual ~ChartBody() = default;
    /// Sets axes, margins and data for `area` of a plot of that size; chart and style stay alive until the next call.
    virtual void layOut(const ChartSpec& chart, const ChartStyle& style, QRect area, QSize size) = 0;
    virtual void paintBelow(QCPPainter& painter) = 0;  // under axes and lines
    virtual void paintAbove(QCPPainter& painter) = 0;  // captions, colour bar, legend
    virtual void paintMarks(QCPPainter& painter, const ChartCursor& cursor) = 0;
    virtual QPoint cellAt(QPointF place) const = 0;    // (-1, -1): none
    virtual QRectF cellRect(QPoint cell) const = 0;
};
std::unique_ptr<ChartBody> makeHeatMapBody(QCustomPlot& plot);
std::unique_ptr<ChartBody> makeSeriesBody(QCustomPlot& plot);

class ChartPlot {
public:
    /// `beforePaint` runs when the widget is about to show itself.
    explicit ChartPlot(QWidget* parent = nullptr, std::function<void()> beforePaint = {});
    ~ChartPlot();

    QWidget* widget() const;
    /// Lays out at `size` and draws into the widget's buffers, which are shown with its next paint event.
    void show(const ChartSpec& chart, const ChartStyle& style, QSize size);
    /// Redraws the marks only.
    void setCursor(const ChartCursor& cursor);
    QPoint cellAt(QPointF place) const;
    QRectF cellRect(QPoint cell) const;
    /// Lays out at `size` and draws on another device; `vectors`: no rounding to pixels.
    void paintOn(QPaintDevice& device, const ChartSpec& chart, const ChartStyle& style, QSize size, bool vectors);

private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

/// Margins that make `inner` the inside of the axes in a plot of that size.
void setInnerRect(QCustomPlot& plot, QRect inner, QSize size);
/// Fonts and colours of an axis without a line of its own, and the given labels at their places.
void styleAxis(QCPAxis& axis, const ChartStyle& style, const std::vector<Tick>& ticks);
/// Lines of 45 degrees, continuous over neighbouring rectangles: "there is no data here".
void paintHatching(QPainter& painter, const QRectF& rect, const ChartStyle& style);
/// An outline around a rectangle that is seen on every colour, light or dark.
void paintOutline(QPainter& painter, const QRectF& rect, const QColor& colour, const ChartStyle& style, double width);
/// Text in one line, shortened where it does not fit.
void paintText(QPainter& painter, const QRectF& rect, Qt::Alignment alignment, const QString& text, const QFont& font, const QColor& colour);

}  // namespace moescope
