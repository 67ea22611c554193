// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/models/queue_model.h"

#include <QCoreApplication>
#include <QDataStream>
#include <QIODevice>
#include <QLocale>
#include <QMimeData>
#include <algorithm>
#include <cmath>

namespace moescope {
namespace {

const QString kMimeType = QStringLiteral("application/x-moescope-job");

RunId idOf(const QMimeData* data) {
    RunId id = 0;
    QDataStream stream(data->data(kMimeType));
    stream >> id;
    return stream.status() == QDataStream::Ok ? id : 0;
}

bool sameState(const JobInfo& a, const JobInfo& b) {
    return a.state == b.state && a.title == b.title && a.detail == b.detail && a.done == b.done && a.total == b.total;
}

}  // namespace

QString timeText(double seconds) {
    if (seconds < 9.5)
        return QCoreApplication::translate("QueueModel", "%1 s").arg(QLocale().toString(seconds, 'f', seconds < 0.0995 ? 3 : seconds < 0.995 ? 2 : 1));
    const auto whole = static_cast<qint64>(std::llround(seconds));
    if (whole < 60) return QCoreApplication::translate("QueueModel", "%1 s").arg(whole);
    if (whole < 3600) return QCoreApplication::translate("QueueModel", "%1 min %2 s").arg(whole / 60).arg(whole % 60);
    return QCoreApplication::translate("QueueModel", "%1 h %2 min").arg(whole / 3600).arg(whole % 3600 / 60);
}

QueueModel::QueueModel(QObject* parent) : QAbstractListModel(parent) {}

void QueueModel::setJobs(const QVector<JobInfo>& jobs) {
    const auto stillThere = [&](RunId id) {
        return std::any_of(jobs.begin(), jobs.end(), [id](const JobInfo& job) { return job.id == id; });
    };
    for (int row = static_cast<int>(m_jobs.size()) - 1; row >= 0; --row) {
        if (stillThere(m_jobs[row].id)) continue;
        beginRemoveRows({}, row, row);
        m_jobs.removeAt(row);
        endRemoveRows();
    }
    for (int row = 0; row < jobs.size(); ++row) {
        const int at = rowOf(jobs[row].id);
        if (at < 0) {
            beginInsertRows({}, row, row);
            m_jobs.insert(row, jobs[row]);
            endInsertRows();
        } else if (at != row) {  // only further down: the rows before are in place
            beginMoveRows({}, at, at, {}, row);
            m_jobs.move(at, row);
            endMoveRows();
        }
        if (sameState(m_jobs[row], jobs[row])) continue;
        m_jobs[row] = jobs[row];
        emit dataChanged(index(row), index(row));
    }
}

void QueueModel::setProgress(const RunProgress& progress) {
    m_progress = progress;
    const int row = rowOf(progress.id);
    if (row < 0) return;
    m_jobs[row].done = progress.done;
    m_jobs[row].total = progress.total;
    emit dataChanged(index(row), index(row), {DoneRole, TotalRole, StatusRole, Qt::AccessibleTextRole});
}

int QueueModel::rowOf(RunId id) const {
    for (int row = 0; row < m_jobs.size(); ++row)
        if (m_jobs[row].id == id) return row;
    return -1;
}

int QueueModel::placeOf(RunId id) const {
    const int row = rowOf(id);
    return row < 0 || m_jobs[row].state == JobState::Running ? -1 : row - running();
}

int QueueModel::waiting() const {
    return static_cast<int>(std::count_if(m_jobs.begin(), m_jobs.end(), [](const JobInfo& job) { return job.state == JobState::Waiting; }));
}

int QueueModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_jobs.size()); }

QVariant QueueModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= m_jobs.size()) return {};
    const JobInfo& job = m_jobs[index.row()];
    switch (role) {
        case Qt::DisplayRole: return job.title;
        case Qt::ToolTipRole: return job.detail.isEmpty() ? job.title : job.title + QLatin1Char('\n') + job.detail;
        case Qt::AccessibleTextRole: return QString(job.title + QStringLiteral(", ") + data(index, StatusRole).toString());
        case IdRole: return QVariant::fromValue<qulonglong>(job.id);
        case RunningRole: return job.state == JobState::Running;
        case DoneRole: return job.done;
        case TotalRole: return job.total;
        case StatusRole: break;
        default: return {};
    }
    if (job.state == JobState::Waiting) {
        const int place = index.row() - running();
        return place == 0 ? tr("next") : tr("number %1 in line").arg(place + 1);
    }
    if (job.total == 0) return tr("starting");
    QString text = tr("evaluation %1 of %2").arg(job.done).arg(job.total);
    if (m_progress.id == job.id) {
        if (m_progress.secondsPerEvaluation > 0) text += tr(", %1 each").arg(timeText(m_progress.secondsPerEvaluation));
        if (m_progress.secondsLeft >= 0) text += tr(", %1 left").arg(timeText(m_progress.secondsLeft));
    }
    return text;
}

Qt::ItemFlags QueueModel::flags(const QModelIndex& index) const {
    if (!index.isValid()) return Qt::ItemIsDropEnabled;  // between the rows
    const Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemNeverHasChildren;
    return m_jobs[index.row()].state == JobState::Waiting ? flags | Qt::ItemIsDragEnabled : flags;
}

QStringList QueueModel::mimeTypes() const { return {kMimeType}; }

QMimeData* QueueModel::mimeData(const QModelIndexList& indexes) const {
    if (indexes.isEmpty()) return nullptr;
    QByteArray bytes;
    QDataStream(&bytes, QIODevice::WriteOnly) << m_jobs[indexes.front().row()].id;
    auto* data = new QMimeData;
    data->setData(kMimeType, bytes);
    return data;
}

bool QueueModel::canDropMimeData(const QMimeData* data, Qt::DropAction action, int row, int, const QModelIndex& parent) const {
    return action == Qt::MoveAction && data->hasFormat(kMimeType) && !parent.isValid() && (row < 0 || row >= running());
}

bool QueueModel::dropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column, const QModelIndex& parent) {
    if (!canDropMimeData(data, action, row, column, parent)) return false;
    const RunId id = idOf(data);
    const int from = placeOf(id);  // it may have started meanwhile
    if (from < 0) return false;
    int place = row < 0 ? waiting() : row - running();
    if (place > from) --place;  // its own row is gone then
    if (place != from) emit moveRequested(id, place);
    return false;  // the view must not remove the row: the queue tells where it is now
}

}  // namespace moescope
