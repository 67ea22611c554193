// SPDX-License-Identifier: GPL-3.0-or-later
// The panel of jobs: what runs and how far it is, what waits and in which order.
#pragma once

#include <QDockWidget>

#include "ui/models/queue_model.h"

class QAction;
class QListView;
class QToolButton;

namespace moescope {

/// Shows a queue and asks for changes; knows no engine.
class QueueDock : public QDockWidget {
    Q_OBJECT
public:
    explicit QueueDock(QWidget* parent = nullptr);

    QueueModel& model() { return *m_model; }
    QAction* removeAction() const { return m_remove; }
    QAction* clearAction() const { return m_clear; }

    void setJobs(const QVector<JobInfo>& jobs);
    void setProgress(const RunProgress& progress) { m_model->setProgress(progress); }

signals:
    /// The running job (then it is cancelled) or one that waits.
    void removeRequested(moescope::RunId id);
    void moveRequested(moescope::RunId id, int place);
    void clearRequested();

private:
    RunId chosen() const;
    void move(int by);
    void showWhatIsPossible();

    QueueModel* m_model;
    QListView* m_view;
    QAction *m_up, *m_down, *m_remove, *m_clear;
};

}  // namespace moescope
