// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/overlay_sheet.h"

#include <QCoreApplication>
#include <QFontMetricsF>
#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "viz/overlay/token_raster.h"

namespace moescope {
namespace {

constexpr int kPixelArt = 128;   // pictures up to this side stay crisp
constexpr int kListAll = 16;     // experts; of more only those that lead somewhere are listed
constexpr double kFiner = 3;     // pixels per unit of small samples, so that they stay sharp in vector files

struct OverlayWords {
    Q_DECLARE_TR_FUNCTIONS(OverlaySheet)
};

/// A line of the legend: words, a sample with words, or the colour bar.
struct Entry {
    enum Kind { Words, Expert, Hole, Bar, Outside } kind = Words;
    QRectF box;
    QString text;
    int number = -1;  // expert, or index of a token outside
    bool strong = false;
};

/// Everything in units of the page.
class Layout {
public:
    Layout(const OverlaySheet& sheet, const OverlaySheetStyle& style) : m_sheet(sheet), m_metrics(style.font) {
        m_line = m_metrics.height();
        m_gap = std::round(m_line / 2);
        bold = style.font;
        bold.setBold(true);
        const double width = style.most.width() - 2 * m_gap;
        // Title and caption take the page's width, which is known when the picture's is: measured at the widest first.
        double head = headHeight(width);
        placeLegend(style.most.height() - head - 3 * m_gap);
        const QSizeF room(width - m_legendWidth - 2 * m_gap, style.most.height() - head - 3 * m_gap);
        picture = QRectF(QPointF(m_gap, 0), pictureSize(room));
        // A caption that needs more lines under a narrow picture takes them from the picture.
        for (int i = 0; i < 4; ++i) {
            const double needed = headHeight(contentWidth());
            if (needed <= head) break;
            head = needed;
            picture.setSize(pictureSize({room.width(), style.most.height() - head - 3 * m_gap}));
        }
        picture.moveTop(2 * m_gap + headHeight(contentWidth()));
        title = QRectF(m_gap, m_gap, contentWidth(), m_titleHeight);
        caption = QRectF(m_gap, title.bottom(), contentWidth(), m_captionHeight);
        for (Entry& entry : entries) entry.box.translate(picture.right() + 2 * m_gap, picture.top());
        const double bottom = std::max(picture.bottom(), picture.top() + m_legendHeight);
        size = QSize(static_cast<int>(std::ceil(contentWidth() + 2 * m_gap)), static_cast<int>(std::ceil(bottom + m_gap))).boundedTo(style.most);
    }

    QRectF title, caption, picture;
    std::vector<Entry> entries;
    QSize size;
    QFont bold;

    double line() const { return m_line; }
    double gap() const { return m_gap; }

private:
    double contentWidth() const { return std::max(picture.width() + 2 * m_gap + m_legendWidth, 24 * m_metrics.averageCharWidth()); }

    double headHeight(double width) {
        const auto lines = [&](const QFont& font, const QString& text) {
            return std::ceil(QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e5), Qt::TextWordWrap, text).height());
        };
        m_titleHeight = lines(bold, m_sheet.title);
        m_captionHeight = lines(m_metricsFont(), m_sheet.caption);
        return m_titleHeight + m_captionHeight;
    }
    QFont m_metricsFont() const {
        QFont plain = bold;
        plain.setBold(false);
        return plain;
    }

    QSizeF pictureSize(QSizeF room) const {
        const QSizeF natural = m_sheet.pictureSize;
        const double fits = std::min(room.width() / natural.width(), room.height() / natural.height());
        // Pictures larger than the page are shrunk to it.
        return natural * (fits >= 1 ? std::floor(fits) : std::max(fits, 1 / std::max(natural.width(), natural.height())));
    }

    void placeLegend(double height) {
        const OverlayMap& map = m_sheet.map;
        m_legendWidth = std::ceil(15 * m_metrics.averageCharWidth());
        double y = 0;
        const auto words = [&](const QString& text, bool strong) {
            const QFontMetricsF metrics(strong ? bold : m_metricsFont());
            const QRectF box = metrics.boundingRect(QRectF(0, 0, m_legendWidth, 1e5), Qt::TextWordWrap, text);
            entries.push_back({Entry::Words, QRectF(0, y, m_legendWidth, std::ceil(box.height())), text, -1, strong});
            y += std::ceil(box.height()) + m_gap / 2;
        };
        const auto sample = [&](Entry::Kind kind, const QString& text) {
            const double left = m_line + m_gap / 2;
            const QRectF box = m_metrics.boundingRect(QRectF(0, 0, m_legendWidth - left, 1e5), Qt::TextWordWrap, text);
            entries.push_back({kind, QRectF(0, y, m_legendWidth, std::max(m_line, std::ceil(box.height()))), text});
            y = entries.back().box.bottom() + m_gap / 2;
        };
        const std::map<int, int> leads = leadCounts();
        if (map.kind == OverlayKind::Dominant)
            placeExperts(leads, y, height);
        else {
            words(map.kind == OverlayKind::OneExpert ? OverlayWords::tr("gate weight") : OverlayWords::tr("experts"), true);
            const double bar = std::clamp(height - y - 6 * m_line, 3 * m_line, 10 * m_line);
            entries.push_back({Entry::Bar, QRectF(0, y, m_legendWidth, bar), {}});
            y += bar + m_gap / 2;
            if (map.kind == OverlayKind::OneExpert) words(OverlayWords::tr("uncoloured: not taken by it"), false);
            if (map.kind == OverlayKind::OneExpert && map.expert == map.unconditional)
                words(OverlayWords::tr("the expert for tokens without condition"), false);
        }
        if (map.kind == OverlayKind::Dominant && map.unconditional >= 0 && (map.experts <= kListAll || leads.count(map.unconditional)))
            words(OverlayWords::tr("*: for tokens without condition"), false);
        if (leads.count(map.kind == OverlayKind::HowMany ? 0 : -1)) sample(Entry::Hole, map.sharedExpert ? OverlayWords::tr("no expert, only the shared one") : OverlayWords::tr("no expert"));
        if (!map.marked.empty()) words(OverlayWords::tr("framed: another main expert without the prompt"), false);
        if (!map.dominant.outside.empty()) placeOutside(y);
        m_legendHeight = y;
    }

