// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/queue_dock.h"

#include <QAction>
#include <QApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QListView>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/icons.h"

namespace moescope {
namespace {

/// Title, what happens, and a bar for the running job.
class JobDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
        return {option.fontMetrics.averageCharWidth() * 20, option.fontMetrics.lineSpacing() * 2 + 2 * margin(option) + barHeight(option)};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const override {
        QStyleOptionViewItem option = given;
        initStyleOption(&option, index);
        option.text.clear();
        const QWidget* view = option.widget;
        (view ? view->style() : QApplication::style())->drawControl(QStyle::CE_ItemViewItem, &option, painter, view);

        const bool selected = option.state & QStyle::State_Selected;
        const auto group = option.state & QStyle::State_Active ? QPalette::Active : QPalette::Inactive;
        const QColor text = option.palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text);
        const QRect inside = option.rect.adjusted(margin(option), margin(option), -margin(option), -margin(option));
        const QRect first(inside.left(), inside.top(), inside.width(), option.fontMetrics.lineSpacing());
        painter->save();
        painter->setPen(text);
        painter->drawText(first, Qt::AlignLeft | Qt::AlignVCenter, option.fontMetrics.elidedText(index.data().toString(), Qt::ElideRight, first.width()));
        QColor faint = text;
        faint.setAlphaF(0.75f);
        painter->setPen(faint);
        const QRect second = first.translated(0, first.height());
        painter->drawText(second, Qt::AlignLeft | Qt::AlignVCenter,
                          option.fontMetrics.elidedText(index.data(QueueModel::StatusRole).toString(), Qt::ElideRight, second.width()));
        if (index.data(QueueModel::RunningRole).toBool()) {
            const QRectF bar(inside.left(), inside.bottom() + 1 - barHeight(option), inside.width(), barHeight(option));
            const int total = index.data(QueueModel::TotalRole).toInt();
            const double share = total > 0 ? static_cast<double>(index.data(QueueModel::DoneRole).toInt()) / total : 0;
            QColor empty = text;
            empty.setAlphaF(0.2f);
            painter->fillRect(bar, empty);
            painter->fillRect(QRectF(bar.left(), bar.top(), bar.width() * share, bar.height()),
                              selected ? text : option.palette.color(group, QPalette::Highlight));
        }
        painter->restore();
    }

private:
    static int margin(const QStyleOptionViewItem& option) { return option.fontMetrics.height() / 3; }
    static int barHeight(const QStyleOptionViewItem& option) { return qMax(3, option.fontMetrics.height() / 5); }
};

/// A list that says what to do while it is empty.
class JobView : public QListView {
public:
    using QListView::QListView;

protected:
    void keyPressEvent(QKeyEvent* event) override {
        // At the ends of the queue the action is off; the key must not choose another job instead.
        const bool moves = event->key() == Qt::Key_Up || event->key() == Qt::Key_Down;
        if (!moves || !(event->modifiers() & Qt::AltModifier)) QListView::keyPressEvent(event);
    }

    void paintEvent(QPaintEvent* event) override {
        QListView::paintEvent(event);
        if (model()->rowCount() > 0) return;
        QPainter painter(viewport());
        painter.setPen(palette().color(QPalette::PlaceholderText));
        const int margin = fontMetrics().height();
        painter.drawText(viewport()->rect().adjusted(margin, margin, -margin, -margin), Qt::AlignCenter | Qt::TextWordWrap,
                         QueueDock::tr("Nothing is being made. Say what to draw and press Ctrl+Enter."));
    }
};

}  // namespace

