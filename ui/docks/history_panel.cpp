// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/history_panel.h"

#include <QAction>
#include <QDesktopServices>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QLocale>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/models/history_model.h"
#include "ui/session/paths.h"
#include "ui/session/run_view.h"

namespace moescope {

HistoryPanel::HistoryPanel(HistoryStore& store, QWidget* parent) : QWidget(parent), m_store(store) {
    m_model = new HistoryModel(store, this);
    m_filter = new HistoryFilter(this);
    m_filter->setSourceModel(m_model);

    m_words = new QLineEdit(this);
    m_words->setPlaceholderText(tr("Find in history"));
    m_words->setAccessibleName(tr("Find in history"));
    m_words->setClearButtonEnabled(true);
    connect(m_words, &QLineEdit::textChanged, m_filter, &HistoryFilter::setWords);
    m_starredOnly = new QToolButton(this);
    m_starredOnly->setIcon(themedIcon(QStringLiteral("star")));
    m_starredOnly->setCheckable(true);
    m_starredOnly->setAutoRaise(true);
    m_starredOnly->setToolTip(tr("Only starred runs"));
    m_starredOnly->setAccessibleName(m_starredOnly->toolTip());
    connect(m_starredOnly, &QToolButton::toggled, m_filter, &HistoryFilter::setStarredOnly);

    m_list = new QListView(this);
    m_list->setModel(m_filter);
    m_list->setViewMode(QListView::IconMode);
    m_list->setMovement(QListView::Static);
    m_list->setResizeMode(QListView::Adjust);
    m_list->setWordWrap(false);
    m_list->setTextElideMode(Qt::ElideRight);
    m_list->setUniformItemSizes(true);
    const int em = fontMetrics().height();
    const int side = em * 7 / 2;
    m_list->setIconSize({side, side});
    m_list->setGridSize({side + 2 * em, side + em * 5 / 3});
    m_list->setMinimumHeight(m_list->gridSize().height() + 2 * m_list->frameWidth());
    m_list->setAccessibleName(tr("History of runs"));
    m_list->setContextMenuPolicy(Qt::CustomContextMenu);
    connect(m_list, &QListView::activated, this, &HistoryPanel::open);
    connect(m_list, &QListView::clicked, this, &HistoryPanel::open);
    connect(m_list, &QListView::customContextMenuRequested, this, &HistoryPanel::showMenu);

    const auto key = [this](const QKeySequence& sequence, void (HistoryPanel::*does)()) {
        auto* action = new QAction(m_list);
        action->setShortcut(sequence);
        action->setShortcutContext(Qt::WidgetShortcut);
        connect(action, &QAction::triggered, this, does);
        m_list->addAction(action);
    };
    key(QKeySequence::Delete, &HistoryPanel::remove);
    key(QKeySequence(Qt::Key_Period), &HistoryPanel::star);

    m_empty = new QLabel(tr("Nothing here yet. Every picture you make is kept here until you delete it."), m_list);
    m_empty->setWordWrap(true);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setForegroundRole(QPalette::PlaceholderText);
    auto* overlay = new QVBoxLayout(m_list);
    overlay->addWidget(m_empty);
    m_footer = new QLabel(this);
    m_footer->setForegroundRole(QPalette::PlaceholderText);

    m_controls = new QWidget(this);
    auto* top = new QHBoxLayout(m_controls);
    top->setContentsMargins(0, 0, 0, 0);
    m_words->setMaximumWidth(fontMetrics().averageCharWidth() * 40);
    top->addWidget(m_words, 1);
    top->addWidget(m_starredOnly);
    top->addStretch(1);
    top->addWidget(m_footer);
    auto* column = new QVBoxLayout(this);
    const int gap = fontMetrics().height() / 3;
    column->setContentsMargins(gap, gap, gap, gap);
    column->setSpacing(gap);
    column->addWidget(m_controls);
    column->addWidget(m_list, 1);

    connect(&m_store, &HistoryStore::changed, this, &HistoryPanel::updateFooter);
    connect(&m_store, &HistoryStore::quotaExceeded, this, &HistoryPanel::askAboutQuota);
    updateFooter();
}

void HistoryPanel::updateFooter() {
    const qsizetype runs = m_store.entries().size();
    m_empty->setVisible(runs == 0);
    const QLocale locale;
    m_footer->setText(tr("%n run(s), %1 of %2", nullptr, static_cast<int>(runs))
                          .arg(locale.formattedDataSize(m_store.bytesUsed(), 0), locale.formattedDataSize(m_store.quota(), 0)));
}

QString HistoryPanel::currentKey() const { return m_list->currentIndex().data(HistoryModel::KeyRole).toString(); }

const HistoryEntry* HistoryPanel::current() const {
    const QString key = currentKey();
    for (const HistoryEntry& entry : m_store.entries())
        if (entry.key == key) return &entry;
    return nullptr;
}

void HistoryPanel::setShown(const QString& key) {
    const int row = m_model->rowOf(key);
    const QModelIndex index = row < 0 ? QModelIndex() : m_filter->mapFromSource(m_model->index(row));
    m_list->setCurrentIndex(index);
    if (!index.isValid()) m_list->clearSelection();
}

void HistoryPanel::open() {
    if (const QString key = currentKey(); !key.isEmpty()) m_store.open(key);
}

void HistoryPanel::star() {
    if (const HistoryEntry* entry = current()) m_store.setStarred(entry->key, !entry->starred);
}

void HistoryPanel::remove() {
    const HistoryEntry* entry = current();
    if (!entry) return;
    const QString key = entry->key;
    const QString question = entry->starred ? tr("Delete this starred run for good?") : tr("Delete this run for good?");
    const auto answer = QMessageBox::question(this, tr("Delete run"), question + QLatin1Char('\n') + m_list->currentIndex().data(Qt::ToolTipRole).toString(),
                                              QMessageBox::Yes | QMessageBox::Cancel, QMessageBox::Cancel);
    if (answer == QMessageBox::Yes) m_store.remove(key);
}

void HistoryPanel::reveal() {
    const HistoryEntry* entry = current();
    const std::filesystem::path folder = entry && !entry->file.empty() ? entry->file.parent_path() : m_store.folder();
    QDesktopServices::openUrl(QUrl::fromLocalFile(QString::fromStdString(folder.string())));
}

void HistoryPanel::saveAs() {
    const HistoryEntry* entry = current();
    if (!entry) return;
    const QString key = entry->key;  // entries may change while the person chooses a name
    const QString name = QFileDialog::getSaveFileName(this, tr("Save session"), key + QStringLiteral(".moescope"), tr("Session (*.moescope)"));
    if (!name.isEmpty()) m_store.copyTo(key, pathOf(name));
}

void HistoryPanel::showMenu(const QPoint& place) {
    const QModelIndex index = m_list->indexAt(place);
    if (!index.isValid()) return;
    m_list->setCurrentIndex(index);
    const HistoryEntry* entry = current();
    if (!entry) return;
    QMenu menu(this);
    menu.addAction(tr("Open"), this, &HistoryPanel::open);
    menu.addAction(tr("Restore its settings"), this, [this, parameters = entry->parameters] { emit restoreRequested(parameters); });
    menu.addAction(entry->starred ? tr("Remove star") : tr("Star"), QKeySequence(Qt::Key_Period), this, &HistoryPanel::star);
    menu.addAction(tr("Save session as\u2026"), this, &HistoryPanel::saveAs);
    if (!entry->file.empty()) menu.addAction(tr("Show in its folder"), this, &HistoryPanel::reveal);
    menu.addSeparator();
    menu.addAction(tr("Delete\u2026"), QKeySequence(QKeySequence::Delete), this, &HistoryPanel::remove);
    menu.exec(m_list->viewport()->mapToGlobal(place));
}

void HistoryPanel::askAboutQuota() {
    const QVector<HistoryEntry> goes = m_store.overQuota();
    if (goes.isEmpty()) return;
    qint64 bytes = 0;
    for (const HistoryEntry& entry : goes) bytes += entry.bytes;
    QMessageBox box(QMessageBox::Question, tr("History is full"),
                    tr("History holds %1, more than the %2 it may take. Delete the %n oldest run(s) without a star (%3)?", nullptr,
                       static_cast<int>(goes.size()))
                        .arg(QLocale().formattedDataSize(m_store.bytesUsed()), QLocale().formattedDataSize(m_store.quota()),
                             QLocale().formattedDataSize(bytes)),
                    QMessageBox::NoButton, this);
    QPushButton* deleteThem = box.addButton(tr("Delete them"), QMessageBox::DestructiveRole);
    QPushButton* moreRoom = box.addButton(tr("Allow twice as much"), QMessageBox::AcceptRole);
    box.addButton(tr("Keep everything for now"), QMessageBox::RejectRole);
    box.exec();
    if (box.clickedButton() == deleteThem)
        for (const HistoryEntry& entry : goes) m_store.remove(entry.key);
    else if (box.clickedButton() == moreRoom)
        emit quotaWanted(2 * m_store.quota());
}

}  // namespace moescope
