// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/plots/chart_plot.h"

#include <qcustomplot.h>

#include <cmath>

namespace moescope {
namespace {

/// Draws what a function draws, on a layer of the plot.
class PaintedLayer : public QCPLayerable {
public:
    PaintedLayer(QCustomPlot* plot, const QString& layer, std::function<void(QCPPainter&)> paint)
        : QCPLayerable(plot, layer), m_paint(std::move(paint)) {}

private:
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(false); }
    // A layer's clip is moved up by a pixel, which would cut the last row.
    QRect clipRect() const override { return QCPLayerable::clipRect().adjusted(0, 0, 0, 1); }
    void draw(QCPPainter* painter) override { m_paint(*painter); }

    std::function<void(QCPPainter&)> m_paint;
};

class Plot : public QCustomPlot {
public:
    Plot(QWidget* parent, std::function<void()> beforePaint) : QCustomPlot(parent), m_beforePaint(std::move(beforePaint)) {}

protected:
    void paintEvent(QPaintEvent* event) override {
        if (m_beforePaint) m_beforePaint();
        QCustomPlot::paintEvent(event);
    }

private:
    std::function<void()> m_beforePaint;
};

}  // namespace

struct ChartPlot::Parts {
    Plot* plot = nullptr;
    std::unique_ptr<Plot> owned;  // without a parent
    std::unique_ptr<ChartBody> heatMap, series;
    ChartBody* body = nullptr;    // null: the chart is empty
    const ChartSpec* chart = nullptr;
    ChartSpec shown;
    ChartStyle style;
    ChartCursor cursor;
    QRect title, subtitle, note, whole;
    bool framed = true;

    void layOut(const ChartSpec& spec, const ChartStyle& wanted, QSize size) {
        shown = spec;
        chart = &shown;
        style = wanted;
        plot->setBackground(QBrush(style.background()));
        const int line = static_cast<int>(std::ceil(style.line())), pad = static_cast<int>(std::lround(style.em() / 2));
        whole = QRect(QPoint(0, 0), size);
        QRect area = whole.adjusted(pad, pad, -pad, -pad);
        const auto takeLine = [&](bool take) {
            QRect row(area.left(), area.top(), area.width(), take ? line : 0);
            area.setTop(area.top() + row.height());
            return row;
        };
        title = takeLine(!shown.title.isEmpty() && size.height() >= 6 * line);
        subtitle = takeLine(!shown.subtitle.isEmpty() && size.height() >= 9 * line);
        // A note is broken into lines and takes at most a third of the chart.
        note = QRect();
        if (!shown.note.isEmpty() && chartRows(shown) > 0) {
            const int tall = QFontMetrics(style.font).boundingRect(QRect(0, 0, area.width(), 10000), Qt::TextWordWrap, shown.note).height();
            if (tall <= 3 * line && area.height() >= 11 * line + tall) {
                note = QRect(area.left(), area.top(), area.width(), tall);
                area.setTop(area.top() + tall);
            }
        }
        if (title.height() > 0) area.setTop(area.top() + pad / 2);

        const bool map = std::holds_alternative<HeatMapSpec>(shown.body);
        body = nullptr;
        if (chartRows(shown) > 0 && chartColumns(shown) > 0) {
            std::unique_ptr<ChartBody>& chosen = map ? heatMap : series;
            if (!chosen) chosen = map ? makeHeatMapBody(*plot) : makeSeriesBody(*plot);
            body = chosen.get();
        }
        if (!body || map) plot->clearPlottables();
        plot->axisRect()->setVisible(body != nullptr);
        for (QCPAxis* axis : plot->axisRect()->axes()) axis->setVisible(body && (axis == plot->xAxis || axis == plot->yAxis));
        if (body) body->layOut(shown, style, area, size);
    }

