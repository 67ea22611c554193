// SPDX-License-Identifier: GPL-3.0-or-later
// The body of a heat map: cells as rectangles (vectors in an SVG), a colour bar, hatching where there is no data.
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "viz/plots/chart_plot.h"

namespace moescope {
namespace {

constexpr int kTick = 3, kTickPadding = 3;

class HeatMapBody : public ChartBody {
public:
    explicit HeatMapBody(QCustomPlot& plot) : m_plot(plot) {}

    void layOut(const ChartSpec& chart, const ChartStyle& style, QRect area, QSize size) override;
    void paintBelow(QCPPainter& painter) override;
    void paintAbove(QCPPainter& painter) override;
    void paintMarks(QCPPainter& painter, const ChartCursor& cursor) override;
    QPoint cellAt(QPointF place) const override;
    QRectF cellRect(QPoint cell) const override;

private:
    bool counted() const { return !m_map->unitOne.isEmpty(); }
    int rows() const { return static_cast<int>(m_map->values.rows); }
    int columns() const { return static_cast<int>(m_map->values.cols); }
    double edgeX(int column) const { return m_cells.left() + m_cells.width() * column / columns(); }
    double edgeY(int row) const { return m_cells.top() + m_cells.height() * row / rows(); }
    /// Neighbouring rows with one label: a row, or a group of them.
    struct RowLabel {
        QString text;
        int first = 0, last = 0;
    };
    std::vector<RowLabel> shownRows() const;
    QString rowTitle() const;
    void layOutBar(QRect area, bool roomy);
    void paintBar(QCPPainter& painter);

