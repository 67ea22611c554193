// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/plots/chart_view.h"

#include <QAccessibleWidget>
#include <QCoreApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QToolTip>
#include <algorithm>
#include <optional>

#include "viz/plots/chart_image.h"
#include "viz/plots/chart_plot.h"

namespace moescope {
namespace {

constexpr QPoint kNone{-1, -1};
constexpr int kPage = 8;  // cells of PageUp and PageDown

/// The chosen row and column of a chart; -1: none.
QPoint selectedCell(const ChartSpec& chart) {
    if (chart.empty()) return kNone;
    if (const auto* map = std::get_if<HeatMapSpec>(&chart.body)) return {map->selectedRow, map->selectedColumn};
    const auto& series = std::get<SeriesSpec>(chart.body);
    const auto chosen = std::find_if(series.series.begin(), series.series.end(), [](const Series& one) { return one.emphasised; });
    return {chosen == series.series.end() ? -1 : static_cast<int>(chosen - series.series.begin()), series.selectedX};
}

/// Where a key leads from a cell; nothing when it is none of ours.
std::optional<QPoint> walked(QPoint from, const QKeyEvent& key, int rows, int columns) {
    const bool control = key.modifiers() & Qt::ControlModifier;
    if (key.modifiers() & (Qt::AltModifier | Qt::ShiftModifier | Qt::MetaModifier)) return {};
    const int row = from.x(), column = from.y();
    if (control && key.key() != Qt::Key_Home && key.key() != Qt::Key_End) return {};
    const int page = rows == 1 ? 0 : kPage;  // along the only row there is
    switch (key.key()) {
        case Qt::Key_Left: return QPoint(row, column - 1);
        case Qt::Key_Right: return QPoint(row, column + 1);
        case Qt::Key_Up: return QPoint(row - 1, column);
        case Qt::Key_Down: return QPoint(row + 1, column);
        case Qt::Key_Home: return control ? QPoint(0, 0) : QPoint(row, 0);
        case Qt::Key_End: return control ? QPoint(rows - 1, columns - 1) : QPoint(row, columns - 1);
        case Qt::Key_PageUp: return QPoint(row - page, page ? column : column - kPage);
        case Qt::Key_PageDown: return QPoint(row + page, page ? column : column + kPage);
        default: return {};
    }
}

bool activates(const QKeyEvent& key) {
    const bool enter = key.key() == Qt::Key_Return || key.key() == Qt::Key_Enter;
    return enter && !(key.modifiers() & ~Qt::KeypadModifier);
}

/// To assistive technology it is a chart, whose name and description are the widget's.
class ChartAccess : public QAccessibleWidget {
public:
    explicit ChartAccess(QWidget* widget) : QAccessibleWidget(widget, QAccessible::Chart) {}
};

QAccessibleInterface* chartAccess(const QString& className, QObject* object) {
    if (className != QLatin1String(ChartView::staticMetaObject.className())) return nullptr;
    return new ChartAccess(static_cast<QWidget*>(object));
}

}  // namespace

struct ChartView::Parts {
    explicit Parts(ChartView* view) : plot(view, [this, view] { refresh(view); }) {}

    void refresh(ChartView* view) {
        if (!stale) return;
        stale = false;
        plot.show(chart, {view->palette(), view->font()}, view->size());
    }

    ChartSpec chart;
    QPoint cursor = kNone, hovered = kNone, pressed = kNone;
    bool stale = true;  // the plot does not show `chart` yet
    ChartPlot plot;
};

ChartView::ChartView(QWidget* parent) : QWidget(parent), m_parts(std::make_unique<Parts>(this)) {
    static const bool installed = (QAccessible::installFactory(chartAccess), true);
    Q_UNUSED(installed)
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

ChartView::~ChartView() = default;

void ChartView::setChart(ChartSpec chart) {
    const QPoint before = selectedCell(m_parts->chart), now = selectedCell(chart);
    m_parts->chart = std::move(chart);
    // The cursor goes where the selection went, so that the next arrow key starts there.
    QPoint& cursor = m_parts->cursor;
    if (cursor != kNone) {
        if (now.x() >= 0 && now.x() != before.x()) cursor.setX(now.x());
        if (now.y() >= 0 && now.y() != before.y()) cursor.setY(now.y());
        const int rows = chartRows(m_parts->chart), columns = chartColumns(m_parts->chart);
        cursor = rows > 0 && columns > 0 ? QPoint(std::clamp(cursor.x(), 0, rows - 1), std::clamp(cursor.y(), 0, columns - 1)) : kNone;
    }
    if (hasFocus() && cursor == kNone) moveCursor(now);
    m_parts->plot.setCursor({cursor, hasFocus()});
    markStale();
    tellReaders();
    if (m_parts->hovered != kNone && QToolTip::isVisible() && underMouse()) {
        const QPoint cell = m_parts->hovered;
        QToolTip::showText(QCursor::pos(), cellText(m_parts->chart, cell.x(), cell.y()), this);
    }
}

const ChartSpec& ChartView::chart() const {
    return m_parts->chart;
}

QImage ChartView::image(QSize size, double scale) const {
    return chartImage(m_parts->chart, palette(), size, scale);
}

Status ChartView::savePng(const std::filesystem::path& path, QSize size, double scale) const {
    return writeChartPng(path, m_parts->chart, palette(), size, scale);
}

Status ChartView::saveSvg(const std::filesystem::path& path, QSize size) const {
    return writeChartSvg(path, m_parts->chart, palette(), size);
}

QPoint ChartView::cursorCell() const {
    return m_parts->cursor;
}

QRectF ChartView::cellRect(int row, int column) const {
    m_parts->refresh(const_cast<ChartView*>(this));
    return m_parts->plot.cellRect({row, column});
}

QPoint ChartView::cellAt(QPointF place) const {
    m_parts->refresh(const_cast<ChartView*>(this));
    return m_parts->plot.cellAt(place);
}

QSize ChartView::sizeHint() const {
    const QFontMetrics metrics(font());
    return {metrics.horizontalAdvance(QLatin1Char('m')) * 32, metrics.height() * 18};
}

QSize ChartView::minimumSizeHint() const {
    const QFontMetrics metrics(font());
    return {metrics.horizontalAdvance(QLatin1Char('m')) * 12, metrics.height() * 6};
}

bool ChartView::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool ours = activates(*key) || walked({0, 0}, *key, 2, 2);
        if (ours && chartRows(m_parts->chart) > 0) {
            event->accept();
            return true;
        }
    }
    return QWidget::event(event);
}

