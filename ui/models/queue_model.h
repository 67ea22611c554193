// SPDX-License-Identifier: GPL-3.0-or-later
// The jobs that run and wait, as a list that keeps selection and drags while it is brought up to date.
#pragma once

#include <QAbstractListModel>

#include "ui/session/engine_service.h"

namespace moescope {

class QueueModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        IdRole = Qt::UserRole + 1,  // RunId
        RunningRole,                // bool
        DoneRole, TotalRole,        // evaluations
        StatusRole,                 // "evaluation 12 of 49, 0.21 s each, 8 s left"
    };

    explicit QueueModel(QObject* parent = nullptr);

    /// The running job first, then those that wait, in order. Rows are moved, inserted and removed one by one; there is no reset.
    void setJobs(const QVector<JobInfo>& jobs);
    void setProgress(const RunProgress& progress);

    const QVector<JobInfo>& jobs() const { return m_jobs; }
    int rowOf(RunId id) const;   // -1: gone
    /// Place among the waiting jobs, 0 the next; -1: it does not wait.
    int placeOf(RunId id) const;
    int waiting() const;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    Qt::DropActions supportedDropActions() const override { return Qt::MoveAction; }
    QStringList mimeTypes() const override;
    QMimeData* mimeData(const QModelIndexList& indexes) const override;
    bool canDropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column, const QModelIndex& parent) const override;
    bool dropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column, const QModelIndex& parent) override;

signals:
    /// A waiting job was dropped at a place among the waiting ones. The model itself does not change: the queue answers.
    void moveRequested(moescope::RunId id, int place);

private:
    int running() const { return static_cast<int>(m_jobs.size()) - waiting(); }

    QVector<JobInfo> m_jobs;
    RunProgress m_progress;
};

/// "8 s", "1 min 5 s", "2 h 10 min"
QString timeText(double seconds);

}  // namespace moescope
