// SPDX-License-Identifier: GPL-3.0-or-later
// The classes of a model as a table that can be searched.
#pragma once

#include <QAbstractTableModel>
#include <memory>
#include <vector>

#include "engine/model/class_labels.h"

namespace moescope {

class ClassListModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Number, Name, Group, Keywords, ColumnCount };
    enum Role { ClassRole = Qt::UserRole + 1 };  // int: the class

    explicit ClassListModel(QObject* parent = nullptr);

    /// `labels` null: `classes` classes without names.
    void setClasses(std::shared_ptr<const ClassLabels> labels, int64_t classes);
    /// Best fit first; all classes in order when the query is empty. Names and keywords are searched as prompts are, groups by what
    /// they contain, and a number is a class.
    void setQuery(const QString& query);

    int classAt(int row) const;          // -1 outside
    int rowOf(int classId) const;        // -1: not among those shown
    int64_t classCount() const { return m_classes; }
    const std::shared_ptr<const ClassLabels>& labels() const { return m_labels; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<int> matches(const QString& query) const;

    std::shared_ptr<const ClassLabels> m_labels;
    int64_t m_classes = 0;
    QString m_query;
    std::vector<int> m_shown;
    bool m_emoji = false;  // whether a font here can draw them
};

}  // namespace moescope
