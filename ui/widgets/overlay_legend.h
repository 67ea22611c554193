// SPDX-License-Identifier: GPL-3.0-or-later
// Beside the picture: what the colours of the expert map mean, and the tokens that have no place in the picture.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/session/selection.h"
#include "ui/widgets/canvas_frame.h"

namespace moescope {

/// As tall as its contents need; meant to be scrolled.
class OverlayLegend : public QWidget {
    Q_OBJECT
public:
    explicit OverlayLegend(QWidget* parent = nullptr);

    void setFrame(CanvasFramePtr frame);
    void setSelection(const Selection& selection);
    /// Nothing to explain: no map is shown.
    bool empty() const { return m_parts.empty(); }
    /// Experts that it lists, in order.
    std::vector<int> listedExperts() const;
    /// In the widget's coordinates; empty when it is not listed.
    QRect expertRect(int expert) const;
    QRect outsideRect(int64_t token) const;

    QSize sizeHint() const override;

signals:
    void expertClicked(int expert);
    void expertHovered(int expert);      // -1: none
    void outsideClicked(qint64 token);
    void outsideHovered(qint64 token);   // -1: none

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    struct Part {
        enum Kind { Text, Expert, Hole, Bar, Outside } kind = Text;
        QRect rect;
        int number = -1;   // expert, or index of the token outside
        int64_t token = -1;
        QString text;
        bool strong = false;
    };
    void layOut();
    /// Places what is outside the picture from y on and returns where the next part begins.
    int layOutOutside(int y, int inner);
    QString pieceAt(int64_t token) const;
    QString expertLabel(const Part& part) const;
    const Part* partAt(QPoint point) const;
    void hover(const Part* part);
    void paintBar(QPainter& painter, const QRect& rect, const OverlayMap& map) const;

    CanvasFramePtr m_frame;
    const OverlayMap* m_map = nullptr;  // of the chosen picture, owned by the frame
    Selection m_selection;
    std::vector<Part> m_parts;
    int m_laidOutWidth = -1;
    int m_hoverExpert = -1;
    int64_t m_hoverToken = -1;
};

}  // namespace moescope
