// SPDX-License-Identifier: GPL-3.0-or-later
// The window's door to the engine: verbs in, facts out. One worker thread owns the device and the loaded model.
#pragma once

#include <QObject>
#include <QString>
#include <QVector>
#include <memory>

#include "engine/sampling/generator.h"
#include "ui/session/open_model.h"
#include "ui/session/run_view.h"

namespace moescope {

/// One picture job: a request that was checked against the model it is for.
struct GenerationOrder {
    OpenModelPtr model;
    GenerationRequest request;
    QString title;          // "red heart, seed 42"
    QString classSentence;  // which class was taken and why
};

enum class JobState : uint8_t { Waiting, Running };

struct JobInfo {
    RunId id = 0;
    JobState state = JobState::Waiting;
    QString title, detail;
    int done = 0, total = 0;  // evaluations
};

/// How fast a run goes, from finished evaluations only.
struct RunProgress {
    RunId id = 0;
    int done = 0, total = 0;
    double secondsPerEvaluation = 0;
    double secondsLeft = -1;  // negative until two evaluations are finished
};

/// All members on the window's thread; signals too. Nothing here waits for the engine, except the destructor, which cancels what
/// runs and joins the worker (within the 100 ms in which operations look for a stop).
class EngineService : public QObject {
    Q_OBJECT
public:
    struct Options {
        std::filesystem::path resources;  // folder with embedded/, labels/
        int threads = 0;                  // 0: one per core
        std::string isa = "auto";
    };
    explicit EngineService(Options options, QObject* parent = nullptr);
    ~EngineService() override;

    /// Reads headers on the pool, then loads the weights on the worker. A job that is going keeps its own model.
    void openModel(const ModelOrder& order);
    /// Gives the weights back; the model stays listed and is loaded again when a job needs it.
    void unloadModel();
    const OpenModelPtr& model() const { return m_model; }
    ModelState modelState() const { return m_modelState; }

    /// Queues a job: at the end, or before all that wait.
    RunId generate(GenerationOrder order, bool front = false);
    /// Stops a running job (what is finished of it is kept) or takes a waiting one out of the queue.
    void cancel(RunId id);
    void cancelRunning();
    void clearQueue();  // waiting jobs only
    /// Moves a waiting job to a place among the waiting ones, 0 the next.
    void moveJob(RunId id, int place);
    QVector<JobInfo> jobs() const;  // the running one first, then in order
    bool running() const;

    /// Full decode of one image's clean estimate with the VAE, when the device is free between jobs' layers. `decoded` answers.
    void decode(RunViewPtr run, int evaluation, int64_t image);

    /// "CPU, 2 threads, AVX-512"
    QString deviceText() const { return m_deviceText; }

signals:
    void modelChanged(const moescope::OpenModelPtr& model);  // headers read: it can be shown
    void modelStateChanged(moescope::ModelState state, const QString& sentence);
    void modelProgress(double share);                        // 0 .. 1 while weights are read
    void modelFailed(const moescope::EngineError& error);    // it could not be opened or loaded; the one before stays
    void jobsChanged();

    void runStarted(const moescope::RunViewPtr& run);
    void runGrew(const moescope::RunViewPtr& run);           // at most 30 a second
    void progressed(const moescope::RunProgress& progress);
    /// Last message of a run; its state says how it ended. The views before are parts of it.
    void runEnded(const moescope::RunViewPtr& run);
    void decoded(moescope::RunId run, int evaluation, qint64 image, const moescope::Result<moescope::Picture>& picture);

private:
    OpenModelPtr m_model;
    ModelState m_modelState = ModelState::None;
    QString m_deviceText;
};

}  // namespace moescope