void ChartView::changeEvent(QEvent* event) {
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) markStale();
    QWidget::changeEvent(event);
}

void ChartView::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    m_parts->stale = true;
    m_parts->plot.widget()->resize(size());
    markStale();
}

void ChartView::focusInEvent(QFocusEvent* event) {
    QWidget::focusInEvent(event);
    if (m_parts->cursor == kNone) moveCursor(selectedCell(m_parts->chart));
    m_parts->plot.setCursor({m_parts->cursor, true});
}

void ChartView::focusOutEvent(QFocusEvent* event) {
    QWidget::focusOutEvent(event);
    m_parts->plot.setCursor({m_parts->cursor, false});
}

void ChartView::keyPressEvent(QKeyEvent* event) {
    const int rows = chartRows(m_parts->chart), columns = chartColumns(m_parts->chart);
    const auto target = rows > 0 && columns > 0 ? walked(m_parts->cursor, *event, rows, columns) : std::nullopt;
    if (target)
        moveCursor(*target);
    else if (rows == 0 || columns == 0 || !activates(*event))
        return QWidget::keyPressEvent(event);
    event->accept();
    emit cellActivated(m_parts->cursor.x(), m_parts->cursor.y());
}

void ChartView::mousePressEvent(QMouseEvent* event) {
    const QPoint cell = cellAt(event->position());
    if (event->button() != Qt::LeftButton || cell == kNone) return QWidget::mousePressEvent(event);
    m_parts->pressed = cell;
    moveCursor(cell);
    emit cellActivated(cell.x(), cell.y());
}

void ChartView::mouseMoveEvent(QMouseEvent* event) {
    const QPoint cell = cellAt(event->position());
    if (cell != m_parts->hovered) {
        m_parts->hovered = cell;
        emit cellHovered(cell.x(), cell.y());
    }
    const QRect area = cellRect(cell.x(), cell.y()).toAlignedRect();
    QToolTip::showText(event->globalPosition().toPoint(), cellText(m_parts->chart, cell.x(), cell.y()), this, area);
    // Dragging scrubs.
    if (!(event->buttons() & Qt::LeftButton) || cell == kNone || cell == m_parts->pressed) return;
    m_parts->pressed = cell;
    moveCursor(cell);
    emit cellActivated(cell.x(), cell.y());
}

void ChartView::leaveEvent(QEvent* event) {
    QWidget::leaveEvent(event);
    if (m_parts->hovered == kNone) return;
    m_parts->hovered = kNone;
    emit cellHovered(-1, -1);
}

void ChartView::markStale() {
    m_parts->stale = true;
    m_parts->plot.widget()->update();
}

/// Into the chart; an empty chart has no cursor.
void ChartView::moveCursor(QPoint cell) {
    const int rows = chartRows(m_parts->chart), columns = chartColumns(m_parts->chart);
    const bool any = rows > 0 && columns > 0;
    const QPoint inside = any ? QPoint(std::clamp(cell.x(), 0, rows - 1), std::clamp(cell.y(), 0, columns - 1)) : kNone;
    if (inside == m_parts->cursor) return;
    m_parts->cursor = inside;
    m_parts->plot.setCursor({inside, hasFocus()});
    tellReaders();
}

/// Name and description; Qt sends the events of assistive technology when they change.
void ChartView::tellReaders() {
    setAccessibleName(m_parts->chart.title);
    const QString cell = cellText(m_parts->chart, m_parts->cursor.x(), m_parts->cursor.y());
    const QString summary = summaryOf(m_parts->chart);
    setAccessibleDescription(cell.isEmpty() ? summary : QCoreApplication::translate("ChartView", "%1 Now at: %2.").arg(summary, cell));
}

}  // namespace moescope
