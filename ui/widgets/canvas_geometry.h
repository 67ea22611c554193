// SPDX-License-Identifier: GPL-3.0-or-later
// Where the pictures of the canvas lie, at which size: fit or a fixed factor, panned. Plain numbers, no widget.
#pragma once

#include <QPoint>
#include <QRect>
#include <QSize>

namespace moescope {

/// All in device pixels of the area, so that whole factors are crisp on every screen.
class CanvasGeometry {
public:
    /// `picture`: size of one; `count`: how many lie side by side. `margin` around and between them.
    void setContent(QSize picture, int count);
    void setArea(QSize area, int margin);

    bool fits() const { return m_factor == 0; }
    /// Device pixels per pixel of the picture.
    double factor() const;
    void setFit() { m_factor = 0; }
    /// The point of the picture under `anchor` stays there.
    void setFactor(double factor, QPoint anchor);
    /// The next larger or smaller step: whole factors, below 1 halves.
    void step(int direction, QPoint anchor);
    void pan(QPoint by);
    bool canPan() const;

    int columns() const { return m_columns; }
    QRect pictureRect(int index) const;
    /// -1: none.
    int pictureAt(QPoint point) const;
    /// Moves the view so that the rectangle can be seen.
    void show(const QRect& rect);

private:
    double fitFactor(int columns) const;
    void layOut();
    QSize contentSize() const;
    QPoint origin() const;

    QSize m_picture{1, 1}, m_area{1, 1};
    int m_count = 1, m_margin = 8, m_columns = 1;
    double m_factor = 0;  // 0: fit
    double m_fit = 1;
    QPoint m_scroll;      // of the content's centre from the area's centre
};

}  // namespace moescope
