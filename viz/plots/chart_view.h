// SPDX-License-Identifier: GPL-3.0-or-later
// Draws a ChartSpec and answers the pointer and the keyboard. The only place where QCustomPlot is seen is the source file.
#pragma once

#include <QImage>
#include <QWidget>
#include <filesystem>
#include <memory>

#include "engine/core/error.h"
#include "viz/charts/chart_spec.h"

namespace moescope {

/// A widget of the window's thread; colours follow its palette (light or dark). A new chart is drawn with the next paint event: many
/// in a row, or charts of a hidden view, cost next to nothing. Arrow keys, Home, End (with Ctrl: corners) and PageUp, PageDown walk the
/// cells while it has the focus, and are taken from the window's shortcuts then.
class ChartView : public QWidget {
    Q_OBJECT
public:
    explicit ChartView(QWidget* parent = nullptr);
    ~ChartView() override;

    void setChart(ChartSpec chart);
    const ChartSpec& chart() const;

    /// The chart alone at a size in device-independent pixels, `scale` device pixels each.
    QImage image(QSize size, double scale) const;
    Status savePng(const std::filesystem::path& path, QSize size, double scale) const;
    Status saveSvg(const std::filesystem::path& path, QSize size) const;

    /// The cell the keyboard is on; (-1, -1): none. Series charts have row = series, column = x.
    QPoint cursorCell() const;
    /// Where a cell is on this widget, and the cell at a place ((-1, -1): none); both as (row, column) in (x, y).
    QRectF cellRect(int row, int column) const;
    QPoint cellAt(QPointF place) const;

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

signals:
    void cellHovered(int row, int column);    // -1, -1: the pointer left
    void cellActivated(int row, int column);  // click, Enter or the walk of the arrow keys

protected:
    bool event(QEvent* event) override;
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    void markStale();
    void moveCursor(QPoint cell);
    void tellReaders();

    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

/// Version of the library that draws, for reports: "2.1.0".
QString plotLibraryVersion();

}  // namespace moescope
