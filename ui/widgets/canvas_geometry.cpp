// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/canvas_geometry.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace moescope {
namespace {

constexpr int kSmallPicture = 128;  // pixels a side up to which only whole factors are used to fit
constexpr std::array kSteps = {0.125, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0};
constexpr double kLargestSide = 32768;

/// Rounded down, so that what fits by its factor fits by its pixels.
int sideOf(int length, double factor) { return std::max(1, static_cast<int>(std::floor(length * factor + 1e-6))); }

}  // namespace

void CanvasGeometry::setContent(QSize picture, int count) {
    m_picture = picture.expandedTo(QSize(1, 1));
    m_count = std::max(1, count);
    layOut();
}

void CanvasGeometry::setArea(QSize area, int margin) {
    m_area = area;
    m_margin = margin;
    layOut();
}

double CanvasGeometry::fitFactor(int columns) const {
    const int rows = (m_count + columns - 1) / columns;
    const double width = (m_area.width() - m_margin * (columns + 1)) / static_cast<double>(columns * m_picture.width());
    const double height = (m_area.height() - m_margin * (rows + 1)) / static_cast<double>(rows * m_picture.height());
    return std::min(width, height);
}

void CanvasGeometry::layOut() {
    m_columns = 1;
    for (int columns = 2; columns <= m_count; ++columns)
        if (fitFactor(columns) > fitFactor(m_columns)) m_columns = columns;
    m_fit = std::max(fitFactor(m_columns), 1.0 / std::max(m_picture.width(), m_picture.height()));
    if (std::max(m_picture.width(), m_picture.height()) <= kSmallPicture && m_fit > 1) m_fit = std::floor(m_fit);
    pan({});
}

double CanvasGeometry::factor() const { return m_factor > 0 ? m_factor : m_fit; }

void CanvasGeometry::setFactor(double factor, QPoint anchor) {
    const double largest = std::max(1.0, std::floor(kLargestSide / std::max(m_picture.width(), m_picture.height())));
    const double ratio = std::min(factor, largest) / this->factor();
    const QPointF before = QPointF(anchor - QRect({}, m_area).center() + m_scroll);
    m_factor = std::min(factor, largest);
    m_scroll += (before * (ratio - 1)).toPoint();
    pan({});
}

void CanvasGeometry::step(int direction, QPoint anchor) {
    const double now = factor();
    if (direction > 0) {
        const auto next = std::find_if(kSteps.begin(), kSteps.end(), [&](double s) { return s > now * 1.001; });
        setFactor(next == kSteps.end() ? kSteps.back() : *next, anchor);
    } else {
        const auto next = std::find_if(kSteps.rbegin(), kSteps.rend(), [&](double s) { return s < now * 0.999; });
        setFactor(next == kSteps.rend() ? kSteps.front() : *next, anchor);
    }
}

QSize CanvasGeometry::contentSize() const {
    const int rows = (m_count + m_columns - 1) / m_columns;
    const auto side = [&](int cells, int length) {
        return cells * sideOf(length, factor()) + (cells + 1) * m_margin;
    };
    return {side(m_columns, m_picture.width()), side(rows, m_picture.height())};
}

bool CanvasGeometry::canPan() const {
    const QSize content = contentSize();
    return content.width() > m_area.width() || content.height() > m_area.height();
}

void CanvasGeometry::pan(QPoint by) {
    // Moving the picture right means looking further left.
    m_scroll -= by;
    const QSize over = ((contentSize() - m_area) / 2).expandedTo(QSize(0, 0));
    m_scroll.setX(std::clamp(m_scroll.x(), -over.width(), over.width()));
    m_scroll.setY(std::clamp(m_scroll.y(), -over.height(), over.height()));
}

QPoint CanvasGeometry::origin() const {
    const QSize content = contentSize();
    return QPoint((m_area.width() - content.width()) / 2, (m_area.height() - content.height()) / 2) - m_scroll;
}

QRect CanvasGeometry::pictureRect(int index) const {
    const int width = sideOf(m_picture.width(), factor());
    const int height = sideOf(m_picture.height(), factor());
    const QPoint cell(m_margin + (index % m_columns) * (width + m_margin), m_margin + (index / m_columns) * (height + m_margin));
    return {origin() + cell, QSize(width, height)};
}

int CanvasGeometry::pictureAt(QPoint point) const {
    for (int index = 0; index < m_count; ++index)
        if (pictureRect(index).contains(point)) return index;
    return -1;
}

void CanvasGeometry::show(const QRect& rect) {
    QPoint by;
    if (rect.left() < 0) by.setX(-rect.left() + m_margin);
    if (rect.right() >= m_area.width()) by.setX(m_area.width() - 1 - rect.right() - m_margin);
    if (rect.top() < 0) by.setY(-rect.top() + m_margin);
    if (rect.bottom() >= m_area.height()) by.setY(m_area.height() - 1 - rect.bottom() - m_margin);
    if (!by.isNull()) pan(by);
}

}  // namespace moescope
