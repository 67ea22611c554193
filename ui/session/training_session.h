// SPDX-License-Identifier: GPL-3.0-or-later
// The window's door to the trainer: one training run at a time on a thread of its own, verbs in, facts out.
#pragma once

#include <QObject>
#include <QTimer>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "engine/train/training_run.h"
#include "ui/session/mailbox.h"
#include "viz/aggregate/training_record.h"

namespace moescope {

enum class TrainingState : uint8_t { Idle, Preparing, Running, Paused, Ending };

struct TrainingOrder {
    train::Recipe recipe;
    train::RunOptions options;
};

/// All members on the window's thread; signals too. The destructor stops the run after the step in progress, lets it
/// save, and joins.
class TrainingSession : public QObject {
    Q_OBJECT
public:
    explicit TrainingSession(QObject* parent = nullptr);
    ~TrainingSession() override;

    /// False and nothing while a run is going.
    bool start(TrainingOrder order);
    void pause();
    void resume();
    /// Ends the run; state and weights are kept.
    void stop();
    void saveNow();
    /// Writes the average of now into the run folder; `snapshotReady` or `snapshotFailed` answers. Only while a run is
    /// going.
    void snapshot();

    TrainingState state() const { return m_state; }
    bool going() const { return m_state != TrainingState::Idle; }
    const std::filesystem::path& folder() const { return m_folder; }  // of the run that goes or went last
    /// Numbers of the whole run, with those of earlier sittings.
    std::shared_ptr<const TrainingRecord> record();
    /// Of the run that is going, once it has begun.
    const std::optional<train::RunFacts>& facts() const { return m_facts; }
    const train::RunProgress& progress() const { return m_progress; }

signals:
    void stateChanged(moescope::TrainingState state);
    void grew();                // new numbers, at most a few times a second
    void sampled(qint64 step);  // a sheet is in the run folder
    void saved(qint64 step);
    void noted(const QString& sentence);
    void snapshotReady(const QString& file, qint64 step);
    void snapshotFailed(const moescope::EngineError& error);
    void ended(const moescope::train::RunSummary& summary);
    void failed(const moescope::EngineError& error);

private:
    class Observer;
    void setState(TrainingState state);
    void began(const train::RunFacts& facts, std::vector<train::MetricsLine> before);
    void collect();
    void finish(const Result<train::RunSummary>& outcome);
    void join();

    TrainingState m_state = TrainingState::Idle;
    std::filesystem::path m_folder;
    TrainingRecord m_lines;
    std::shared_ptr<const TrainingRecord> m_record;  // null: m_lines has more
    std::optional<train::RunFacts> m_facts;
    train::RunProgress m_progress;
    int m_snapshots = 0;  // asked for and not answered
    QTimer m_growth;
    Mailbox m_mailbox;
    std::unique_ptr<train::RunControl> m_control;
    std::unique_ptr<Observer> m_observer;
    std::thread m_thread;
};

}  // namespace moescope
