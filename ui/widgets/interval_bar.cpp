// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/interval_bar.h"

#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

namespace moescope {
namespace {

constexpr double kStep = 0.01;

}  // namespace

IntervalBar::IntervalBar(QWidget* parent) : QWidget(parent) {
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setCursor(Qt::SizeHorCursor);
}

QSize IntervalBar::sizeHint() const { return {fontMetrics().averageCharWidth() * 14, fontMetrics().height()}; }

void IntervalBar::setInterval(double low, double high) {
    if (low == m_low && high == m_high) return;
    m_low = low;
    m_high = high;
    update();
}

double IntervalBar::xOf(double value) const {
    const double radius = height() / 2.0;
    return radius + std::clamp(value, 0.0, 1.0) * (width() - 2 * radius);
}

double IntervalBar::valueAt(double x) const {
    const double radius = height() / 2.0;
    const double value = std::clamp((x - radius) / std::max(1.0, width() - 2 * radius), 0.0, 1.0);
    return std::round(value / kStep) * kStep;
}

void IntervalBar::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const double middle = height() / 2.0, thickness = std::max(2.0, height() / 4.0);
    QColor track = palette().color(QPalette::WindowText);
    track.setAlphaF(0.2f);
    const double from = xOf(m_low), to = xOf(m_high);
    painter.setPen(Qt::NoPen);
    painter.setBrush(track);
    painter.drawRoundedRect(QRectF(xOf(0), middle - thickness / 2, xOf(1) - xOf(0), thickness), thickness / 2, thickness / 2);
    painter.setBrush(palette().color(isEnabled() ? QPalette::Active : QPalette::Disabled, QPalette::Highlight));
    if (to > from) painter.drawRect(QRectF(from, middle - thickness / 2, to - from, thickness));
    QPen edge(palette().color(QPalette::WindowText));
    edge.setWidthF(1);
    painter.setPen(edge);
    painter.setBrush(palette().color(QPalette::Button));
    const double radius = height() / 2.0 - 2;
    for (const double x : {from, to}) painter.drawEllipse(QPointF(x, middle), radius * 0.8, radius * 0.8);
}

void IntervalBar::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    const double x = event->position().x();
    const double toLow = std::abs(x - xOf(m_low)), toHigh = std::abs(x - xOf(m_high));
    m_held = toLow < toHigh || (toLow == toHigh && x < xOf(m_low)) ? Handle::Low : Handle::High;
    drag(x);
}

void IntervalBar::mouseMoveEvent(QMouseEvent* event) { drag(event->position().x()); }

void IntervalBar::mouseReleaseEvent(QMouseEvent*) { m_held = Handle::None; }

void IntervalBar::drag(double x) {
    if (m_held == Handle::None) return;
    const double value = valueAt(x);
    const double low = m_held == Handle::Low ? std::min(value, m_high) : m_low;
    const double high = m_held == Handle::High ? std::max(value, m_low) : m_high;
    if (low == m_low && high == m_high) return;
    setInterval(low, high);
    emit edited(low, high);
}

}  // namespace moescope
