// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/engine_service.h"

#include <algorithm>
#include <utility>

#include "engine/backend/plugin.h"
#include "engine/core/system_memory.h"
#include "ui/session/engine_sentences.h"
#include "ui/session/engine_worker.h"
#include "ui/session/model_opener.h"
#include "ui/session/pool_tasks.h"
#include "ui/session/run_ids.h"

namespace moescope {
namespace {

constexpr int kGrowthInterval = 34;  // ms; a picture that forms is drawn at most 30 times a second

}  // namespace

/// Carries what the worker tells to the window's thread.
class EngineService::Facts : public EngineFacts {
public:
    explicit Facts(EngineService& service) : m_service(service), m_sender(service.m_mailbox.sender()) {}

    void deviceReady(const DeviceNow& device) override {
        tell([device](EngineService& s) { s.deviceReady(device); });
    }
    void weightsLoading(const OpenModelPtr& model, double share) override {
        tell([model, share](EngineService& s) { s.weightsLoading(model, share); });
    }
    void weightsReady(const OpenModelPtr& model) override {
        tell([model](EngineService& s) { s.weightsReady(model); });
    }
    void weightsGone(const OpenModelPtr& model) override {
        tell([model](EngineService& s) { s.weightsGone(model); });
    }
    void weightsFailed(const OpenModelPtr& model, const EngineError& error) override {
        tell([model, error](EngineService& s) { s.weightsFailed(model, error); });
    }
    void runStarted(const RunViewPtr& run) override {
        tell([run](EngineService& s) { s.started(run); });
    }
    void runGrew(const RunViewPtr& run, const RunProgress& progress) override {
        tell([run, progress](EngineService& s) { s.grew(run, progress); });
    }
    void runEnded(const RunViewPtr& run) override {
        tell([run](EngineService& s) { s.ended(run); });
    }
    void decoded(RunId run, int evaluation, int64_t image, const Result<Picture>& picture) override {
        tell([run, evaluation, image, picture](EngineService& s) { emit s.decoded(run, evaluation, static_cast<qint64>(image), picture); });
    }

private:
    template <class Fact>
    void tell(Fact fact) {
        m_sender->post([&service = m_service, fact = std::move(fact)] { fact(service); });
    }
    EngineService& m_service;
    std::shared_ptr<Mailbox::Sender> m_sender;
};

EngineService::EngineService(Options options, QObject* parent)
    : QObject(parent), m_options(std::move(options)), m_choice(m_options.device), m_facts(std::make_unique<Facts>(*this)),
      m_worker(std::make_unique<EngineWorker>(BackendOptions{m_options.threads, m_options.isa}, m_options.device, *m_facts)) {
    m_growth.setSingleShot(true);
    m_growth.setInterval(kGrowthInterval);
    connect(&m_growth, &QTimer::timeout, this, &EngineService::tellGrowth);
}

void EngineService::deviceReady(const DeviceNow& device) {
    m_device = device;
    const QString text = translatedSentence(QString::fromStdString(device.description));
    m_deviceText = device.gpu ? tr("%1 (CUDA)").arg(text) : tr("CPU, %1").arg(text);
    emit deviceKnown(m_deviceText);
    if (!m_devices.empty()) return;
    // Once, and after the worker's own start, which is waited for.
    const BackendOptions backend{m_options.threads, m_options.isa};
    runOnPool([this, backend, sender = m_mailbox.sender()] {
        sender->post([this, found = moescope::devices(backend)] {
            m_devices = found;
            emit devicesKnown();
        });
    });
}

/// Bytes that the roomiest device has for a model; negative: as the system says.
int64_t EngineService::memoryForModels() const {
    int64_t most = -1;
    for (const DeviceOffer& offer : m_devices)
        if (offer.memory && m_choice != DeviceChoice::Cpu) most = std::max({most, offer.memory->free, availableMemory()});
    return most;
}

void EngineService::setDevice(DeviceChoice choice) {
    if (choice == m_choice) return;
    m_choice = choice;
    const bool wanted = m_model && (m_modelState != ModelState::None || m_opening);
    emit deviceChosen(choice);
    if (wanted) setState(ModelState::Loading, running() ? tr("%1 changes the device when the jobs before it are done.").arg(m_model->name)
                                                        : tr("Loading %1…").arg(m_model->name));
    m_worker->setDevice(choice, wanted ? m_model : nullptr);
}

void EngineService::retryOnCpu() {
    const std::optional<ModelOrder> again = std::exchange(m_tooLarge, std::nullopt);
    setDevice(DeviceChoice::Cpu);
    if (again && (!m_model || m_model->order != *again)) openModel(*again);
}

EngineService::~EngineService() {
    m_worker.reset();  // stops and joins; what it told and was not heard yet goes with the mailbox
}

// ---- the model

void EngineService::openModel(const ModelOrder& order) {
    const quint64 ticket = ++m_ticket;
    m_opening = true;
    m_tooLarge.reset();
    emit modelStateChanged(ModelState::Loading, tr("Looking at the model…"));
    const int64_t givenBack = m_model && m_modelState == ModelState::Ready ? m_model->bytesNeeded : 0;
    runOnPool([this, order, resources = m_options.resources, givenBack, room = memoryForModels(), ticket, sender = m_mailbox.sender()] {
        // Only `sender` is touched here: the service may be gone, and then what is posted is dropped.
        sender->post([this, ticket, opened = openModelHeaders(order, resources, givenBack, room)] { headersRead(ticket, opened); });
    });
}

void EngineService::headersRead(quint64 ticket, const Result<OpenModelPtr>& opened) {
    if (ticket != m_ticket) return;
    m_opening = false;
    if (!opened.ok()) {
        emit modelStateChanged(m_modelState, m_stateSentence);
        emit modelFailed(opened.error());
        return;
    }
    if (m_proven) m_fallback = m_model;
    m_model = *opened;
    m_proven = false;
    emit modelChanged(m_model);
    loadModel(running() ? tr("%1 is loaded when the jobs before it are done.").arg(m_model->name) : tr("Loading %1…").arg(m_model->name));
}

void EngineService::loadModel(const QString& sentence) {
    setState(ModelState::Loading, sentence);
    m_worker->load(m_model);
}

void EngineService::unloadModel() {
    ++m_ticket;  // a model whose headers are being read is not wanted either
    m_worker->unload();
    const bool wasOpening = std::exchange(m_opening, false);
    if (m_modelState == ModelState::Loading)
        weightsGone(m_model);
    else if (wasOpening)
        setState(m_modelState, m_stateSentence);
}

void EngineService::setState(ModelState state, const QString& sentence) {
    m_modelState = state;
    m_stateSentence = sentence;
    if (!m_opening) emit modelStateChanged(m_modelState, m_stateSentence);
}

void EngineService::weightsLoading(const OpenModelPtr& model, double share) {
    if (model != m_model) return;
    if (share == 0) setState(ModelState::Loading, tr("Loading %1…").arg(m_model->name));
    emit modelProgress(share);
}

void EngineService::weightsReady(const OpenModelPtr& model) {
    if (model != m_model) return;
    m_proven = true;
    m_fallback = nullptr;
    if (m_modelState != ModelState::Ready) setState(ModelState::Ready, tr("%1 is ready.").arg(m_model->name));
}

void EngineService::weightsGone(const OpenModelPtr& model) {
    if (model == m_model) setState(ModelState::None, tr("%1 is not in memory; it is loaded again when a picture is made.").arg(m_model->name));
}

void EngineService::weightsFailed(const OpenModelPtr& model, const EngineError& error) {
    if (model != m_model) return;
    if (error.code == ErrorCode::Cancelled) return weightsGone(model);
    if (error.code == ErrorCode::DeviceMemory) m_tooLarge = model->order;
    const QString sentence = QString::fromStdString(error.message);
    if (m_proven) {
        setState(ModelState::Failed, sentence);
        if (!running()) emit modelFailed(error);  // else the end of the run tells
        return;
    }
    m_model = std::exchange(m_fallback, nullptr);
    m_proven = m_model != nullptr;
    emit modelChanged(m_model);
    if (m_model)
        loadModel(tr("Loading %1 again…").arg(m_model->name));
    else
        setState(ModelState::Failed, sentence);
    emit modelFailed(error);
}

// ---- jobs

RunId EngineService::generate(GenerationOrder order, bool front) {
    if (!order.model) return 0;
    JobInfo info;
    info.id = nextRunId();
    info.title = order.title;
    info.detail = order.request.classes.size() == 1 ? tr("1 picture") : tr("%1 pictures").arg(order.request.classes.size());
    m_vaes.insert(info.id, {order.model->vae, order.model->order.storage});
    m_jobs.push_back(info);
    m_worker->generate(info.id, std::move(order), front);
    sortJobs();
    emit jobsChanged();
    return info.id;
}

void EngineService::cancel(RunId id) {
    if (!m_worker->queue().remove(id)) {
        m_worker->queue().stop(id);
        return;
    }
    m_jobs.removeIf([&](const JobInfo& info) { return info.id == id; });
    emit jobsChanged();
}

void EngineService::cancelRunning() {
    m_worker->queue().stop(TaskKind::Run);
}

void EngineService::clearQueue() {
    bool changed = false;
    for (const RunId id : m_worker->queue().waiting(TaskKind::Run))
        if (m_worker->queue().remove(id)) changed |= m_jobs.removeIf([&](const JobInfo& info) { return info.id == id; }) > 0;
    if (changed) emit jobsChanged();
}

void EngineService::moveJob(RunId id, int place) {
    if (!m_worker->queue().move(id, place)) return;
    sortJobs();
    emit jobsChanged();
}

/// The worker takes jobs while the window looks elsewhere: the ones that the queue no longer has come first.
void EngineService::sortJobs() {
    const std::vector<uint64_t> waiting = m_worker->queue().waiting(TaskKind::Run);
    const auto rank = [&](const JobInfo& info) -> std::ptrdiff_t {
        if (info.state == JobState::Running) return -2;
        const auto at = std::find(waiting.begin(), waiting.end(), info.id);
        return at == waiting.end() ? -1 : at - waiting.begin();
    };
    std::stable_sort(m_jobs.begin(), m_jobs.end(), [&](const JobInfo& a, const JobInfo& b) { return rank(a) < rank(b); });
}

JobInfo* EngineService::job(RunId id) {
    const auto found = std::find_if(m_jobs.begin(), m_jobs.end(), [&](const JobInfo& info) { return info.id == id; });
    return found == m_jobs.end() ? nullptr : &*found;
}

QVector<JobInfo> EngineService::jobs() const {
    return m_jobs;
}

bool EngineService::running() const {
    return std::any_of(m_jobs.begin(), m_jobs.end(), [](const JobInfo& info) { return info.state == JobState::Running; });
}

void EngineService::started(const RunViewPtr& run) {
    if (JobInfo* info = job(run->id)) info->state = JobState::Running;
    sortJobs();
    emit runStarted(run);
    emit jobsChanged();
}

void EngineService::grew(const RunViewPtr& run, const RunProgress& progress) {
    if (JobInfo* info = job(run->id)) {
        info->done = progress.done;
        info->total = progress.total;
        info->detail = tr("evaluation %1 of %2").arg(progress.done).arg(progress.total);
    }
    m_grown = run;
    m_progress = progress;
    if (!m_growth.isActive()) tellGrowth();
}

void EngineService::tellGrowth() {
    if (!m_grown) return;
    m_growth.start();
    const RunViewPtr run = std::exchange(m_grown, nullptr);
    emit runGrew(run);
    emit progressed(m_progress);
}

void EngineService::ended(const RunViewPtr& run) {
    tellGrowth();
    m_jobs.removeIf([&](const JobInfo& info) { return info.id == run->id; });
    emit runEnded(run);
    emit jobsChanged();
}

void EngineService::decode(RunViewPtr run, int evaluation, int64_t image) {
    if (!run) return;
    VaeChoice vae = m_vaes.value(run->id);
    if (vae.path.empty() && m_model) vae = {m_model->vae, m_model->order.storage};
    m_worker->decode({std::move(run), evaluation, image, std::move(vae.path), vae.storage});
}

}  // namespace moescope
