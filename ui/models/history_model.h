// SPDX-License-Identifier: GPL-3.0-or-later
// History as rows with thumbnails for a list view.
#pragma once

#include <QAbstractListModel>
#include <QHash>
#include <QImage>
#include <QSortFilterProxyModel>

#include "ui/session/history_store.h"

namespace moescope {

class HistoryModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { KeyRole = Qt::UserRole + 1, StarredRole, ProblemRole, FileRole, PromptRole };

    explicit HistoryModel(HistoryStore& store, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;

    /// Row of that entry, -1 when it is not there.
    int rowOf(const QString& key) const;

private:
    void update();
    QImage thumbnail(const HistoryEntry& entry) const;

    HistoryStore& m_store;
    QVector<HistoryEntry> m_entries;
    mutable QHash<QString, QImage> m_thumbnails;  // by key
};

/// Starred ones only, and those whose prompt or class holds the words.
class HistoryFilter : public QSortFilterProxyModel {
    Q_OBJECT
public:
    using QSortFilterProxyModel::QSortFilterProxyModel;
    void setStarredOnly(bool only);
    void setWords(const QString& words);

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

private:
    bool m_starredOnly = false;
    QString m_words;
};

}  // namespace moescope
