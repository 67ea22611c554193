// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/overlay_legend.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QLocale>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <set>

#include "ui/widgets/token_grid.h"
#include "ui/widgets/token_text.h"
#include "viz/overlay/token_raster.h"

namespace moescope {
namespace {

constexpr int kListAll = 16;  // experts; of more only those in the picture are listed

std::set<int> presentExperts(const CanvasFrame& frame) {
    std::set<int> present;
    for (const CanvasPicture& picture : frame.pictures) {
        if (!picture.overlay) continue;
        for (const int32_t expert : picture.overlay->dominant.grid) present.insert(expert);
        for (const TokenMap::Outside& token : picture.overlay->dominant.outside) present.insert(token.value);
    }
    return present;
}

}  // namespace

OverlayLegend::OverlayLegend(QWidget* parent) : QWidget(parent) {
    setMouseTracking(true);
    setAccessibleName(tr("Legend of the expert map"));
}

QSize OverlayLegend::sizeHint() const {
    const int width = fontMetrics().horizontalAdvance(QStringLiteral("0")) * 17;
    const int bottom = m_parts.empty() ? 0 : m_parts.back().rect.bottom() + fontMetrics().height() / 2;
    return {width, bottom};
}

void OverlayLegend::setFrame(CanvasFramePtr frame) {
    m_frame = std::move(frame);
    const CanvasPicture* chosen = m_frame ? m_frame->chosen() : nullptr;
    m_map = chosen && chosen->overlay ? &*chosen->overlay : nullptr;
    if (!m_map && m_frame)
        for (const CanvasPicture& picture : m_frame->pictures)
            if (picture.overlay && !m_map) m_map = &*picture.overlay;
    layOut();
}

void OverlayLegend::setSelection(const Selection& selection) {
    m_selection = selection;
    update();
}

std::vector<int> OverlayLegend::listedExperts() const {
    std::vector<int> experts;
    for (const Part& part : m_parts)
        if (part.kind == Part::Expert) experts.push_back(part.number);
    return experts;
}

QRect OverlayLegend::expertRect(int expert) const {
    for (const Part& part : m_parts)
        if (part.kind == Part::Expert && part.number == expert) return part.rect;
    return {};
}

QRect OverlayLegend::outsideRect(int64_t token) const {
    for (const Part& part : m_parts)
        if (part.kind == Part::Outside && part.token == token) return part.rect;
    return {};
}

/// The piece of the prompt at a token outside the picture, as far as the legend is wide.
QString OverlayLegend::pieceAt(int64_t token) const {
    const Selection& at = m_frame->selection;
    return tokenPieceText(*m_frame->run->routing, at.layer, at.branch == BranchChoice::Uncond ? Branch::Uncond : Branch::Cond, std::max<int64_t>(at.image, 0), token);
}

int OverlayLegend::layOutOutside(int y, int inner) {
    const QFontMetrics metrics = fontMetrics();
    const TokenGrid grid = tokenGridOf(*m_frame->layer());
    const int side = metrics.height(), space = 2;
    int x = 0;
    for (size_t i = 0; i < m_map->dominant.outside.size(); ++i) {
        const int64_t token = grid.outside[i];
        const QString piece = metrics.elidedText(pieceAt(token), Qt::ElideRight, inner - side - side / 2);
        const int wide = piece.isEmpty() ? side : side + side / 4 + metrics.horizontalAdvance(piece) + side / 3;
        if (x > 0 && x + wide > inner) x = 0, y += side + space;
        m_parts.push_back({Part::Outside, QRect(x, y, wide, side), static_cast<int>(i), token, piece, false});
        x += wide + space;
    }
    return y + side + space;
}

void OverlayLegend::layOut() {
    m_parts.clear();
    const QFontMetrics metrics = fontMetrics();
    const int line = metrics.height(), gap = line / 3, inner = std::max(width(), sizeHint().width()) - gap;
    int y = gap;
    const auto text = [&](const QString& words, bool strong) {
        QFont bold = font();
        bold.setBold(strong);
        const QRect box = QFontMetrics(bold).boundingRect(QRect(0, 0, inner, 10000), Qt::TextWordWrap, words);
        m_parts.push_back({Part::Text, QRect(0, y, inner, box.height()), -1, -1, words, strong});
        y += box.height() + gap;
    };
    if (m_map) {
        const TokenMap& tokens = m_map->dominant;
        if (!tokens.outside.empty() && m_frame->layer() && m_map->names.empty()) {
            const auto all = [&](TokenKind kind) {
                return std::all_of(tokens.outside.begin(), tokens.outside.end(),
                                   [kind](const TokenMap::Outside& token) { return token.kind == kind; });
            };
            const int count = static_cast<int>(tokens.outside.size());
            text(all(TokenKind::ClassLabel) ? tr("Class tokens (%1), not in the picture").arg(count)
                 : all(TokenKind::Text)     ? tr("Tokens of the prompt (%1), not in the picture").arg(count)
                                            : tr("Tokens not in the picture (%1)").arg(count), true);
            y = layOutOutside(y, inner) + 2 * gap;
        }
        const std::set<int> present = presentExperts(*m_frame);
        const auto hole = [&](const QString& words) {
            const QRect box = metrics.boundingRect(QRect(0, 0, inner - line - gap, 10000), Qt::TextWordWrap, words);
            m_parts.push_back({Part::Hole, QRect(0, y, inner, std::max(line, box.height())), -1, -1, words, false});
            y += std::max(line, box.height()) + gap;
        };
        const QString noExpert = m_map->sharedExpert ? tr("no expert, only the shared one") : tr("no expert");
        const bool networks = !m_map->names.empty();
        if (networks) {
            text(tr("Networks of the mixture"), true);
            for (int expert = 0; expert < m_map->experts; ++expert) {
                const QRect rect(0, y, inner - gap, line);
                m_parts.push_back({Part::Expert, rect, expert, -1, QString::fromStdString(m_map->names[static_cast<size_t>(expert)]), false});
                y += line + gap;
            }
            text(tr("They are chosen for a whole picture: see the chart of networks for their weights"), false);
        } else if (m_map->kind == OverlayKind::Dominant) {
            text(tr("Main expert of each token"), true);
            const int cell = line + gap + metrics.horizontalAdvance(m_map->unconditional >= 0 ? QStringLiteral("000*") : QStringLiteral("000")) + gap;
            const int columns = std::max(1, inner / cell);
            int listed = 0;
            for (int expert = 0; expert < m_map->experts; ++expert) {
                if (m_map->experts > kListAll && !present.count(expert) && expert != m_selection.expert) continue;
                const QRect rect((listed % columns) * cell, y + (listed / columns) * (line + gap), cell - gap / 2, line);
                m_parts.push_back({Part::Expert, rect, expert, -1, {}, false});
                ++listed;
            }
            y += ((listed + columns - 1) / columns) * (line + gap);
            if (m_map->unconditional >= 0) text(tr("*: for tokens without condition"), false);
            if (present.count(-1)) hole(noExpert);
            if (listed < m_map->experts)
                text(tr("%1 of %2 experts are in use here").arg(listed).arg(m_map->experts), false);
        } else {
            const bool weights = m_map->kind == OverlayKind::OneExpert;
            text(weights ? tr("Gate weight of expert %1").arg(m_map->expert) : tr("Experts per token"), true);
            m_parts.push_back({Part::Bar, QRect(0, y, inner, line * 8), -1, -1, {}, false});
            y += line * 8 + gap;
            if (weights) text(tr("Uncoloured: not taken by it"), false);
            const bool none = weights ? present.count(-1) > 0 : present.count(0) > 0;
            if (weights && m_map->expert == m_map->unconditional) text(tr("The expert for tokens without condition"), false);
            if (none) hole(noExpert);
        }
        if (!m_map->marked.empty()) text(tr("Framed: another main expert in the unconditional branch"), false);
    }
    m_laidOutWidth = width();
    setMinimumHeight(sizeHint().height());
    updateGeometry();
    update();
}

void OverlayLegend::resizeEvent(QResizeEvent*) {
    if (m_laidOutWidth != width()) layOut();
}

/// A number, starred where it is the unconditional expert; the name of a network as far as it fits.
QString OverlayLegend::expertLabel(const Part& part) const {
    const int line = fontMetrics().height();
    if (!part.text.isEmpty()) return fontMetrics().elidedText(part.text, Qt::ElideRight, part.rect.width() - line - line / 3);
    return QString::number(part.number) + (part.number == m_map->unconditional ? QStringLiteral("*") : QString());
}

void OverlayLegend::paintBar(QPainter& painter, const QRect& rect, const OverlayMap& map) const {
    const QFontMetrics metrics = fontMetrics();
    const int half = metrics.height() / 2, wide = metrics.height();
    const QRect bar(rect.left(), rect.top() + half, wide, rect.height() - 2 * half);
    const int left = bar.right() + half;
    const auto label = [&](int y, const QString& text) {
        painter.drawLine(bar.right() + 1, y, bar.right() + half / 2, y);
        painter.drawText(QRect(left, y - half, rect.right() - left, 2 * half), Qt::AlignLeft | Qt::AlignVCenter, text);
    };
    painter.setPen(palette().color(QPalette::WindowText));
    if (map.kind == OverlayKind::HowMany) {
        const int steps = std::max(1, static_cast<int>(std::lround(map.high)));
        const int every = std::max(1, (steps * metrics.height() + bar.height() - 1) / bar.height());
        const MoeLayerDescriptor* layer = m_frame->layer();
        const bool more = layer && layer->topK == 0 && map.high < map.experts;
        for (int i = 1; i <= steps; ++i) {
            const int top = bar.bottom() + 1 - bar.height() * i / steps, bottom = bar.bottom() + 1 - bar.height() * (i - 1) / steps;
            painter.fillRect(QRect(bar.left(), top, wide, bottom - top), sequentialColour(i / map.high));
            if ((steps - i) % every == 0) label((top + bottom) / 2, i == steps && more ? tr("%1 or more").arg(i) : QString::number(i));
        }
    } else {
        for (int y = bar.top(); y <= bar.bottom(); ++y)
            painter.fillRect(QRect(bar.left(), y, wide, 1), sequentialColour((bar.bottom() - y) / std::max(1.0, bar.height() - 1.0)));
        label(bar.top(), (exceedsRange(map) ? QStringLiteral("> ") : QString()) + QLocale().toString(map.high, 'g', 3));
        label(bar.center().y(), QLocale().toString((map.high + map.low) / 2, 'g', 3));
        label(bar.bottom(), QLocale().toString(map.low, 'g', 3));
    }
    painter.drawRect(bar.adjusted(0, 0, -1, -1));
}

void OverlayLegend::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    const double dpr = devicePixelRatioF();
    const int line = fontMetrics().height(), gap = line / 3;
    const QColor text = palette().color(QPalette::WindowText), highlight = palette().color(QPalette::Highlight);
    const auto swatch = [&](const QRect& rect, QImage image) {
        image.setDevicePixelRatio(dpr);
        painter.drawImage(rect.topLeft(), image);
    };
    const auto pixels = [&](const QRect& rect) { return (QSizeF(rect.size()) * dpr).toSize(); };
    for (const Part& part : m_parts) {
        const QRect square(part.rect.topLeft(), QSize(line, line));
        painter.setPen(text);
        switch (part.kind) {
            case Part::Text: {
                QFont bold = font();
                bold.setBold(part.strong);
                painter.setFont(bold);
                painter.drawText(part.rect, Qt::TextWordWrap, part.text);
                painter.setFont(font());
                break;
            }
            case Part::Expert: {
                const bool selected = part.number == m_selection.expert;
                const QRect row = part.rect;
                if (selected) painter.fillRect(row.adjusted(-1, -1, 1, 1), highlight);
                else if (part.number == m_hoverExpert) painter.fillRect(row.adjusted(-1, -1, 1, 1), palette().color(QPalette::Midlight));
                const QRect inside = square.adjusted(1, 1, -1, -1);
                swatch(inside, rasterLook(expertLook(part.number, m_map->experts), pixels(inside), dpr));
                painter.setPen(selected ? palette().color(QPalette::HighlightedText) : text);
                painter.drawText(row.adjusted(line + gap, 0, 0, 0), Qt::AlignVCenter, expertLabel(part));
                break;
            }
            case Part::Hole:
                swatch(square.adjusted(1, 1, -1, -1), rasterHole(pixels(square.adjusted(1, 1, -1, -1)), dpr));
                painter.drawText(part.rect.adjusted(line + gap, 0, 0, 0), Qt::AlignVCenter | Qt::TextWordWrap, part.text);
                break;
            case Part::Bar: paintBar(painter, part.rect, *m_map); break;
            case Part::Outside: {
                painter.setPen(palette().color(QPalette::Mid));
                painter.drawRect(square.adjusted(0, 0, -1, -1));
                swatch(square, rasterOutside(*m_map, static_cast<size_t>(part.number), pixels(square), dpr));
                painter.setPen(text);
                painter.drawText(part.rect.adjusted(line + line / 4, 0, 0, 0), Qt::AlignVCenter, part.text);
                if (part.token == m_selection.token || part.token == m_hoverToken) {
                    painter.setPen(QPen(part.token == m_selection.token ? highlight : text, 2));
                    painter.drawRect(part.rect.adjusted(1, 1, -1, -1));
                }
                break;
            }
        }
    }
}