    QCustomPlot& m_plot;
    const HeatMapSpec* m_map = nullptr;
    const ChartStyle* m_style = nullptr;
    QRectF m_cells;           // the map
    QRectF m_bar;             // the colour bar; no width: no room for one
    QRectF m_rowCaption, m_barCaption, m_note;
    bool m_grouped = false;   // the rows have no room for labels of their own
    bool m_above = false, m_below = false, m_missing = false;  // values beyond the ends; cells without data that were reached
    std::array<QColor, 256> m_colours;
};

void HeatMapBody::layOut(const ChartSpec& chart, const ChartStyle& style, QRect area, QSize size) {
    m_map = &std::get<HeatMapSpec>(chart.body);
    m_style = &style;
    m_above = m_below = m_missing = false;
    for (int row = 0; row < rows(); ++row)
        for (int column = 0; column < columns(); ++column) {
            const double value = m_map->values.at(row, column);
            m_above |= value > m_map->range.high;
            m_below |= value < m_map->range.low;
            m_missing |= !hasData(value) && (m_map->columnsReached < 0 || column < m_map->columnsReached);
        }
    const auto levels = static_cast<double>(m_colours.size() - 1);
    for (size_t i = 0; i < m_colours.size(); ++i)
        m_colours[i] = heatColour(m_map->range, m_map->range.low + (m_map->range.high - m_map->range.low) * static_cast<double>(i) / levels);

    const QFontMetricsF metrics(style.font);
    const int line = static_cast<int>(std::ceil(style.line())), em = static_cast<int>(std::ceil(style.em()));
    const bool roomy = area.height() >= 7 * line;
    const int captions = roomy ? line + line / 2 : 0;  // the first row's label may reach up to it
    m_rowCaption = QRectF(area.left(), area.top(), area.width(), captions);

    const int below = kTick + kTickPadding + line + (roomy ? line + 2 : 0);
    const double rowRoom = (area.height() - captions - below) / static_cast<double>(std::max(1, rows())), rowExtent = metrics.ascent() + metrics.descent() / 2;
    m_grouped = !m_map->rows.groups.isEmpty() && rowRoom < rowExtent;
    const double widestAllowed = area.width() * 0.4;
    double widest = 0;
    const std::vector<RowLabel> rowLabels = shownRows();
    for (const RowLabel& label : rowLabels) widest = std::max(widest, metrics.horizontalAdvance(label.text));
    widest = std::min(std::ceil(widest), widestAllowed);
    layOutBar(area.adjusted(0, captions, 0, 0), area.width() >= 14 * em);
    const double barWidth = m_bar.width() > 0 ? area.right() + 1 - m_bar.left() + em : em / 2.0;
    m_cells = QRectF(QPointF(std::floor(area.left() + widest + kTick + kTickPadding + 2), area.top() + captions + 1),
                     QPointF(std::ceil(area.right() + 1 - barWidth), area.bottom() + 1 - below));
    if (m_cells.width() < 1) m_cells.setWidth(1);
    if (m_cells.height() < 1) m_cells.setHeight(1);
    m_bar.setTop(m_cells.top());
    m_bar.setBottom(m_cells.bottom());
    const double used = metrics.horizontalAdvance(rowTitle()) + 2 * em;
    m_barCaption = QRectF(area.left() + used, area.top(), std::max(0.0, area.width() - used), captions);
    m_note = roomy ? QRectF(m_cells.right(), area.bottom() + 1 - line, area.right() + 1 - m_cells.right(), line) : QRectF();

    setInnerRect(m_plot, m_cells.toRect(), size);
    m_plot.xAxis->setRange(-0.5, columns() - 0.5);
    m_plot.yAxis->setRange(-0.5, rows() - 0.5);
    m_plot.yAxis->setRangeReversed(true);
    m_plot.xAxis->setLabel(roomy ? metrics.elidedText(shownTitle(m_map->columns), Qt::ElideRight, m_cells.width()) : QString());
    m_plot.xAxis->setLabelPadding(2);
    m_plot.yAxis->setLabel({});
    std::vector<Tick> columnTicks, rowTicks;
    for (const int i : labelsThatFit(m_map->columns.labels, m_cells.width() / columns(), em * 0.6,
                                     [&](const QString& label) { return metrics.horizontalAdvance(label); }))
        columnTicks.push_back({static_cast<double>(i), metrics.elidedText(shownLabel(m_map->columns, i), Qt::ElideRight, m_cells.width())});
    QStringList labels;
    int fewest = rows();  // rows of a label
    for (const RowLabel& label : rowLabels) {
        labels << (m_grouped ? label.text : m_map->rows.labels[label.first]);
        fewest = std::min(fewest, label.last - label.first + 1);
    }
    for (const int i : labelsThatFit(labels, fewest * m_cells.height() / rows(), 0, [&](const QString&) { return rowExtent; })) {
        const RowLabel& label = rowLabels[static_cast<size_t>(i)];
        rowTicks.push_back({(label.first + label.last) / 2.0, metrics.elidedText(label.text, Qt::ElideRight, widest)});
    }
    styleAxis(*m_plot.xAxis, style, columnTicks);
    styleAxis(*m_plot.yAxis, style, rowTicks);
}

/// Labels of the rows, with the numbers beside them.
std::vector<HeatMapBody::RowLabel> HeatMapBody::shownRows() const {
    std::vector<RowLabel> labels;
    const std::vector<double>& beside = m_map->beside.values;
    for (int row = 0; row < static_cast<int>(m_map->rows.labels.size()); ++row) {
        if (m_grouped && row > 0 && m_map->rows.groups[row] == labels.back().text) {
            labels.back().last = row;
            continue;
        }
        labels.push_back({m_grouped ? m_map->rows.groups[row] : shownLabel(m_map->rows, row), row, row});
        if (!m_grouped && static_cast<size_t>(row) < beside.size() && hasData(beside[static_cast<size_t>(row)]))
            labels.back().text += QStringLiteral("   ") + numberText(beside[static_cast<size_t>(row)]);
    }
    return labels;
}

QString HeatMapBody::rowTitle() const {
    if (m_grouped) return m_map->rows.groupTitle;
    const QString title = shownTitle(m_map->rows);
    return m_map->beside.values.empty() ? title : title + QStringLiteral(", ") + m_map->beside.title;
}

/// Only the width is known here; labels may get a sign for values beyond the end at any time, so that their room is kept.
void HeatMapBody::layOutBar(QRect area, bool room) {
    m_bar = QRectF();
    if (!room) return;
    const QFontMetricsF metrics(m_style->font);
    double labels = 0;
    for (const double end : {m_map->range.low, m_map->range.high})
        labels = std::max(labels, metrics.horizontalAdvance(QStringLiteral("> ") + numberText(end)));
    for (const Tick& tick : niceTicks(m_map->range.low, m_map->range.high, 10, counted())) labels = std::max(labels, metrics.horizontalAdvance(tick.text));
    const double em = m_style->em(), width = std::round(em);
    const double left = std::floor(area.right() + 1 - std::ceil(labels) - em / 2 - width);
    m_bar = QRectF(left, area.top(), width, 1);
}

void HeatMapBody::paintBelow(QCPPainter& painter) {
    const bool vectors = painter.modes().testFlag(QCPPainter::pmVectorized);
    const double ratio = painter.device()->devicePixelRatioF();
    // On pixels, cells meet on whole device pixels; as vectors, each reaches under its later neighbours so that no seam shows.
    const auto edge = [&](double at) { return vectors ? at : std::round(at * ratio) / ratio; };
    const double overlap = vectors ? 1 : 0;
    const double span = m_map->range.high - m_map->range.low;
    painter.save();
    painter.setClipRect(m_cells, Qt::IntersectClip);
    painter.setPen(Qt::NoPen);
    std::vector<QRectF> missing;
    for (int row = 0; row < rows(); ++row) {
        const double top = edge(edgeY(row)), height = edge(edgeY(row + 1)) - top;
        for (int column = 0; column < columns(); ++column) {
            const double left = edge(edgeX(column));
            const QRectF cell(left, top, edge(edgeX(column + 1)) - left, height);
            const double value = m_map->values.at(row, column);
            if (hasData(value)) {
                const double share = span > 0 ? std::clamp((value - m_map->range.low) / span, 0.0, 1.0) : 0;
                const auto level = static_cast<size_t>(std::lround(share * static_cast<double>(m_colours.size() - 1)));
                painter.fillRect(cell.adjusted(0, 0, overlap, overlap), m_colours[level]);
            } else if (m_map->columnsReached < 0 || column < m_map->columnsReached) {
                missing.push_back(cell);
            }
        }
    }
    painter.setAntialiasing(true);
    for (const QRectF& cell : missing) paintHatching(painter, cell, *m_style);
    painter.restore();
    painter.setAntialiasing(false);
    for (int row = 1; row < m_map->rows.groups.size(); ++row)
        if (m_map->rows.groups[row] != m_map->rows.groups[row - 1])
            painter.fillRect(QRectF(m_cells.left(), edge(edgeY(row)), m_cells.width(), 1), m_style->background());
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(m_style->shade(0.5), 1));
    painter.drawRect(m_cells.adjusted(-1, -1, 0, 0));
}

void HeatMapBody::paintAbove(QCPPainter& painter) {
    const QColor quiet = m_style->shade(0.8);
    paintText(painter, m_rowCaption, Qt::AlignLeft | Qt::AlignTop, rowTitle(), m_style->font, quiet);
    if (m_bar.width() > 0) paintBar(painter);
    if (!m_missing || m_note.height() < 1) return;
    const QString note = m_map->missing.isEmpty() ? QCoreApplication::translate("ChartView", "no data") : m_map->missing;
    const double em = m_style->em(), side = std::round(em * 0.9);
    const double width = QFontMetricsF(m_style->font).horizontalAdvance(note) + side + em / 2;
    const double titleEnd = m_cells.center().x() + QFontMetricsF(m_style->font).horizontalAdvance(shownTitle(m_map->columns)) / 2 + em;
    QRectF place = m_note;
    place.setLeft(place.right() - width);
    if (place.left() < titleEnd) return;
    const QRectF swatch(place.left(), place.center().y() - side / 2, side, side);
    painter.setAntialiasing(true);
    paintHatching(painter, swatch, *m_style);
    painter.setAntialiasing(false);
    painter.setPen(QPen(m_style->shade(0.5), 1));
    painter.drawRect(swatch);
    place.setLeft(swatch.right() + em / 2);
    paintText(painter, place, Qt::AlignLeft | Qt::AlignVCenter, note, m_style->font, quiet);
}

void HeatMapBody::paintBar(QCPPainter& painter) {
    const ColourRange& range = m_map->range;
    QLinearGradient gradient(m_bar.bottomLeft(), m_bar.topLeft());
    for (size_t i = 0; i < m_colours.size(); i += 15) gradient.setColorAt(static_cast<double>(i) / 255.0, m_colours[i]);
    painter.fillRect(m_bar, gradient);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(m_style->shade(0.5), 1));
    painter.drawRect(m_bar.adjusted(-1, -1, 0, 0));
    paintText(painter, m_barCaption, Qt::AlignRight | Qt::AlignTop, quantityLabel(m_map->quantity, m_map->unit), m_style->font,
              m_style->shade(0.8));

