// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/models/history_model.h"

#include <QIcon>
#include <QLocale>
#include <QPainter>
#include <QPixmap>
#include <algorithm>

namespace moescope {
namespace {

constexpr int kSide = 128;  // of a thumbnail, in device pixels
constexpr int kShown = 4;   // pictures of a batch that are drawn

QImage imageOf(const Picture& picture) {
    return QImage(picture.rgb.data(), picture.width, picture.height, picture.width * 3, QImage::Format_RGB888).copy();
}

/// What a list shows as the entry's name: the prompt, else the class.
QString nameOf(const HistoryEntry& entry) {
    const QString prompt = QString::fromStdString(entry.parameters.prompt);
    if (!prompt.isEmpty()) return prompt;
    const QString name = QString::fromStdString(entry.parameters.className);
    if (!name.isEmpty()) return name;
    return entry.parameters.classId ? HistoryModel::tr("class %1").arg(*entry.parameters.classId) : entry.key;
}

QString detailsOf(const HistoryEntry& entry) {
    const GenerationParameters& p = entry.parameters;
    QStringList lines{nameOf(entry)};
    lines += HistoryModel::tr("seed %1, %2 steps, %3, guidance %4")
                 .arg(QString::number(p.seed), QString::number(p.steps), QString::fromStdString(p.sampler), QLocale().toString(p.cfgScale));
    lines += HistoryModel::tr("model %1").arg(QString::fromStdString(p.modelName));
    lines += HistoryModel::tr("%n picture(s)", nullptr, static_cast<int>(entry.images)) + QStringLiteral(", ") +
             QLocale().toString(entry.made, QLocale::ShortFormat) + QStringLiteral(", ") + QLocale().formattedDataSize(entry.bytes);
    if (!entry.complete) lines += HistoryModel::tr("cancelled before the end");
    if (!entry.problem.isEmpty()) lines += entry.problem;
    return lines.join(QLatin1Char('\n'));
}

}  // namespace

HistoryModel::HistoryModel(HistoryStore& store, QObject* parent) : QAbstractListModel(parent), m_store(store), m_entries(store.entries()) {
    connect(&store, &HistoryStore::changed, this, &HistoryModel::update);
}

int HistoryModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_entries.size()); }

int HistoryModel::rowOf(const QString& key) const {
    for (int row = 0; row < m_entries.size(); ++row)
        if (m_entries[row].key == key) return row;
    return -1;
}

/// Rows that stay keep their place, so that a view keeps its selection and scroll position.
void HistoryModel::update() {
    const QVector<HistoryEntry>& now = m_store.entries();
    for (int row = static_cast<int>(m_entries.size()) - 1; row >= 0; --row) {
        const QString& key = m_entries[row].key;
        if (std::none_of(now.begin(), now.end(), [&](const HistoryEntry& entry) { return entry.key == key; })) {
            beginRemoveRows({}, row, row);
            m_thumbnails.remove(key);
            m_entries.remove(row);
            endRemoveRows();
        }
    }
    for (int row = 0; row < now.size(); ++row) {
        if (row < m_entries.size() && m_entries[row].key == now[row].key) continue;
        const int old = rowOf(now[row].key);
        if (old < 0) {
            beginInsertRows({}, row, row);
            m_entries.insert(row, now[row]);
            endInsertRows();
        } else {
            beginMoveRows({}, old, old, {}, row);  // old > row: everything before row is in place
            m_entries.move(old, row);
            endMoveRows();
        }
    }
    for (int row = 0; row < now.size(); ++row) {
        if (m_entries[row].thumbnails != now[row].thumbnails) m_thumbnails.remove(now[row].key);
        m_entries[row] = now[row];
    }
    if (!m_entries.isEmpty()) emit dataChanged(index(0), index(static_cast<int>(m_entries.size()) - 1));
}

/// The first pictures of the batch side by side in a square; pixel art stays crisp.
QImage HistoryModel::thumbnail(const HistoryEntry& entry) const {
    const auto known = m_thumbnails.constFind(entry.key);
    if (known != m_thumbnails.constEnd()) return *known;
    QImage square(kSide, kSide, QImage::Format_ARGB32_Premultiplied);
    square.fill(Qt::transparent);
    std::vector<const Picture*> shown;
    for (const auto& picture : entry.thumbnails)
        if (picture && picture->width > 0 && shown.size() < kShown) shown.push_back(picture.get());
    if (!shown.empty()) {
        QPainter painter(&square);
        const int perSide = shown.size() == 1 ? 1 : 2;
        const int cell = kSide / perSide;
        for (size_t i = 0; i < shown.size(); ++i) {
            const QImage image = imageOf(*shown[i]);
            const auto mode = image.width() <= cell ? Qt::FastTransformation : Qt::SmoothTransformation;
            const QImage scaled = image.scaled(cell, cell, Qt::KeepAspectRatio, mode);
            painter.drawImage(static_cast<int>(i) % perSide * cell, static_cast<int>(i) / perSide * cell, scaled);
        }
    }
    m_thumbnails.insert(entry.key, square);
    return square;
}

QVariant HistoryModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const HistoryEntry& entry = m_entries[index.row()];
    switch (role) {
        case Qt::DisplayRole: return entry.starred ? QStringLiteral("\u2605 ") + nameOf(entry) : nameOf(entry);
        case Qt::DecorationRole: {
            QIcon icon;  // the same when selected: a tint would change what is seen of the picture
            const QPixmap pixmap = QPixmap::fromImage(thumbnail(entry));
            icon.addPixmap(pixmap, QIcon::Normal);
            icon.addPixmap(pixmap, QIcon::Selected);
            return icon;
        }
        case Qt::ToolTipRole: return detailsOf(entry);
        case Qt::AccessibleTextRole: return detailsOf(entry);
        case KeyRole: return entry.key;
        case StarredRole: return entry.starred;
        case ProblemRole: return entry.problem;
        case FileRole: return QString::fromStdString(entry.file.string());
        case PromptRole: return nameOf(entry) + QLatin1Char(' ') + QString::fromStdString(entry.parameters.className);
        default: return {};
    }
}

void HistoryFilter::setStarredOnly(bool only) {
    m_starredOnly = only;
    invalidateFilter();
}

void HistoryFilter::setWords(const QString& words) {
    m_words = words.trimmed();
    invalidateFilter();
}

bool HistoryFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
    const QModelIndex index = sourceModel()->index(row, 0, parent);
    if (m_starredOnly && !index.data(HistoryModel::StarredRole).toBool()) return false;
    return m_words.isEmpty() || index.data(HistoryModel::PromptRole).toString().contains(m_words, Qt::CaseInsensitive);
}

}  // namespace moescope