const OverlayLegend::Part* OverlayLegend::partAt(QPoint point) const {
    for (const Part& part : m_parts)
        if ((part.kind == Part::Expert || part.kind == Part::Outside) && part.rect.contains(point)) return &part;
    return nullptr;
}

bool OverlayLegend::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const Part* part = partAt(help->pos());
        QString text;
        if (part && part->kind == Part::Expert) 
            text = !part->text.isEmpty()                       ? tr("Network “%1”: click to choose it").arg(part->text)
                   : part->number == m_map->unconditional ? tr("Expert %1, for tokens without condition: click to choose it").arg(part->number)
                                                               : tr("Expert %1: click to choose it").arg(part->number);
        if (part && part->kind == Part::Outside && m_frame->layer()) {
            const Selection& at = m_frame->selection;
            text = tokenPlaceText(*m_frame->run->routing, at.layer, at.branch == BranchChoice::Uncond ? Branch::Uncond : Branch::Cond,
                                  std::max<int64_t>(at.image, 0), part->token);
        }
        if (text.isEmpty()) QToolTip::hideText();
        else QToolTip::showText(help->globalPos(), text, this);
        return true;
    }
    return QWidget::event(event);
}

void OverlayLegend::hover(const Part* part) {
    const int expert = part && part->kind == Part::Expert ? part->number : -1;
    const int64_t token = part && part->kind == Part::Outside ? part->token : -1;
    if (expert == m_hoverExpert && token == m_hoverToken) return;
    const bool tokens = token != m_hoverToken;
    m_hoverExpert = expert;
    m_hoverToken = token;
    update();
    if (tokens && token >= 0) emit outsideHovered(token);
    else emit expertHovered(expert);
}

void OverlayLegend::mousePressEvent(QMouseEvent* event) {
    const Part* part = event->button() == Qt::LeftButton ? partAt(event->position().toPoint()) : nullptr;
    if (!part) return QWidget::mousePressEvent(event);
    if (part->kind == Part::Expert) emit expertClicked(part->number);
    else emit outsideClicked(part->token);
}

void OverlayLegend::mouseMoveEvent(QMouseEvent* event) { hover(partAt(event->position().toPoint())); }

void OverlayLegend::leaveEvent(QEvent*) { hover(nullptr); }

}  // namespace moescope
