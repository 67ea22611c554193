// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/picture_area.h"

#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "viz/overlay/token_raster.h"

namespace moescope {

PictureArea::PictureArea(QWidget* parent) : QWidget(parent) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    setAttribute(Qt::WA_OpaquePaintEvent);
}

QSize PictureArea::sizeHint() const {
    const int side = fontMetrics().height() * 26;
    return {side, side};
}

QSize PictureArea::minimumSizeHint() const {
    const int side = fontMetrics().height() * 10;
    return {side, side};
}

void PictureArea::setFrame(CanvasFramePtr frame) {
    if (frame == m_frame) return;
    const bool otherRun = !frame || !m_frame || frame->run->id != m_frame->run->id;
    m_frame = std::move(frame);
    m_overlays.clear();
    if (otherRun) m_pictures.clear();
    m_grid = m_frame && m_frame->layer() ? tokenGridOf(*m_frame->layer()) : TokenGrid{};
    if (otherRun) m_geometry.setFit();
    layOut();
    if (otherRun) emit zoomChanged();
    update();
}

void PictureArea::setLook(double opacity, bool grid) {
    m_opacity = opacity;
    m_gridLines = grid;
    update();
}

void PictureArea::setSelection(const Selection& selection) {
    m_selection = selection;
    update();
}

void PictureArea::setHover(const Hover& hover) {
    if (hover == m_hover) return;
    m_hover = hover;
    update();
}

void PictureArea::setWaitingText(const QString& text) {
    m_waiting = text;
    update();
}

void PictureArea::layOut() {
    const double dpr = devicePixelRatioF();
    const double factor = m_geometry.factor();
    m_geometry.setArea((QSizeF(size()) * dpr).toSize(), static_cast<int>(std::lround(fontMetrics().height() / 2 * dpr)));
    if (m_frame) m_geometry.setContent(m_frame->size, static_cast<int>(m_frame->pictures.size()));
    if (m_geometry.factor() != factor) emit zoomChanged();
}

QPoint PictureArea::devicePoint(QPointF point) const { return QPoint(static_cast<int>(std::floor(point.x() * devicePixelRatioF())),
                                                                    static_cast<int>(std::floor(point.y() * devicePixelRatioF()))); }

int PictureArea::indexOf(int64_t image) const {
    if (!m_frame) return -1;
    for (size_t i = 0; i < m_frame->pictures.size(); ++i)
        if (m_frame->pictures[i].image == image) return static_cast<int>(i);
    return -1;
}

PictureArea::Place PictureArea::placeAt(QPointF point) const {
    if (!m_frame || m_frame->pictures.empty()) return {};
    const QPoint pixel = devicePoint(point);
    const int index = m_geometry.pictureAt(pixel);
    if (index < 0 || index >= static_cast<int>(m_frame->pictures.size())) return {};
    Place place{m_frame->pictures[static_cast<size_t>(index)].image, -1};
    if (m_grid.rows <= 0) return place;
    const QRect target = m_geometry.pictureRect(index);
    // Edges are rounded down, so a pixel belongs to the last token that starts at or before it.
    const auto which = [](int64_t at, int64_t length, int64_t n) { return std::min(n - 1, ((at + 1) * n - 1) / length); };
    place.token = m_grid.at(which(pixel.y() - target.top(), target.height(), m_grid.rows),
                            which(pixel.x() - target.left(), target.width(), m_grid.columns));
    return place;
}

QRect PictureArea::tokenPixels(int index, int64_t token) const {
    const auto found = std::find(m_grid.tokens.begin(), m_grid.tokens.end(), token);
    if (index < 0 || token < 0 || found == m_grid.tokens.end()) return {};
    const int64_t place = found - m_grid.tokens.begin();
    return moescope::tokenRect(m_geometry.pictureRect(index), m_grid.rows, m_grid.columns, place / m_grid.columns, place % m_grid.columns);
}

QRectF PictureArea::pictureRect(int64_t image) const {
    const int index = indexOf(image);
    if (index < 0) return {};
    const QRectF pixels = m_geometry.pictureRect(index);
    return {pixels.topLeft() / devicePixelRatioF(), pixels.size() / devicePixelRatioF()};
}

