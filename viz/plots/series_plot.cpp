// SPDX-License-Identifier: GPL-3.0-or-later
// The body of bars, lines and stacked columns: a legend above, the chosen one in the highlight colour, gaps where there is no data.
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

#include "viz/overlay/expert_palette.h"
#include "viz/plots/chart_plot.h"
#include "viz/plots/chart_view.h"

namespace moescope {
namespace {

constexpr int kTick = 3, kTickPadding = 3;
constexpr int kLegendMost = 8;  // series

struct LegendEntry {
    enum Kind { Line, Patch, Hatched } kind = Line;
    QPen pen;
    QString text;
    QRectF place;
};

QStringList shownLabels(const CategoryAxis& axis) {
    QStringList labels;
    for (int i = 0; i < static_cast<int>(axis.labels.size()); ++i) labels << shownLabel(axis, i);
    return labels;
}

class SeriesBody : public ChartBody {
public:
    explicit SeriesBody(QCustomPlot& plot) : m_plot(plot) {}

    void layOut(const ChartSpec& chart, const ChartStyle& style, QRect area, QSize size) override;
    void paintBelow(QCPPainter& painter) override;
    void paintAbove(QCPPainter& painter) override;
    void paintMarks(QCPPainter& painter, const ChartCursor& cursor) override;
    QPoint cellAt(QPointF place) const override;
    QRectF cellRect(QPoint cell) const override;

private:
    bool bars() const { return m_spec->form == SeriesSpec::Form::Bars; }
    bool stacked() const { return m_spec->form == SeriesSpec::Form::Stacked; }
    bool lines() const { return m_spec->form == SeriesSpec::Form::Lines; }
    double stackedBelow(int row, int column) const;  // sum of the series under it
    void paintStack(QCPPainter& painter) const;
    int count() const { return static_cast<int>(m_spec->series.size()); }
    double valueAt(int row, int column) const;
    double place(int column) const;       // on the x axis
    double pixelX(int column) const;
    /// Along the y axis: the logarithm where that is logarithmic; noData where it has no place there.
    double along(double value) const;
    double pixelY(double value) const;
    double room() const { return m_inner.width() / std::max(1, m_columns); }  // pixels per x
    QPen penOf(int row) const;
    int layOutLegend(QRect area);         // its height
    std::vector<Tick> groupTicks(const QFontMetricsF& metrics) const;
    void setRanges();
    void plotBars();
    void plotLines();

