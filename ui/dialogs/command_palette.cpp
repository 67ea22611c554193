// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/command_palette.h"

#include <QEvent>
#include <QFrame>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPainter>
#include <QPointer>
#include <QStyledItemDelegate>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/icons.h"

namespace moescope {
namespace {

constexpr int kRecentKept = 5;

/// Two lines: the text with its keys at the right, below it kind and detail in a dimmer colour.
class EntryDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
        const int line = option.fontMetrics.height();
        return {line * 10, line + QFontMetrics(small(option.font)).height() + line / 2};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        painter->save();
        const bool chosen = option.state & QStyle::State_Selected;
        const bool enabled = index.data(PaletteModel::EnabledRole).toBool();
        const QPalette& palette = option.palette;
        // The line edit has the focus while the list is walked: always the colours of an active selection.
        if (chosen) painter->fillRect(option.rect, palette.color(QPalette::Active, QPalette::Highlight));
        const QColor text = chosen     ? palette.color(QPalette::Active, QPalette::HighlightedText)
                            : !enabled ? palette.color(QPalette::Disabled, QPalette::Text)
                                       : palette.color(QPalette::Active, QPalette::Text);
        QColor dim = chosen ? text : palette.color(QPalette::Active, QPalette::PlaceholderText);

        const int gap = option.fontMetrics.height() / 2;
        const QRect inside = option.rect.adjusted(gap, gap / 2, -gap, -gap / 2);
        const QRect upper(inside.left(), inside.top(), inside.width(), option.fontMetrics.height());

        QString keys = index.data(PaletteModel::KeysRole).toString();
        if (!enabled) keys = PaletteModel::tr("not available now");
        const int keysWidth = keys.isEmpty() ? 0 : option.fontMetrics.horizontalAdvance(keys) + gap;
        painter->setFont(option.font);
        painter->setPen(dim);
        painter->drawText(upper, Qt::AlignRight | Qt::AlignVCenter, keys);
        painter->setPen(text);
        painter->drawText(upper, Qt::AlignLeft | Qt::AlignVCenter,
                          option.fontMetrics.elidedText(index.data().toString(), Qt::ElideRight, upper.width() - keysWidth));

        const QString detail = index.data(PaletteModel::DetailRole).toString();
        QString below = index.data(PaletteModel::KindRole).toString();
        if (!detail.isEmpty()) below += QStringLiteral(" · ") + detail;
        painter->setFont(small(option.font));
        const QFontMetrics metrics(painter->font());
        const QRect lower(inside.left(), upper.bottom() + 1, inside.width(), metrics.height());
        painter->setPen(dim);
        painter->drawText(lower, Qt::AlignLeft | Qt::AlignVCenter, metrics.elidedText(below, Qt::ElideRight, lower.width()));
        painter->restore();
    }

private:
    static QFont small(QFont font) {
        font.setPointSizeF(font.pointSizeF() * 0.88);
        return font;
    }
};

}  // namespace