QueueDock::QueueDock(QWidget* parent) : QDockWidget(tr("Queue"), parent), m_model(new QueueModel(this)) {
    setObjectName("QueueDock");
    auto* content = new QWidget(this);
    m_view = new JobView(content);
    m_view->setObjectName("jobs");
    m_view->setAccessibleName(tr("Jobs"));
    m_view->setToolTip(tr("The job that runs and those that wait; drag a waiting job to another place"));
    m_view->setModel(m_model);
    m_view->setItemDelegate(new JobDelegate(m_view));
    m_view->setSelectionMode(QAbstractItemView::SingleSelection);
    m_view->setDragDropMode(QAbstractItemView::InternalMove);
    m_view->setDefaultDropAction(Qt::MoveAction);
    m_view->setDropIndicatorShown(true);
    m_view->setUniformItemSizes(true);

    const auto action = [&](const QString& text, const QString& tip, const char* icon, const QKeySequence& key, Qt::ShortcutContext context) {
        auto* made = new QAction(themedIcon(icon), text, this);
        made->setShortcut(key);
        made->setShortcutContext(context);
        made->setToolTip(tip);
        return made;
    };
    m_up = action(tr("Earlier"), tr("Make this job earlier (Alt+Up)"), "up", QKeySequence("Alt+Up"), Qt::WidgetWithChildrenShortcut);
    m_down = action(tr("Later"), tr("Make this job later (Alt+Down)"), "down", QKeySequence("Alt+Down"), Qt::WidgetWithChildrenShortcut);
    m_remove = action(tr("Remove"), tr("Take this job out of the queue, or cancel it when it runs (Del)"), "delete", QKeySequence(Qt::Key_Delete),
                      Qt::WidgetWithChildrenShortcut);
    m_clear = action(tr("Clear Queue"), tr("Take all waiting jobs out of the queue (Ctrl+Shift+X)"), "cancel", QKeySequence("Ctrl+Shift+X"),
                     Qt::WindowShortcut);
    content->addActions({m_up, m_down, m_remove});
    addAction(m_clear);

    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(0);
    for (QAction* a : {m_up, m_down, m_remove}) {
        auto* button = new QToolButton(content);
        button->setDefaultAction(a);
        button->setAutoRaise(true);
        button->setAccessibleName(a->text());
        buttons->addWidget(button);
    }
    buttons->addStretch(1);
    auto* clear = new QToolButton(content);
    clear->setDefaultAction(m_clear);
    clear->setToolButtonStyle(Qt::ToolButtonTextOnly);
    clear->setAutoRaise(true);
    buttons->addWidget(clear);

    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(4, 4, 4, 4);
    layout->setSpacing(4);
    layout->addWidget(m_view, 1);
    layout->addLayout(buttons);
    setWidget(content);

    connect(m_up, &QAction::triggered, this, [this] { move(-1); });
    connect(m_down, &QAction::triggered, this, [this] { move(1); });
    connect(m_remove, &QAction::triggered, this, [this] {
        if (chosen()) emit removeRequested(chosen());
    });
    connect(m_clear, &QAction::triggered, this, &QueueDock::clearRequested);
    connect(m_model, &QueueModel::moveRequested, this, &QueueDock::moveRequested);
    connect(m_view->selectionModel(), &QItemSelectionModel::selectionChanged, this, &QueueDock::showWhatIsPossible);
    showWhatIsPossible();
}

void QueueDock::setJobs(const QVector<JobInfo>& jobs) {
    const RunId before = chosen();
    m_model->setJobs(jobs);
    // The view chooses a neighbour of a row that went. Not the running job: the next Del would cancel it.
    if (before && chosen() != before && m_model->placeOf(chosen()) < 0) {
        m_view->clearSelection();
        m_view->setCurrentIndex({});
    }
    showWhatIsPossible();
    m_view->viewport()->update();
}

RunId QueueDock::chosen() const {
    const QModelIndexList rows = m_view->selectionModel()->selectedIndexes();
    return rows.isEmpty() ? 0 : rows.front().data(QueueModel::IdRole).toULongLong();
}

void QueueDock::move(int by) {
    const int place = m_model->placeOf(chosen());
    if (place >= 0 && place + by >= 0 && place + by < m_model->waiting()) emit moveRequested(chosen(), place + by);
}

void QueueDock::showWhatIsPossible() {
    const int place = m_model->placeOf(chosen());
    m_up->setEnabled(place > 0);
    m_down->setEnabled(place >= 0 && place + 1 < m_model->waiting());
    m_remove->setEnabled(chosen() != 0);
    m_clear->setEnabled(m_model->waiting() > 0);
}

}  // namespace moescope
