// SPDX-License-Identifier: GPL-3.0-or-later
// A scroll area for a panel's column: it scrolls up and down only and is never narrower than what is in it.
#pragma once

#include <QEvent>
#include <QScrollArea>
#include <QScrollBar>

namespace moescope {

class ColumnScroll : public QScrollArea {
public:
    explicit ColumnScroll(QWidget* parent = nullptr) : QScrollArea(parent) {
        setFrameShape(QFrame::NoFrame);
        setWidgetResizable(true);
        setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    }

    QSize minimumSizeHint() const override {
        const int content = widget() ? widget()->minimumSizeHint().width() : 0;
        return {content + verticalScrollBar()->sizeHint().width(), fontMetrics().height() * 4};
    }
    QSize sizeHint() const override {
        const QSize content = widget() ? widget()->sizeHint() : QSize();
        return {content.width() + verticalScrollBar()->sizeHint().width(), content.height()};
    }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        // The content's needs changed: the panel's own do so too.
        if (watched == widget() && event->type() == QEvent::LayoutRequest) updateGeometry();
        return QScrollArea::eventFilter(watched, event);
    }
};

}  // namespace moescope