    /// Tokens of each value of the map, in the picture and outside.
    std::map<int, int> leadCounts() const {
        std::map<int, int> counts;
        for (const int32_t value : m_sheet.map.dominant.grid) ++counts[value];
        for (const TokenMap::Outside& token : m_sheet.map.dominant.outside) ++counts[token.value];
        return counts;
    }

    void placeExperts(const std::map<int, int>& leads, double& y, double height) {
        std::vector<int> listed;
        const int experts = m_sheet.map.experts;
        for (int expert = 0; expert < experts; ++expert)
            if (experts <= kListAll || leads.count(expert)) listed.push_back(expert);
        const double step = m_line + m_gap / 2, cell = m_line + m_gap + m_metrics.horizontalAdvance(QStringLiteral("0000"));
        const double reserved = step * (3 + (m_sheet.map.dominant.outside.empty() ? 0 : 4));  // for what stands below
        const int rows = std::max(4, static_cast<int>((height - y - reserved - step) / step));
        int columns = (static_cast<int>(listed.size()) + rows - 1) / rows;
        columns = std::max(columns, static_cast<int>((m_legendWidth + 0.5) / cell));
        m_legendWidth = std::max(m_legendWidth, columns * cell);
        entries.push_back({Entry::Words, QRectF(0, y, m_legendWidth, std::ceil(m_line)), OverlayWords::tr("expert"), -1, true});
        y += step;
        for (size_t i = 0; i < listed.size(); ++i) {
            const auto row = static_cast<int>(i) / columns, column = static_cast<int>(i) % columns;
            entries.push_back({Entry::Expert, QRectF(column * cell, y + row * step, cell, m_line),
                               QString::number(listed[i]) + (listed[i] == m_sheet.map.unconditional ? QStringLiteral("*") : QString()), listed[i]});
        }
        y += step * ((static_cast<int>(listed.size()) + columns - 1) / columns);
        if (static_cast<int>(listed.size()) < experts) {
            const QString text = OverlayWords::tr("%1 of %2 lead somewhere").arg(QString::number(listed.size()), QString::number(experts));
            const double tall = std::ceil(m_metrics.boundingRect(QRectF(0, 0, m_legendWidth, 1e5), Qt::TextWordWrap, text).height());
            entries.push_back({Entry::Words, QRectF(0, y, m_legendWidth, tall), text});
            y += tall + m_gap / 2;
        }
    }

    void placeOutside(double& y) {
        const auto& outside = m_sheet.map.dominant.outside;
        const QString text = OverlayWords::tr("Tokens not in the picture: %1").arg(outside.size());
        const double tall = std::ceil(m_metrics.boundingRect(QRectF(0, 0, m_legendWidth, 1e5), Qt::TextWordWrap, text).height());
        entries.push_back({Entry::Words, QRectF(0, y, m_legendWidth, tall), text});
        y += tall + m_gap / 4;
        const double side = std::round(m_line), step = side + 2;
        const int columns = std::max(1, static_cast<int>((m_legendWidth + 2) / step));
        const auto count = static_cast<int>(outside.size());
        for (int i = 0; i < count; ++i)
            entries.push_back({Entry::Outside, QRectF((i % columns) * step, y + (i / columns) * step, side, side), {}, i});
        y += step * ((count + columns - 1) / columns);
    }

    const OverlaySheet& m_sheet;
    QFontMetricsF m_metrics;
    double m_line = 0, m_gap = 0, m_legendWidth = 0, m_legendHeight = 0, m_titleHeight = 0, m_captionHeight = 0;
};