    QCustomPlot& m_plot;
    const SeriesSpec* m_spec = nullptr;
    const ChartStyle* m_style = nullptr;
    int m_columns = 0;
    QRectF m_inner, m_caption;
    double m_low = 0, m_high = 1, m_left = -0.5, m_right = 0.5;  // ends of the axes, along them
    std::vector<Tick> m_ticks;  // of the y axis
    std::vector<LegendEntry> m_legend;
};

double SeriesBody::valueAt(int row, int column) const {
    const std::vector<double>& y = m_spec->series[static_cast<size_t>(row)].y;
    return static_cast<size_t>(column) < y.size() ? y[static_cast<size_t>(column)] : noData;
}

double SeriesBody::place(int column) const {
    const auto index = static_cast<size_t>(column);
    return lines() && index < m_spec->xNumbers.size() ? m_spec->xNumbers[index] : column;
}

double SeriesBody::pixelX(int column) const {
    const double share = (place(column) - m_left) / (m_right - m_left);
    return m_inner.left() + m_inner.width() * (m_spec->xReversed ? 1 - share : share);
}

double SeriesBody::along(double value) const {
    if (!m_spec->logarithmic) return value;
    if (!(value > 0)) return noData;
    return std::log10(m_spec->low ? std::max(value, *m_spec->low) : value);
}

double SeriesBody::pixelY(double value) const {
    return m_inner.bottom() - m_inner.height() * (along(value) - m_low) / (m_high - m_low);
}

QPen SeriesBody::penOf(int row) const {
    if (m_spec->series[static_cast<size_t>(row)].emphasised) return QPen(m_style->accent(), m_style->em() / 4);
    if (m_spec->expertLooks) {
        QPen pen = seriesPen(*m_style, row);
        pen.setColor(expertLook(row, count()).colour);
        return pen;
    }
    return count() <= kLegendMost ? seriesPen(*m_style, row) : QPen(m_style->shade(0.4), m_style->em() / 12);
}

void SeriesBody::setRanges() {
    m_low = m_spec->low ? along(*m_spec->low) : noData;
    m_high = m_spec->high ? along(*m_spec->high) : noData;
    double least = noData, largest = noData;
    for (int row = 0; row < count(); ++row)
        for (int column = 0; column < m_columns; ++column) {
            least = std::fmin(least, along(valueAt(row, column)));  // fmin and fmax pass over what has no data
            largest = std::fmax(largest, along(valueAt(row, column)));
        }
    if (!hasData(m_low)) m_low = !lines() ? std::fmin(0.0, least) : hasData(least) ? least : 0;
    if (!hasData(m_high)) m_high = std::fmax(!lines() ? 0.0 : m_low, largest);
    if (!(m_high > m_low)) m_high = m_low + 1;
    // A little air, so that a value at an end is not hidden by the frame; bars stand on theirs.
    const double air = (m_high - m_low) * 0.04;
    if (lines() || m_low < 0) m_low -= air;
    m_high += air;

    m_left = -0.5;
    m_right = m_columns - 0.5;
    if (!lines() || m_spec->xNumbers.empty()) return;
    const auto [first, last] = std::minmax_element(m_spec->xNumbers.begin(), m_spec->xNumbers.end());
    const double margin = *last > *first ? (*last - *first) * 0.03 : 0.5;
    m_left = *first - margin;
    m_right = *last + margin;
}

int SeriesBody::layOutLegend(QRect area) {
    m_legend.clear();
    if (!bars() && count() > 1 && count() <= kLegendMost)
        for (int row = 0; row < count(); ++row)
            m_legend.push_back({stacked() ? LegendEntry::Patch : LegendEntry::Line, penOf(row), m_spec->series[static_cast<size_t>(row)].name, {}});
    if (bars() && m_spec->x.marked >= 0 && !m_spec->x.markName.isEmpty())
        m_legend.push_back({LegendEntry::Hatched, QPen(m_style->shade(0.6), 1), m_spec->x.markName, {}});
    if (m_spec->reference && !m_spec->referenceName.isEmpty())
        m_legend.push_back({LegendEntry::Line, QPen(m_style->shade(0.8), 1, Qt::DashLine),
                            QStringLiteral("%1: %2").arg(m_spec->referenceName, numberText(*m_spec->reference)), {}});
    const QFontMetricsF metrics(m_style->font);
    const double em = m_style->em(), line = std::ceil(m_style->line());
    double x = area.left(), y = area.top();
    for (LegendEntry& entry : m_legend) {
        const double width = std::min<double>(std::ceil(2.5 * em + metrics.horizontalAdvance(entry.text)), area.width());
        if (x > area.left() && x + width > area.right() + 1) {
            x = area.left();
            y += line;
        }
        entry.place = QRectF(x, y, width, line);
        x += width + em;
    }
    const double height = m_legend.empty() ? 0 : y + line - area.top();
    if (height <= area.height() * 0.34) return static_cast<int>(height);
    m_legend.clear();  // the chart itself needs the room; names are said under the pointer
    return 0;
}

void SeriesBody::layOut(const ChartSpec& chart, const ChartStyle& style, QRect area, QSize size) {
    m_spec = &std::get<SeriesSpec>(chart.body);
    m_style = &style;
    m_columns = chartColumns(chart);
    setRanges();
    const QFontMetricsF metrics(style.font);
    const int line = static_cast<int>(std::ceil(style.line())), em = static_cast<int>(std::ceil(style.em()));
    const bool roomy = area.height() >= 7 * line;
    area.setTop(area.top() + layOutLegend(area));
    m_caption = QRectF(area.left(), area.top(), area.width(), roomy ? line + line / 3 : 0);
    const int below = kTick + kTickPadding + line + (roomy ? line + 2 : 0);
    const double top = area.top() + m_caption.height() + (roomy ? 1 : line / 2), bottom = std::max(top + 1, area.bottom() + 1.0 - below);

    const int most = std::clamp(static_cast<int>((bottom - top) / (2 * line)), 1, 10);
    m_ticks = m_spec->logarithmic ? logTicks(std::max(std::pow(10.0, m_low), m_spec->low.value_or(0)), std::pow(10.0, m_high), most + 1)
                                  : niceTicks(m_low, m_high, most, !m_spec->unitOne.isEmpty());
    // A low plot has room for two only: without the upper one bars have no size.
    for (int more = most + 1; !m_spec->logarithmic && m_ticks.size() < 2 && more <= 5 && bottom - top >= 1.6 * line; ++more) {
        m_ticks = niceTicks(m_low, m_high, more, !m_spec->unitOne.isEmpty());
        if (m_ticks.size() > 2) m_ticks.erase(m_ticks.begin() + 1, m_ticks.end() - 1);
    }
    double widest = 0, widestBelow = 0;
    for (const Tick& tick : m_ticks) widest = std::max(widest, metrics.horizontalAdvance(tick.text));
    const bool numeric = lines() && !m_spec->xNumbers.empty();
    if (!numeric)
        for (const QString& label : shownLabels(m_spec->x)) widestBelow = std::max(widestBelow, metrics.horizontalAdvance(label));
    const bool grouped = !m_spec->x.groups.isEmpty() && (widestBelow + em * 0.6) * m_columns > area.width();
    if (grouped) widestBelow = 0;
    const double left = std::ceil(area.left() + widest + kTick + kTickPadding + 2);
    const double rest = area.right() + 1 - left;
    // The last label may be wider than its place: keep it on the plot.
    const double right = std::floor(rest - std::max(0.0, (widestBelow - rest / std::max(1, m_columns)) / 2));
    m_inner = QRectF(left, top, std::max(1.0, right), bottom - top);
    setInnerRect(m_plot, m_inner.toRect(), size);

    m_plot.xAxis->setRange(m_left, m_right);
    m_plot.xAxis->setRangeReversed(m_spec->xReversed);
    m_plot.yAxis->setRange(m_low, m_high);
    m_plot.yAxis->setRangeReversed(false);
    m_plot.xAxis->setLabel(roomy ? metrics.elidedText(quantityLabel(grouped ? m_spec->x.groupTitle : shownTitle(m_spec->x), m_spec->x.unit), Qt::ElideRight, m_inner.width()) : QString());
    m_plot.xAxis->setLabelPadding(2);
    m_plot.yAxis->setLabel({});
    std::vector<Tick> belowTicks;
    if (numeric) {
        belowTicks = niceTicks(m_left, m_right, std::max(1, static_cast<int>(m_inner.width() / (5 * em))));
    } else if (grouped) {
        belowTicks = groupTicks(metrics);
    } else {
        // A few names are shortened rather than left out.
        bool number = false;
        if (m_columns > 0 && !m_spec->x.labels.isEmpty()) m_spec->x.labels.front().toInt(&number);
        const bool names = bars() && !number && room() >= 4 * em;
        const auto extent = [&](const QString& label) { return names ? 0.0 : metrics.horizontalAdvance(label); };
        for (const int i : labelsThatFit(m_spec->x.labels, room(), em * 0.6, extent))
            belowTicks.push_back({static_cast<double>(i), metrics.elidedText(shownLabel(m_spec->x, i), Qt::ElideRight, names ? room() - em / 2.0 : m_inner.width())});
    }
    styleAxis(*m_plot.xAxis, style, belowTicks);
    std::vector<Tick> beside = m_ticks;
    for (Tick& tick : beside) tick.value = along(tick.value);
    styleAxis(*m_plot.yAxis, style, beside);

    m_plot.clearPlottables();
    if (bars()) plotBars();
    if (lines()) plotLines();
}

/// One label for neighbours that have one name in common, as wide as their place; those with too little room have none.
std::vector<Tick> SeriesBody::groupTicks(const QFontMetricsF& metrics) const {
    std::vector<Tick> ticks;
    const QStringList& groups = m_spec->x.groups;
    for (int first = 0, next; first < groups.size(); first = next) {
        for (next = first + 1; next < groups.size() && groups[next] == groups[first];) ++next;
        const double place = room() * (next - first) - m_style->em() / 2;
        if (place >= 2 * m_style->em()) ticks.push_back({(first + next - 1) / 2.0, metrics.elidedText(groups[first], Qt::ElideRight, place)});
    }
    return ticks;
}

void SeriesBody::plotBars() {
    const double width = 0.8 / std::max(1, count());
    for (int row = 0; row < count(); ++row)
        for (const int part : {0, 1, 2, 3}) {  // by whether it is the chosen one, and whether it is of another kind than the rest
            const bool chosen = part % 2 == 1, marked = part >= 2;
            QVector<double> keys, values;
            for (int column = 0; column < m_columns; ++column) {
                const double value = valueAt(row, column);
                if (!hasData(value) || (column == m_spec->selectedX) != chosen || (column == m_spec->x.marked) != marked) continue;
                keys << column + (row - (count() - 1) / 2.0) * width;
                values << value;
            }
            if (keys.isEmpty()) continue;
            auto* bars = new QCPBars(m_plot.xAxis, m_plot.yAxis);
            bars->setAntialiased(false);
            bars->setWidth(width);
            const QColor colour = chosen ? m_style->accent() : count() > 1 ? seriesPen(*m_style, row).color() : m_style->shade(0.45);
            bars->setPen(marked ? QPen(colour, 1) : QPen(Qt::NoPen));
            bars->setBrush(marked ? QBrush(colour, Qt::BDiagPattern) : QBrush(colour));
            bars->setData(keys, values, true);
        }
}

double SeriesBody::stackedBelow(int row, int column) const {
    double sum = 0;
    for (int below = 0; below < row; ++below)
        if (hasData(valueAt(below, column))) sum += valueAt(below, column);
    return sum;
}

void SeriesBody::paintStack(QCPPainter& painter) const {
    painter.save();
    painter.setPen(Qt::NoPen);
    for (int column = 0; column < m_columns; ++column)
        for (int row = 0; row < count(); ++row) {
            if (!hasData(valueAt(row, column))) continue;
            QRectF part = cellRect({row, column});
            // A line of background between parts, so that neighbours of one colour stay two.
            if (part.height() > 3 && row > 0) part.setBottom(part.bottom() - 1);
            painter.fillRect(part, penOf(row).color());
        }
    painter.restore();
}

void SeriesBody::plotLines() {
    const auto plotLine = [&](int row) {
        QVector<double> keys, values;
        for (int column = 0; column < m_columns; ++column) {
            keys << place(column);
            values << along(valueAt(row, column));
        }
        auto* graph = new QCPGraph(m_plot.xAxis, m_plot.yAxis);
        graph->setAntialiased(true);
        const QPen pen = penOf(row);
        graph->setPen(pen);
        // Dots while they are few: a value between two gaps has no line.
        if (room() >= m_style->em() / 2)
            graph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, QPen(pen.color(), 1), QBrush(pen.color()),
                                                   m_style->em() * (m_spec->series[static_cast<size_t>(row)].emphasised ? 0.55 : 0.4)));
        graph->setData(keys, values, m_spec->xNumbers.empty());
    };
    for (const bool emphasised : {false, true})
        for (int row = 0; row < count(); ++row)
            if (m_spec->series[static_cast<size_t>(row)].emphasised == emphasised) plotLine(row);
}