    const double line = m_style->line(), half = line / 2;
    const auto heightOf = [&](double value) { return m_bar.bottom() - m_bar.height() * (value - range.low) / (range.high - range.low); };
    const auto label = [&](double at, const QString& text) {
        const QRectF place(m_bar.right() + m_style->em() / 2, at - half, m_plot.viewport().right() - m_bar.right(), line);
        paintText(painter, place, Qt::AlignLeft | Qt::AlignVCenter, text, m_style->font, m_style->text());
        painter.setPen(QPen(m_style->shade(0.5), 1));
        painter.drawLine(QPointF(m_bar.right(), at), QPointF(m_bar.right() + 2, at));
    };
    // The ends' labels stay within the bar, and inner ones keep off them.
    const double top = m_bar.top() + half * 0.8, end = m_bar.bottom() - half * 0.8;
    label(top, (m_above ? QStringLiteral("> ") : QString()) + numberText(range.high));
    if (m_bar.height() < 2 * line) return;
    label(end, (m_below ? QStringLiteral("< ") : QString()) + numberText(range.low));
    for (const Tick& tick : niceTicks(range.low, range.high, std::clamp(static_cast<int>(m_bar.height() / (2.2 * line)), 1, 8), counted())) {
        const double at = heightOf(tick.value);
        if (at - top >= line && end - at >= line) label(at, tick.text);
    }
}

