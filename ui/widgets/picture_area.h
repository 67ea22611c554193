// SPDX-License-Identifier: GPL-3.0-or-later
// Draws a canvas frame: pictures, expert maps, grid, and what is selected; turns the pointer into tokens.
#pragma once

#include <QHash>
#include <QWidget>

#include "ui/session/selection.h"
#include "ui/widgets/canvas_frame.h"
#include "ui/widgets/canvas_geometry.h"
#include "ui/widgets/token_grid.h"

namespace moescope {

/// Knows frames only, not the models behind them. Keys go to the parent.
class PictureArea : public QWidget {
    Q_OBJECT
public:
    explicit PictureArea(QWidget* parent = nullptr);

    void setFrame(CanvasFramePtr frame);  // null: nothing
    const CanvasFramePtr& frame() const { return m_frame; }
    const TokenGrid& grid() const { return m_grid; }
    void setLook(double opacity, bool grid);
    void setSelection(const Selection& selection);
    void setHover(const Hover& hover);
    /// Said in the middle while there is no picture.
    void setWaitingText(const QString& text);
    /// Arrow keys are for this widget, not for shortcuts of the window.
    void setTakesArrows(bool takes) { m_takesArrows = takes; }

    double zoom() const { return m_geometry.factor(); }  // device pixels per pixel of the picture
    bool fits() const { return m_geometry.fits(); }
    int columns() const { return m_geometry.columns(); }  // pictures in a row
    void zoomStep(int direction);
    void zoomFit();
    void zoomOne();

    /// In the widget's coordinates; empty when it is not shown.
    QRectF pictureRect(int64_t image) const;
    QRectF tokenRect(int64_t image, int64_t token) const;
    void makeVisible(int64_t image, int64_t token);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

signals:
    void tokenHovered(qint64 image, qint64 token);  // -1, -1: none
    void pictureClicked(qint64 image, qint64 token);  // token -1: no grid
    void pictureDoubleClicked(qint64 image);
    void zoomChanged();

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;

private:
    struct Place {
        int64_t image = -1, token = -1;
        bool operator==(const Place&) const = default;
    };
    Place placeAt(QPointF point) const;
    int indexOf(int64_t image) const;
    QRect tokenPixels(int index, int64_t token) const;
    QPoint devicePoint(QPointF point) const;
    void layOut();
    void zoomed();
    void paintPicture(QPainter& painter, int index);
    void paintMarks(QPainter& painter, int index, const QRect& target);
    const QImage& scaledPicture(int index, const QRect& target, const QRect& clip);
    const QImage& scaledOverlay(int index, const QRect& target, const QRect& clip);

    /// The visible part of something, in device pixels, as it was painted last.
    struct Rendered {
        QRect target, clip;
        QImage image;
        qint64 source = 0;  // cache key of the picture it was made from
    };
    CanvasFramePtr m_frame;
    TokenGrid m_grid;
    CanvasGeometry m_geometry;
    QHash<int, Rendered> m_pictures, m_overlays;  // by index in the frame
    double m_opacity = 0.4;
    bool m_gridLines = true;
    bool m_takesArrows = false;
    Selection m_selection;
    Hover m_hover;
    Place m_under;  // the pointer
    QString m_waiting;
    QPointF m_pressed, m_last;
    bool m_panning = false, m_down = false, m_doubled = false;
};

}  // namespace moescope
