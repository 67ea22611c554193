// SPDX-License-Identifier: GPL-3.0-or-later
// The window's door to the engine: verbs in, facts out. One worker thread owns the device and the loaded model.
#pragma once

#include <QHash>
#include <QObject>
#include <QString>
#include <QTimer>
#include <QVector>
#include <memory>

#include "engine/backend/device_choice.h"
#include "engine/sampling/generator.h"
#include "ui/session/mailbox.h"
#include "ui/session/open_model.h"
#include "ui/session/run_progress.h"
#include "ui/session/run_view.h"

namespace moescope {

class EngineWorker;

/// One picture job: a request that was checked against the model it is for.
struct GenerationOrder {
    OpenModelPtr model;
    GenerationRequest request;
    QString title;          // "red heart, seed 42"
    QString classSentence;  // which class was taken and why
};

/// The device that is in use.
struct DeviceNow {
    bool gpu = false;
    std::string description;  // "AVX-512, 2 threads", "NVIDIA H100 80GB HBM3"
    std::string note;         // why it is not the one that was expected, as a sentence; empty when it is
};

enum class JobState : uint8_t { Waiting, Running };

struct JobInfo {
    RunId id = 0;
    JobState state = JobState::Waiting;
    QString title, detail;
    int done = 0, total = 0;  // evaluations over all groups of the batch; total is 0 until the first one is finished
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
        DeviceChoice device = DeviceChoice::Auto;
    };
    explicit EngineService(Options options, QObject* parent = nullptr);
    ~EngineService() override;

    /// Reads headers on the pool, then loads the weights on the worker. A job that is going keeps its own model. Of several that
    /// are opened quickly the last one counts.
    void openModel(const ModelOrder& order);
    /// Gives the weights back once the jobs that wait are done; the model stays listed (ModelState::None) and is loaded again when
    /// a job needs it.
    void unloadModel();
    const OpenModelPtr& model() const { return m_model; }  // null: none yet
    ModelState modelState() const { return m_opening ? ModelState::Loading : m_modelState; }

    /// Queues a job: at the end, or before all that wait. 0 and no job without a model.
    RunId generate(GenerationOrder order, bool front = false);
    /// Stops a running job (what is finished of it is kept) or takes a waiting one out of the queue.
    void cancel(RunId id);
    void cancelRunning();
    void clearQueue();  // waiting jobs only
    /// Moves a waiting job to a place among the waiting ones, 0 the next.
    void moveJob(RunId id, int place);
    QVector<JobInfo> jobs() const;  // the running one first, then in order
    bool running() const;

    /// Full decode of one image's clean estimate with the VAE of the run's model (of the model that is open, for runs from files),
    /// before jobs that wait and between the evaluations of the one that runs. `decoded` answers.
    void decode(RunViewPtr run, int evaluation, int64_t image);

    /// Another device: a job that is going ends on its own, then the model is loaded there.
    void setDevice(DeviceChoice choice);
    DeviceChoice deviceChoice() const { return m_choice; }
    /// Leaves the GPU for the CPU, and opens the model there that did not fit, when there is one.
    void retryOnCpu();
    /// "CPU, AVX-512, 2 threads", "NVIDIA H100 80GB HBM3 (CUDA)"; empty until `deviceKnown`
    QString deviceText() const { return m_deviceText; }
    const DeviceNow& device() const { return m_device; }
    /// What this machine offers, and why it does not; empty until `devicesKnown`.
    const std::vector<DeviceOffer>& devices() const { return m_devices; }

signals:
    void modelChanged(const moescope::OpenModelPtr& model);  // headers read: it can be shown
    void modelStateChanged(moescope::ModelState state, const QString& sentence);
    void modelProgress(double share);                        // 0 .. 1 while weights are read
    void modelFailed(const moescope::EngineError& error);    // it could not be opened or loaded; the one before stays
    void deviceKnown(const QString& text);                   // again when another one is in use
    void devicesKnown();
    void deviceChosen(moescope::DeviceChoice choice);
    void jobsChanged();                                      // which jobs there are, their order and state; `progressed` tells the rest

    void runStarted(const moescope::RunViewPtr& run);
    void runGrew(const moescope::RunViewPtr& run);           // at most 30 a second
    void progressed(const moescope::RunProgress& progress);
    /// Last message of a run; its state says how it ended. The views before are parts of it.
    void runEnded(const moescope::RunViewPtr& run);
    void decoded(moescope::RunId run, int evaluation, qint64 image, const moescope::Result<moescope::Picture>& picture);

private:
    class Facts;
    struct VaeChoice {
        std::filesystem::path path;
        MsDType storage = MS_F32;
    };

    void headersRead(quint64 ticket, const Result<OpenModelPtr>& opened);
    void setState(ModelState state, const QString& sentence);
    void loadModel(const QString& sentence);
    void weightsLoading(const OpenModelPtr& model, double share);
    void weightsReady(const OpenModelPtr& model);
    void weightsGone(const OpenModelPtr& model);
    void weightsFailed(const OpenModelPtr& model, const EngineError& error);
    void started(const RunViewPtr& run);
    void grew(const RunViewPtr& run, const RunProgress& progress);
    void tellGrowth();
    void ended(const RunViewPtr& run);
    void sortJobs();
    JobInfo* job(RunId id);
    void deviceReady(const DeviceNow& device);
    int64_t memoryForModels() const;

    const Options m_options;
    DeviceChoice m_choice;
    DeviceNow m_device;
    std::vector<DeviceOffer> m_devices;
    std::optional<ModelOrder> m_tooLarge;  // the model that the GPU had no room for
    OpenModelPtr m_model;
    OpenModelPtr m_fallback;        // what was open before m_model, until m_model's weights are here
    bool m_proven = false;          // m_model's weights were here at least once
    bool m_opening = false;         // headers are being read
    quint64 m_ticket = 0;           // of the newest openModel
    ModelState m_modelState = ModelState::None;
    QString m_stateSentence;
    QString m_deviceText;
    QVector<JobInfo> m_jobs;        // the running one first, then in order
    QHash<RunId, VaeChoice> m_vaes; // of the runs that were ordered here
    RunViewPtr m_grown;             // not told yet
    RunProgress m_progress;
    QTimer m_growth;                // runs while the next growth has to wait
    Mailbox m_mailbox;
    std::unique_ptr<Facts> m_facts;
    std::unique_ptr<EngineWorker> m_worker;
};

}  // namespace moescope
