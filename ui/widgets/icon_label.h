// SPDX-License-Identifier: GPL-3.0-or-later
// An icon beside a text, painted anew in the palette of the moment, so that it follows light and dark.
#pragma once

#include <QIcon>
#include <QPainter>
#include <QWidget>

namespace moescope {

class IconLabel : public QWidget {
public:
    explicit IconLabel(QIcon icon, QWidget* parent = nullptr) : QWidget(parent), m_icon(std::move(icon)) {
        setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    }
    QSize sizeHint() const override { return {fontMetrics().height(), fontMetrics().height()}; }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        m_icon.paint(&painter, rect());
    }

private:
    QIcon m_icon;
};

}  // namespace moescope