CommandPalette::CommandPalette(QWidget* parent) : QDialog(parent, Qt::Dialog | Qt::FramelessWindowHint) {
    setWindowTitle(tr("Find a command"));
    setAccessibleName(windowTitle());

    m_line = new QLineEdit;
    m_line->setPlaceholderText(tr("Find commands, classes, experts, help pages"));
    m_line->setAccessibleName(m_line->placeholderText());
    m_line->setClearButtonEnabled(true);
    m_line->addAction(themedIcon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    QFont large = m_line->font();
    large.setPointSizeF(large.pointSizeF() * 1.15);
    m_line->setFont(large);
    m_line->installEventFilter(this);

    m_model = new PaletteModel(this);
    m_list = new QListView;
    m_list->setModel(m_model);
    m_list->setItemDelegate(new EntryDelegate(m_list));
    m_list->setUniformItemSizes(true);
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_list->setAccessibleName(tr("What was found"));

    m_hint = new QLabel;
    m_hint->setWordWrap(true);

    auto* frame = new QFrame;  // the window has no border of its own
    frame->setFrameStyle(QFrame::Box | QFrame::Plain);
    frame->setForegroundRole(QPalette::Shadow);
    auto* whole = new QVBoxLayout(this);
    whole->setContentsMargins(0, 0, 0, 0);
    whole->addWidget(frame);
    auto* layout = new QVBoxLayout(frame);
    const int gap = fontMetrics().height() / 2;
    layout->setContentsMargins(gap, gap, gap, gap);
    layout->setSpacing(gap);
    layout->addWidget(m_line);
    layout->addWidget(m_list, 1);
    layout->addWidget(m_hint);

    connect(m_line, &QLineEdit::textChanged, this, &CommandPalette::search);
    connect(m_list, &QListView::clicked, this, [this](const QModelIndex& index) {
        m_list->setCurrentIndex(index);
        runCurrent();
    });
}

void CommandPalette::addProvider(PaletteProvider provider) { m_providers.push_back(std::move(provider)); }

void CommandPalette::openWith(const QString& query) {
    std::vector<PaletteEntry> entries;
    for (const PaletteProvider& provider : m_providers) {
        std::vector<PaletteEntry> more = provider();
        entries.insert(entries.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    }
    m_model->setEntries(std::move(entries), m_recent);
    m_line->setText(query);
    m_line->selectAll();
    search(query);
    place();
    show();
    raise();
    activateWindow();
    m_line->setFocus();
}

void CommandPalette::place() {
    const int line = fontMetrics().height();
    QSize size(line * 36, line * 28);
    if (const QWidget* over = parentWidget() ? parentWidget()->window() : nullptr) {
        size = size.boundedTo({over->width() - 2 * line, over->height() - 4 * line});
        resize(size);
        move(over->mapToGlobal(QPoint((over->width() - size.width()) / 2, std::min(over->height() / 12, 4 * line))));
    } else {
        resize(size);
    }
}

void CommandPalette::search(const QString& query) {
    m_model->setQuery(query);
    if (m_model->rowCount()) m_list->setCurrentIndex(m_model->index(0));
    m_list->scrollToTop();
    say();
}

void CommandPalette::say() {
    const int shown = m_model->rowCount(), fitting = m_model->fitting();
    if (shown == 0)
        m_hint->setText(tr("Nothing fits. Try fewer words, or the beginning of one."));
    else if (fitting > shown)
        m_hint->setText(tr("%n more: type on to find them.", nullptr, fitting - shown));
    else
        m_hint->setText(tr("Enter runs, the arrows choose, Esc closes."));
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_line || event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
    const auto* key = static_cast<QKeyEvent*>(event);
    const int rows = m_model->rowCount(), now = m_list->currentIndex().row();
    const int page = std::max(1, m_list->viewport()->height() / std::max(1, m_list->sizeHintForRow(0)) - 1);
    int wanted = now;
    switch (key->key()) {
        case Qt::Key_Up: wanted = now > 0 ? now - 1 : rows - 1; break;
        case Qt::Key_Down: wanted = now + 1 < rows ? now + 1 : 0; break;
        case Qt::Key_PageUp: wanted = std::max(0, now - page); break;
        case Qt::Key_PageDown: wanted = std::min(rows - 1, now + page); break;
        case Qt::Key_Return:
        case Qt::Key_Enter: runCurrent(); return true;
        default: return QDialog::eventFilter(watched, event);
    }
    if (wanted >= 0 && wanted < rows) {
        m_list->setCurrentIndex(m_model->index(wanted));
        say();
    }
    return true;
}

bool CommandPalette::event(QEvent* event) {
    if (event->type() == QEvent::WindowDeactivate && isVisible()) reject();
    return QDialog::event(event);
}

void CommandPalette::runCurrent() {
    const QModelIndex index = m_list->currentIndex();
    if (!index.isValid()) return;
    const PaletteEntry entry = m_model->entry(index.row());
    if (!entry.enabled) {
        m_hint->setText(tr("“%1” is not available now.").arg(entry.text));
        return;
    }
    m_recent.removeAll(entry.text);
    m_recent.prepend(entry.text);
    while (m_recent.size() > kRecentKept) m_recent.removeLast();
    accept();
    if (entry.run) entry.run();
}

std::vector<PaletteEntry> commandEntries(const std::vector<MenuAction>& actions) {
    std::vector<PaletteEntry> entries;
    entries.reserve(actions.size());
    for (const MenuAction& found : actions) {
        if (!found.action) continue;
        PaletteEntry entry{found.text, found.path, CommandPalette::tr("command"), {}, found.keys, found.action->isEnabled()};
        if (found.action->isCheckable())
            entry.detail += QStringLiteral(" · ") + (found.action->isChecked() ? CommandPalette::tr("on") : CommandPalette::tr("off"));
        entry.run = [action = found.action] {
            if (action) action->trigger();
        };
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace moescope