void SeriesBody::paintBelow(QCPPainter& painter) {
    painter.setPen(QPen(m_style->shade(0.15), 1));
    for (const Tick& tick : m_ticks) {
        const double y = std::floor(pixelY(tick.value));
        painter.drawLine(QPointF(m_inner.left(), y), QPointF(m_inner.right(), y));
    }
    painter.setAntialiasing(true);
    for (int column = 0; !lines() && column < m_columns; ++column) {
        bool any = m_spec->xReached >= 0 && column >= m_spec->xReached;
        for (int row = 0; row < count(); ++row) any |= hasData(valueAt(row, column));
        const double width = room() * (stacked() ? 1 : 0.8);
        if (!any) paintHatching(painter, QRectF(pixelX(column) - width / 2, m_inner.top(), width, m_inner.height()), *m_style);
    }
    painter.setAntialiasing(false);
    if (stacked()) paintStack(painter);
}

void SeriesBody::paintAbove(QCPPainter& painter) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(m_style->shade(0.5), 1));
    painter.drawRect(m_inner.adjusted(-1, -1, 0, 0));
    if (bars() && m_low < 0) painter.drawLine(QPointF(m_inner.left(), pixelY(0)), QPointF(m_inner.right(), pixelY(0)));
    if (m_spec->reference) {
        painter.setPen(QPen(m_style->shade(0.8), 1, Qt::DashLine));
        const double y = std::floor(pixelY(*m_spec->reference));
        painter.drawLine(QPointF(m_inner.left(), y), QPointF(m_inner.right(), y));
    }
    paintText(painter, m_caption, Qt::AlignLeft | Qt::AlignTop, quantityLabel(m_spec->quantity, m_spec->unit), m_style->font, m_style->shade(0.8));
    const double em = m_style->em();
    for (const LegendEntry& entry : m_legend) {
        const double middle = entry.place.center().y();
        const QRectF patch(entry.place.left() + em / 2, middle - em / 2, em * 1.3, em);
        if (entry.kind == LegendEntry::Patch) {
            painter.fillRect(patch, entry.pen.color());
        } else if (entry.kind == LegendEntry::Hatched) {
            painter.setPen(entry.pen);
            painter.setBrush(QBrush(entry.pen.color(), Qt::BDiagPattern));
            painter.drawRect(patch);
            painter.setBrush(Qt::NoBrush);
        } else {
            painter.setAntialiasing(true);
            painter.setPen(entry.pen);
            painter.drawLine(QPointF(entry.place.left(), middle), QPointF(entry.place.left() + 2 * em, middle));
            painter.setAntialiasing(false);
        }
        paintText(painter, entry.place.adjusted(2.5 * em, 0, 1, 0), Qt::AlignLeft | Qt::AlignVCenter, entry.text, m_style->font, m_style->text());
    }
}