QRectF PictureArea::tokenRect(int64_t image, int64_t token) const {
    const QRectF pixels = tokenPixels(indexOf(image), token);
    return {pixels.topLeft() / devicePixelRatioF(), pixels.size() / devicePixelRatioF()};
}

void PictureArea::makeVisible(int64_t image, int64_t token) {
    const int index = indexOf(image);
    if (index < 0) return;
    const QRect rect = token >= 0 ? tokenPixels(index, token) : m_geometry.pictureRect(index);
    if (!rect.isEmpty()) m_geometry.show(rect);
    update();
}

void PictureArea::zoomed() {
    setCursor(m_geometry.canPan() ? Qt::OpenHandCursor : Qt::ArrowCursor);
    emit zoomChanged();
    update();
}

void PictureArea::zoomStep(int direction) {
    m_geometry.step(direction, devicePoint(rect().center()));
    zoomed();
}

void PictureArea::zoomFit() {
    m_geometry.setFit();
    layOut();
    zoomed();
}

void PictureArea::zoomOne() {
    m_geometry.setFactor(1, devicePoint(rect().center()));
    zoomed();
}

bool PictureArea::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride && m_takesArrows) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool arrow = key->key() >= Qt::Key_Left && key->key() <= Qt::Key_Down;
        if (arrow && (key->modifiers() & ~Qt::KeypadModifier) == Qt::NoModifier) {
            event->accept();
            return true;
        }
    }
    return QWidget::event(event);
}

void PictureArea::resizeEvent(QResizeEvent*) { layOut(); }

void PictureArea::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) return QWidget::mousePressEvent(event);
    m_pressed = m_last = event->position();
    m_down = true;
    m_doubled = false;
    m_panning = event->button() == Qt::MiddleButton && m_geometry.canPan();
}

void PictureArea::mouseMoveEvent(QMouseEvent* event) {
    if (m_down && !m_panning && m_geometry.canPan() &&
        (event->position() - m_pressed).manhattanLength() >= QApplication::startDragDistance())
        m_panning = true;
    if (m_panning) {
        setCursor(Qt::ClosedHandCursor);
        m_geometry.pan(((event->position() - m_last) * devicePixelRatioF()).toPoint());
        m_last = event->position();
        update();
        return;
    }
    const Place place = placeAt(event->position());
    if (place == m_under) return;
    m_under = place;
    emit tokenHovered(place.image, place.token);
    update();
}

void PictureArea::mouseReleaseEvent(QMouseEvent* event) {
    const bool click = m_down && !m_panning && !m_doubled && event->button() == Qt::LeftButton &&
                       (event->position() - m_pressed).manhattanLength() < 2 * QApplication::startDragDistance();
    m_down = m_panning = false;
    setCursor(m_geometry.canPan() ? Qt::OpenHandCursor : Qt::ArrowCursor);
    if (!click) return;
    const Place place = placeAt(event->position());
    if (place.image >= 0) emit pictureClicked(place.image, place.token);
}

void PictureArea::mouseDoubleClickEvent(QMouseEvent* event) {
    m_doubled = true;
    const Place place = placeAt(event->position());
    if (event->button() == Qt::LeftButton && place.image >= 0) emit pictureDoubleClicked(place.image);
}

void PictureArea::leaveEvent(QEvent*) {
    if (m_under == Place{}) return;
    m_under = {};
    emit tokenHovered(-1, -1);
    update();
}

void PictureArea::wheelEvent(QWheelEvent* event) {
    const QPoint angle = event->angleDelta();
    if (event->modifiers() & Qt::ControlModifier) {
        if (angle.y() != 0) {
            m_geometry.step(angle.y() > 0 ? 1 : -1, devicePoint(event->position()));
            zoomed();
        }
        event->accept();
    } else if (m_geometry.canPan()) {
        const QPoint by = event->pixelDelta().isNull() ? angle / 2 : event->pixelDelta();
        m_geometry.pan((QPointF(event->modifiers() & Qt::ShiftModifier ? QPoint(by.y(), by.x()) : by) * devicePixelRatioF()).toPoint());
        update();
        event->accept();
    } else {
        event->ignore();
    }
}

}  // namespace moescope
