// SPDX-License-Identifier: GPL-3.0-or-later
// Every run that was kept: thumbnails to open, star, restore, reveal and delete.
#pragma once

#include <QWidget>

#include "ui/session/history_store.h"

class QLabel;
class QListView;
class QLineEdit;
class QToolButton;

namespace moescope {

class HistoryFilter;
class HistoryModel;

class HistoryPanel : public QWidget {
    Q_OBJECT
public:
    explicit HistoryPanel(HistoryStore& store, QWidget* parent = nullptr);

    QListView& list() { return *m_list; }
    /// Search, filter and how much room is taken; a title bar may take it.
    QWidget* controls() { return m_controls; }
    /// Marks the entry of a run that is shown; an empty key marks none.
    void setShown(const QString& key);

signals:
    void restoreRequested(const moescope::GenerationParameters& parameters);
    /// The person lets History take this many bytes from now on.
    void quotaWanted(qint64 bytes);

private:
    QString currentKey() const;
    const HistoryEntry* current() const;
    void open();
    void star();
    void remove();
    void reveal();
    void saveAs();
    void showMenu(const QPoint& place);
    void askAboutQuota();
    void updateFooter();

    HistoryStore& m_store;
    HistoryModel* m_model = nullptr;
    HistoryFilter* m_filter = nullptr;
    QListView* m_list = nullptr;
    QWidget* m_controls = nullptr;
    QLabel* m_footer = nullptr;
    QLabel* m_empty = nullptr;
    QLineEdit* m_words = nullptr;
    QToolButton* m_starredOnly = nullptr;
};

}  // namespace moescope