void SeriesBody::paintMarks(QCPPainter& painter, const ChartCursor& cursor) {
    const int chosen = m_spec->selectedX;
    if (chosen >= 0 && chosen < m_columns) {
        if (!lines()) {
            paintOutline(painter, QRectF(pixelX(chosen) - room() / 2, m_inner.top() - 0.5, room(), m_inner.height() + 1), m_style->text(), *m_style, 1);
        } else {
            painter.setPen(QPen(m_style->shade(0.7), 1));
            const double x = std::floor(pixelX(chosen));
            painter.drawLine(QPointF(x, m_inner.top()), QPointF(x, m_inner.bottom()));
        }
    }
    const bool inside = cursor.cell.x() >= 0 && cursor.cell.x() < count() && cursor.cell.y() >= 0 && cursor.cell.y() < m_columns;
    if (cursor.focused && inside) paintOutline(painter, cellRect(cursor.cell), m_style->accent(), *m_style, 2);
}

QPoint SeriesBody::cellAt(QPointF at) const {
    if (!m_inner.contains(at)) return {-1, -1};
    int column = 0;
    for (int i = 1; i < m_columns; ++i)
        if (std::abs(pixelX(i) - at.x()) < std::abs(pixelX(column) - at.x())) column = i;
    int row = 0;
    if (bars()) {
        row = static_cast<int>((at.x() - (pixelX(column) - room() * 0.4)) / (room() * 0.8) * count());
    } else if (stacked()) {
        for (int i = 0; i < count(); ++i)
            if (hasData(valueAt(i, column)) && (!hasData(valueAt(row, column)) || at.y() <= pixelY(stackedBelow(i, column)))) row = i;
    } else {
        const auto distance = [&](int series) {
            const double value = valueAt(series, column);
            return hasData(along(value)) ? std::abs(pixelY(value) - at.y()) : 1e30;
        };
        for (int i = 1; i < count(); ++i)
            if (distance(i) < distance(row)) row = i;
    }
    return {std::clamp(row, 0, count() - 1), column};
}