void paintBar(QPainter& painter, const QRectF& box, const OverlaySheet& sheet, double line) {
    const OverlayMap& map = sheet.map;
    const QRectF bar(box.left(), box.top() + line / 2, line, box.height() - line);
    const auto label = [&](double y, const QString& text) {
        painter.drawText(QRectF(bar.right() + line / 3, y - line / 2, box.right() - bar.right(), line), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, text);
    };
    const bool counts = map.kind == OverlayKind::HowMany;
    const int steps = counts ? std::max(1, static_cast<int>(std::lround(map.high))) : std::max(2, static_cast<int>(bar.height()));
    const int every = counts ? std::max(1, static_cast<int>(std::ceil(steps * line / bar.height()))) : steps;
    for (int i = 1; i <= steps; ++i) {
        const double top = bar.bottom() - bar.height() * i / steps, bottom = bar.bottom() - bar.height() * (i - 1) / steps;
        // A little overlap below, so that no seam shows where edges lie between pixels.
        painter.fillRect(QRectF(bar.left(), top, bar.width(), std::min(bottom + 0.5, bar.bottom()) - top),
                         sequentialColour(counts ? i / map.high : (i - 1.0) / (steps - 1.0)));
        if (counts && (steps - i) % every == 0) label((top + bottom) / 2, i == steps && sheet.orMore ? OverlayWords::tr("%1 or more").arg(i) : QString::number(i));
    }
    if (!counts) {
        label(bar.top(), (exceedsRange(map) ? QStringLiteral("> ") : QString()) + QLocale().toString(map.high, 'g', 3));
        label(bar.center().y(), QLocale().toString((map.high + map.low) / 2, 'g', 3));
        label(bar.bottom(), QLocale().toString(map.low, 'g', 3));
    }
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(bar);
}

void paintPicture(QPainter& painter, const QRectF& target, const OverlaySheet& sheet) {
    if (sheet.picture.isNull()) {
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(target);
        return;
    }
    const bool crisp = sheet.pictureSize.width() <= kPixelArt && sheet.picture.width() <= kPixelArt && target.width() >= sheet.picture.width();
    painter.setRenderHint(QPainter::SmoothPixmapTransform, !crisp);
    // Enlarged here and not by whoever shows a vector file, which would smooth it.
    const QSize whole = (QSizeF(sheet.picture.size()) * std::max(1.0, std::floor(target.width() / sheet.picture.width()))).toSize();
    painter.drawImage(target, crisp ? sheet.picture.scaled(whole, Qt::IgnoreAspectRatio, Qt::FastTransformation) : sheet.picture);
}

}  // namespace

QSize overlaySheetSize(const OverlaySheet& sheet, const OverlaySheetStyle& style) { return Layout(sheet, style).size; }

void paintOverlaySheet(QPainter& painter, const OverlaySheet& sheet, const OverlaySheetStyle& style) {
    const Layout layout(sheet, style);
    painter.save();
    painter.fillRect(QRect({}, layout.size), style.background);
    painter.setPen(QPen(style.text, 1));
    painter.setFont(layout.bold);
    painter.drawText(layout.title, Qt::TextWordWrap, sheet.title);
    painter.setFont(style.font);
    painter.drawText(layout.caption, Qt::TextWordWrap, sheet.caption);
    paintPicture(painter, layout.picture, sheet);
    paintOverlay(painter, layout.picture, sheet.map, sheet.opacity, true);

    const double line = layout.line();
    QColor faint = style.text;
    faint.setAlphaF(0.5F);
    painter.setBrush(Qt::NoBrush);
    const auto finer = [](const QRectF& box) { return (box.size() * kFiner).toSize(); };
    for (const Entry& entry : layout.entries) {
        const QRectF square(entry.box.topLeft(), QSizeF(line, line));
        const QRectF after = entry.box.adjusted(line + layout.gap() / 2, 0, 0, 0);
        switch (entry.kind) {
            case Entry::Words:
                painter.setFont(entry.strong ? layout.bold : style.font);
                painter.drawText(entry.box, Qt::TextWordWrap | Qt::TextDontClip, entry.text);
                painter.setFont(style.font);
                break;
            case Entry::Expert:
                painter.drawImage(square, rasterLook(expertLook(entry.number, sheet.map.experts), finer(square), kFiner));
                painter.drawText(after, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, entry.text);
                break;
            case Entry::Hole:
                painter.drawImage(square, rasterHole(finer(square), kFiner));
                painter.drawText(after, Qt::AlignVCenter | Qt::TextWordWrap | Qt::TextDontClip, entry.text);
                break;
            case Entry::Bar: paintBar(painter, entry.box, sheet, line); break;
            case Entry::Outside:
                painter.drawImage(entry.box, rasterOutside(sheet.map, static_cast<size_t>(entry.number), finer(entry.box), kFiner));
                painter.save();
                painter.setPen(QPen(faint, 1));
                painter.drawRect(entry.box.adjusted(0.5, 0.5, -0.5, -0.5));
                painter.restore();
                break;
        }
    }
    painter.restore();
}

QImage overlaySheetImage(const OverlaySheet& sheet, const OverlaySheetStyle& style, double scale) {
    const QSize size = overlaySheetSize(sheet, style);
    QImage image((QSizeF(size) * scale).toSize(), QImage::Format_RGB32);
    if (image.isNull()) return image;
    image.fill(style.background);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::TextAntialiasing);
    painter.scale(scale, scale);
    paintOverlaySheet(painter, sheet, style);
    return image;
}

}  // namespace moescope
