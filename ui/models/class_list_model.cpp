// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/models/class_list_model.h"

#include <QFontDatabase>
#include <algorithm>
#include <numeric>

namespace moescope {
namespace {

bool haveEmojiFont() {
    for (const QString& family : QFontDatabase::families())
        if (family.contains(QLatin1String("emoji"), Qt::CaseInsensitive)) return true;
    return false;
}

QString joined(const std::vector<std::string>& words) {
    QStringList list;
    for (const std::string& word : words) list.append(QString::fromStdString(word));
    return list.join(QStringLiteral(", "));
}

}  // namespace

ClassListModel::ClassListModel(QObject* parent) : QAbstractTableModel(parent), m_emoji(haveEmojiFont()) {}

void ClassListModel::setClasses(std::shared_ptr<const ClassLabels> labels, int64_t classes) {
    beginResetModel();
    m_labels = std::move(labels);
    m_classes = classes;
    m_shown = matches(m_query);
    endResetModel();
}

void ClassListModel::setQuery(const QString& query) {
    if (query.simplified() == m_query) return;
    m_query = query.simplified();
    std::vector<int> shown = matches(m_query);
    if (shown == m_shown) return;
    beginResetModel();
    m_shown = std::move(shown);
    endResetModel();
}

std::vector<int> ClassListModel::matches(const QString& query) const {
    std::vector<int> shown;
    bool isNumber = false;
    const int number = query.toInt(&isNumber);
    if (query.isEmpty() || (!m_labels && !isNumber)) {
        if (query.isEmpty()) {
            shown.resize(static_cast<size_t>(m_classes));
            std::iota(shown.begin(), shown.end(), 0);
        }
        return shown;
    }
    std::vector<bool> taken(static_cast<size_t>(m_classes), false);
    const auto take = [&](int64_t index) {
        if (index < 0 || index >= m_classes || taken[static_cast<size_t>(index)]) return;
        taken[static_cast<size_t>(index)] = true;
        shown.push_back(static_cast<int>(index));
    };
    if (isNumber) take(number);
    if (m_labels) {
        for (const ClassAlternative& found : m_labels->find(query.toStdString())) take(found.index);
        for (const ClassLabel& label : m_labels->classes())
            if (QString::fromStdString(label.group).contains(query, Qt::CaseInsensitive)) take(label.index);
    }
    if (isNumber)
        for (int64_t index = 0; index < m_classes; ++index)
            if (QString::number(index).startsWith(query)) take(index);
    return shown;
}

int ClassListModel::classAt(int row) const { return row >= 0 && row < rowCount() ? m_shown[static_cast<size_t>(row)] : -1; }

int ClassListModel::rowOf(int classId) const {
    const auto found = std::find(m_shown.begin(), m_shown.end(), classId);
    return found == m_shown.end() ? -1 : static_cast<int>(found - m_shown.begin());
}

int ClassListModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_shown.size()); }

int ClassListModel::columnCount(const QModelIndex& parent) const {
    if (parent.isValid()) return 0;
    return m_labels ? ColumnCount : Number + 1;
}

QVariant ClassListModel::data(const QModelIndex& index, int role) const {
    const int classId = index.isValid() ? classAt(index.row()) : -1;
    if (classId < 0) return {};
    if (role == ClassRole) return classId;
    const ClassLabel* label = m_labels ? m_labels->byIndex(classId) : nullptr;
    if (role == Qt::TextAlignmentRole && index.column() == Number) return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::AccessibleTextRole && index.column() == Number) return tr("class %1").arg(classId);
    if (role == Qt::ToolTipRole && label && index.column() == Keywords) return joined(label->keywords);
    if (role != Qt::DisplayRole) return {};
    if (index.column() == Number) return classId;
    if (!label) return {};
    switch (index.column()) {
        case Name:
            return m_emoji && !label->emoji.empty() ? QString::fromStdString(label->emoji + "  " + label->name)
                                                    : QString::fromStdString(label->name);
        case Group: return QString::fromStdString(label->group);
        case Keywords: return joined(label->keywords);
        default: return {};
    }
}

QVariant ClassListModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
    switch (section) {
        case Number: return tr("Class");
        case Name: return tr("Name");
        case Group: return tr("Group");
        case Keywords: return tr("Keywords");
        default: return {};
    }
}

}  // namespace moescope