    void paintHeader(QCPPainter& painter) {
        paintText(painter, title, Qt::AlignLeft | Qt::AlignVCenter, shown.title, style.titleFont(), style.text());
        paintText(painter, subtitle, Qt::AlignLeft | Qt::AlignVCenter, shown.subtitle, style.font, style.shade(0.7));
        if (!note.isEmpty()) {
            painter.setFont(style.font);
            painter.setPen(style.shade(0.7));
            painter.drawText(note, Qt::AlignLeft | Qt::TextWordWrap, shown.note);
        }
        if (body || shown.emptyText.isEmpty()) return;
        const int em = static_cast<int>(style.em());
        painter.setFont(style.font);
        painter.setPen(style.shade(0.75));
        painter.drawText(whole.adjusted(2 * em, title.bottom(), -2 * em, -em), Qt::AlignCenter | Qt::TextWordWrap, shown.emptyText);
    }

    void paintMarks(QCPPainter& painter) {
        if (body) body->paintMarks(painter, cursor);
        if (!cursor.focused) return;
        painter.setPen(QPen(style.accent(), 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(whole.adjusted(0, 0, -1, -1));
    }
};

ChartPlot::ChartPlot(QWidget* parent, std::function<void()> beforePaint) : m_parts(std::make_unique<Parts>()) {
    auto plot = std::make_unique<Plot>(parent, std::move(beforePaint));
    m_parts->plot = plot.get();
    if (parent)
        static_cast<void>(plot.release());
    else
        m_parts->owned = std::move(plot);
    QCustomPlot& p = *m_parts->plot;
    p.setAttribute(Qt::WA_TransparentForMouseEvents);
    p.setFocusPolicy(Qt::NoFocus);
    p.setInteractions({});
    p.setMinimumSize(1, 1);
    p.axisRect()->setMinimumSize(1, 1);
    p.axisRect()->setAutoMargins(QCP::msNone);
    p.axisRect()->setupFullAxesBox();
    for (QCPAxis* axis : p.axisRect()->axes()) {
        axis->grid()->setVisible(false);
        axis->setSubTicks(false);
        axis->setTickLength(0, 3);
        axis->setTickLabelPadding(3);
        axis->setNumberFormat(QStringLiteral("g"));  // labels are texts: an "e" in them is no exponent
    }
    Parts* parts = m_parts.get();
    // The layers' objects belong to the plot and go with it, which is before `parts` or with the parent's children.
    new PaintedLayer(&p, QStringLiteral("grid"), [parts](QCPPainter& painter) {
        if (parts->body) parts->body->paintBelow(painter);
    });
    new PaintedLayer(&p, QStringLiteral("axes"), [parts](QCPPainter& painter) {
        parts->paintHeader(painter);
        if (parts->body) parts->body->paintAbove(painter);
    });
    new PaintedLayer(&p, QStringLiteral("overlay"), [parts](QCPPainter& painter) { parts->paintMarks(painter); });
}

ChartPlot::~ChartPlot() {
    // A plot that belongs to a widget outlives this for a moment and must not paint meanwhile; nothing paints during destruction.
    if (!m_parts->owned) delete m_parts->plot;
}

QWidget* ChartPlot::widget() const {
    return m_parts->plot;
}

void ChartPlot::show(const ChartSpec& chart, const ChartStyle& style, QSize size) {
    m_parts->layOut(chart, style, size);
    m_parts->plot->replot(QCustomPlot::rpQueuedRefresh);
}

void ChartPlot::setCursor(const ChartCursor& cursor) {
    m_parts->cursor = cursor;
    if (!m_parts->chart) return;
    m_parts->plot->layer(QStringLiteral("overlay"))->replot();
}

QPoint ChartPlot::cellAt(QPointF place) const {
    return m_parts->body ? m_parts->body->cellAt(place) : QPoint(-1, -1);
}

QRectF ChartPlot::cellRect(QPoint cell) const {
    const bool inside = m_parts->body && cell.x() >= 0 && cell.y() >= 0 && cell.x() < chartRows(m_parts->shown) &&
                        cell.y() < chartColumns(m_parts->shown);
    return inside ? m_parts->body->cellRect(cell) : QRectF();
}

void ChartPlot::paintOn(QPaintDevice& device, const ChartSpec& chart, const ChartStyle& style, QSize size, bool vectors) {
    m_parts->layOut(chart, style, size);
    m_parts->plot->setViewport(QRect(QPoint(0, 0), size));
    m_parts->plot->replot(QCustomPlot::rpQueuedRefresh);  // settles the layout
    QCPPainter painter;
    painter.begin(&device);
    painter.setMode(QCPPainter::pmVectorized, vectors);
    m_parts->plot->toPainter(&painter, size.width(), size.height());
}

void setInnerRect(QCustomPlot& plot, QRect inner, QSize size) {
    plot.axisRect()->setMargins(
        QMargins(inner.left(), inner.top(), size.width() - inner.right() - 1, size.height() - inner.bottom() - 1));
}

void styleAxis(QCPAxis& axis, const ChartStyle& style, const std::vector<Tick>& ticks) {
    QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
    for (const Tick& tick : ticks) ticker->addTick(tick.value, tick.text);
    axis.setTicker(ticker);
    axis.setTickLabelFont(style.font);
    axis.setLabelFont(style.font);
    axis.setTickLabelColor(style.text());
    axis.setLabelColor(style.shade(0.8));
    axis.setTickPen(QPen(style.shade(0.5), 1));
    axis.setBasePen(Qt::NoPen);
}

void paintHatching(QPainter& painter, const QRectF& rect, const ChartStyle& style) {
    const double gap = std::max(4.0, std::round(style.em() / 2));
    painter.setPen(QPen(style.shade(0.3), 0));
    const double first = std::ceil((rect.left() + rect.top()) / gap) * gap;
    for (double sum = first; sum < rect.right() + rect.bottom(); sum += gap) {
        const QPointF from(std::max(rect.left(), sum - rect.bottom()), std::min(rect.bottom(), sum - rect.left()));
        const QPointF to(std::min(rect.right(), sum - rect.top()), std::max(rect.top(), sum - rect.right()));
        painter.drawLine(from, to);
    }
}

void paintOutline(QPainter& painter, const QRectF& rect, const QColor& colour, const ChartStyle& style, double width) {
    // Around the rectangle, not over it: what is marked may be a few pixels high. A line of the background inside keeps both apart.
    const QRectF snapped(QPointF(std::round(rect.left()), std::round(rect.top())), QPointF(std::round(rect.right()), std::round(rect.bottom())));
    const auto frame = [&](double inner, double outer, const QColor& shade) {
        const QRectF out = snapped.adjusted(-outer, -outer, outer, outer), in = snapped.adjusted(-inner, -inner, inner, inner);
        painter.fillRect(QRectF(out.topLeft(), QPointF(out.right(), in.top())), shade);
        painter.fillRect(QRectF(QPointF(out.left(), in.bottom()), out.bottomRight()), shade);
        painter.fillRect(QRectF(QPointF(out.left(), in.top()), in.bottomLeft()), shade);
        painter.fillRect(QRectF(in.topRight(), QPointF(out.right(), in.bottom())), shade);
    };
    frame(0, 1, style.background());
    frame(1, 1 + width, colour);
}

void paintText(QPainter& painter, const QRectF& rect, Qt::Alignment alignment, const QString& text, const QFont& font, const QColor& colour) {
    if (text.isEmpty() || rect.height() < 1 || rect.width() < 1) return;
    painter.setFont(font);
    painter.setPen(colour);
    const QString shown = QFontMetricsF(font).elidedText(text, Qt::ElideRight, rect.width());
    painter.drawText(rect, static_cast<int>(alignment) | Qt::TextSingleLine | Qt::TextDontClip, shown);
}

}  // namespace moescope
