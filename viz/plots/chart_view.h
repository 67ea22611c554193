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

/// A widget of the window's thread; colours follow its palette (light or dark).
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

signals:
    void cellHovered(int row, int column);    // -1, -1: the pointer left
    void cellActivated(int row, int column);  // click, Enter or the walk of the arrow keys

private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

}  // namespace moescope