void HeatMapBody::paintMarks(QCPPainter& painter, const ChartCursor& cursor) {
    const auto inside = [](int index, int count) { return index >= 0 && index < count; };
    const bool row = inside(m_map->selectedRow, rows()), column = inside(m_map->selectedColumn, columns());
    const QRectF bounds = m_cells.adjusted(-0.5, -0.5, 0.5, 0.5);
    if (row)
        paintOutline(painter, QRectF(bounds.left(), edgeY(m_map->selectedRow), bounds.width(), m_cells.height() / rows()), m_style->text(),
                     *m_style, 1);
    if (column)
        paintOutline(painter, QRectF(edgeX(m_map->selectedColumn), bounds.top(), m_cells.width() / columns(), bounds.height()), m_style->text(),
                     *m_style, 1);
    if (row && column) paintOutline(painter, cellRect({m_map->selectedRow, m_map->selectedColumn}), m_style->text(), *m_style, 2);
    if (cursor.focused && inside(cursor.cell.x(), rows()) && inside(cursor.cell.y(), columns()))
        paintOutline(painter, cellRect(cursor.cell), m_style->accent(), *m_style, 3);
}

QPoint HeatMapBody::cellAt(QPointF place) const {
    if (!m_cells.contains(place)) return {-1, -1};
    const int row = static_cast<int>((place.y() - m_cells.top()) / m_cells.height() * rows());
    const int column = static_cast<int>((place.x() - m_cells.left()) / m_cells.width() * columns());
    return {std::clamp(row, 0, rows() - 1), std::clamp(column, 0, columns() - 1)};
}

QRectF HeatMapBody::cellRect(QPoint cell) const {
    return {edgeX(cell.y()), edgeY(cell.x()), m_cells.width() / columns(), m_cells.height() / rows()};
}

}  // namespace

std::unique_ptr<ChartBody> makeHeatMapBody(QCustomPlot& plot) {
    return std::make_unique<HeatMapBody>(plot);
}

}  // namespace moescope