QRectF SeriesBody::cellRect(QPoint cell) const {
    if (bars()) {
        const double width = room() / std::max(1, count());
        return {pixelX(cell.y()) - room() / 2 + width * cell.x(), m_inner.top(), width, m_inner.height()};
    }
    if (stacked() && hasData(valueAt(cell.x(), cell.y()))) {
        const double below = stackedBelow(cell.x(), cell.y()), left = std::round(pixelX(cell.y()) - room() / 2);
        const double top = std::round(pixelY(below + valueAt(cell.x(), cell.y()))), bottom = std::round(pixelY(below));
        return {left, top, std::round(pixelX(cell.y()) + room() / 2) - left, bottom - top};
    }
    const double value = valueAt(cell.x(), cell.y()), half = m_style->em() * 0.6;
    const double width = std::max(2.0, room());
    if (!hasData(along(value))) return {pixelX(cell.y()) - width / 2, m_inner.top(), width, m_inner.height()};
    return QRectF(pixelX(cell.y()) - half, pixelY(value) - half, 2 * half, 2 * half);
}

}  // namespace

std::unique_ptr<ChartBody> makeSeriesBody(QCustomPlot& plot) {
    return std::make_unique<SeriesBody>(plot);
}

QString plotLibraryVersion() { return QStringLiteral(QCUSTOMPLOT_VERSION_STR); }

}  // namespace moescope
