// SPDX-License-Identifier: GPL-3.0-or-later
// How the picture area draws itself. Everything is in device pixels, and only what changed is made anew.
#include <QPaintEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>
#include <vector>

#include "ui/widgets/picture_area.h"
#include "viz/overlay/token_raster.h"

namespace moescope {
namespace {

/// Whole factors repeat pixels exactly; only the visible part is made.
QImage enlarged(const QImage& image, const QRect& target, const QRect& clip) {
    const QImage source = image.format() == QImage::Format_RGB32 ? image : image.convertToFormat(QImage::Format_RGB32);
    QImage result(clip.size(), QImage::Format_RGB32);
    std::vector<int> columns(static_cast<size_t>(clip.width()));
    const int fx = target.width() / source.width(), fy = target.height() / source.height();
    for (int x = 0; x < clip.width(); ++x) columns[static_cast<size_t>(x)] = (x + clip.left() - target.left()) / fx;
    int made = -1;
    for (int y = 0; y < clip.height(); ++y) {
        const int row = (y + clip.top() - target.top()) / fy;
        auto* line = reinterpret_cast<QRgb*>(result.scanLine(y));
        if (row == made) {
            std::copy_n(reinterpret_cast<const QRgb*>(result.constScanLine(y - 1)), clip.width(), line);
            continue;
        }
        const auto* from = reinterpret_cast<const QRgb*>(source.constScanLine(row));
        for (int x = 0; x < clip.width(); ++x) line[x] = from[columns[static_cast<size_t>(x)]];
        made = row;
    }
    return result;
}

/// Edges of the region that the expert has, along the tokens, as thin rectangles.
std::vector<QRect> contour(const TokenMap& map, int expert, const QRect& target, int thick) {
    std::vector<QRect> lines;
    const auto has = [&](int64_t row, int64_t column) {
        return row >= 0 && column >= 0 && row < map.height && column < map.width &&
               map.grid[static_cast<size_t>(row * map.width + column)] == expert;
    };
    for (int64_t row = 0; row < map.height; ++row)
        for (int64_t column = 0; column < map.width; ++column) {
            if (!has(row, column)) continue;
            const QRect rect = tokenRect(target, map.height, map.width, row, column);
            if (!has(row - 1, column)) lines.emplace_back(rect.left(), rect.top(), rect.width(), thick);
            if (!has(row + 1, column)) lines.emplace_back(rect.left(), rect.bottom() - thick + 1, rect.width(), thick);
            if (!has(row, column - 1)) lines.emplace_back(rect.left(), rect.top(), thick, rect.height());
            if (!has(row, column + 1)) lines.emplace_back(rect.right() - thick + 1, rect.top(), thick, rect.height());
        }
    return lines;
}

void frameRect(QPainter& painter, const QRect& rect, int thick, const QColor& colour) {
    painter.fillRect(QRect(rect.left(), rect.top(), rect.width(), thick), colour);
    painter.fillRect(QRect(rect.left(), rect.bottom() - thick + 1, rect.width(), thick), colour);
    painter.fillRect(QRect(rect.left(), rect.top() + thick, thick, rect.height() - 2 * thick), colour);
    painter.fillRect(QRect(rect.right() - thick + 1, rect.top() + thick, thick, rect.height() - 2 * thick), colour);
}

}  // namespace

const QImage& PictureArea::scaledPicture(int index, const QRect& target, const QRect& clip) {
    Rendered& kept = m_pictures[index];
    const QImage& picture = m_frame->pictures[static_cast<size_t>(index)].picture;
    const bool whole = target.width() % picture.width() == 0 && target.height() % picture.height() == 0;
    const QRect wanted = whole ? clip : target;
    if (kept.image.isNull() || kept.source != picture.cacheKey() || kept.target != target || kept.clip != wanted) {
        QImage scaled = whole ? enlarged(picture, target, clip)
                              : picture.scaled(target.size(), Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
        kept = {target, wanted, std::move(scaled), picture.cacheKey()};
    }
    return kept.image;
}

const QImage& PictureArea::scaledOverlay(int index, const QRect& target, const QRect& clip) {
    Rendered& kept = m_overlays[index];
    if (kept.image.isNull() || kept.target != target || kept.clip != clip)
        kept = {target, clip, rasterOverlay(*m_frame->pictures[static_cast<size_t>(index)].overlay, target, clip, devicePixelRatioF()), 0};
    return kept.image;
}

void PictureArea::paintMarks(QPainter& painter, int index, const QRect& target) {
    const CanvasPicture& picture = m_frame->pictures[static_cast<size_t>(index)];
    const int thick = std::max(1, static_cast<int>(std::lround(devicePixelRatioF())));
    const bool sameLayer = m_frame->selection.layer == m_selection.layer;
    if (picture.overlay && picture.overlay->kind == OverlayKind::Dominant && sameLayer && target.width() >= 4 * m_grid.columns) {
        const auto outline = [&](int expert, bool strong) {
            if (expert < 0) return;
            const std::vector<QRect> lines = contour(picture.overlay->dominant, expert, target, thick * (strong ? 3 : 1));
            for (const QRect& line : lines) painter.fillRect(line, strong ? Qt::black : Qt::white);
            if (!strong) return;
            for (const QRect& line : contour(picture.overlay->dominant, expert, target, 2 * thick)) painter.fillRect(line, Qt::white);
        };
        if (m_hover.expert != m_selection.expert && (m_hover.layer < 0 || m_hover.layer == m_selection.layer)) outline(m_hover.expert, false);
        outline(m_selection.expert, true);
    }
    const bool chosen = picture.image == m_selection.image;
    const QRect selected = chosen && sameLayer ? tokenPixels(index, m_selection.token) : QRect();
    if (!selected.isEmpty()) {
        frameRect(painter, selected.adjusted(-2 * thick, -2 * thick, 2 * thick, 2 * thick), thick, Qt::black);
        frameRect(painter, selected.adjusted(-thick, -thick, thick, thick), 2 * thick, palette().color(QPalette::Highlight));
        frameRect(painter, selected.adjusted(thick, thick, -thick, -thick), thick, Qt::white);
    }
    const bool pointed = m_under.token >= 0;
    const QRect hovered = pointed ? (picture.image == m_under.image ? tokenPixels(index, m_under.token) : QRect())
                                  : (chosen && m_hover.layer == m_selection.layer ? tokenPixels(index, m_hover.token) : QRect());
    if (!hovered.isEmpty() && hovered != selected) {
        frameRect(painter, hovered.adjusted(-thick, -thick, thick, thick), thick, Qt::black);
        frameRect(painter, hovered, thick, Qt::white);
    }
    if (chosen && m_frame->pictures.size() > 1) {
        const int width = 3 * thick;
        frameRect(painter, target.adjusted(-width, -width, width, width), width - thick, palette().color(QPalette::Highlight));
    }
}

void PictureArea::paintPicture(QPainter& painter, int index) {
    const CanvasPicture& picture = m_frame->pictures[static_cast<size_t>(index)];
    const QRect target = m_geometry.pictureRect(index);
    const QRect clip = target & QRect(0, 0, static_cast<int>(std::ceil(width() * devicePixelRatioF())),
                                      static_cast<int>(std::ceil(height() * devicePixelRatioF())));
    if (clip.isEmpty()) return;
    if (picture.picture.isNull()) {
        QColor faint = palette().color(QPalette::WindowText);
        faint.setAlphaF(0.6F);
        painter.setPen(QPen(faint, 1, Qt::DashLine));
        painter.drawRect(target.adjusted(0, 0, -1, -1));
        painter.drawText(target, Qt::AlignCenter | Qt::TextWordWrap, m_waiting);
    } else {
        const QImage& scaled = scaledPicture(index, target, clip);
        painter.drawImage(m_pictures[index].clip.topLeft(), scaled);
        if (picture.overlay && !picture.overlay->empty() && m_opacity > 0) {
            painter.setOpacity(m_opacity);
            painter.drawImage(clip.topLeft(), scaledOverlay(index, target, clip));
            painter.setOpacity(1);
        }
        if (m_gridLines && m_grid.rows > 0 && m_frame->settings.overlay != OverlayKind::None && m_geometry.factor() >= 2)
            paintTokenGrid(painter, target, m_grid.rows, m_grid.columns);
    }
    paintMarks(painter, index, target);
}

void PictureArea::paintEvent(QPaintEvent* event) {
    QPainter painter(this);
    painter.fillRect(event->rect(), palette().color(QPalette::Window));
    const double dpr = devicePixelRatioF();
    const bool empty = !m_frame || m_frame->pictures.empty();
    if (empty) {
        painter.setPen(palette().color(QPalette::WindowText));
        painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap, m_waiting);
    } else {
        painter.save();
        painter.scale(1 / dpr, 1 / dpr);
        QFont font = painter.font();  // texts keep their size under the scale
        font.setPointSizeF(font.pointSizeF() > 0 ? font.pointSizeF() * dpr : 10 * dpr);
        painter.setFont(font);
        for (int index = 0; index < static_cast<int>(m_frame->pictures.size()); ++index) paintPicture(painter, index);
        painter.restore();
    }
    if (hasFocus()) {
        const int thick = 1;
        QColor ring = palette().color(QPalette::Highlight);
        frameRect(painter, rect(), thick, ring);
    }
}

}  // namespace moescope
