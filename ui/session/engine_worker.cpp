// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/engine_worker.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include <QCoreApplication>

#include "engine/core/system_memory.h"
#include "ui/session/clean_estimate.h"
#include "ui/session/run_assembler.h"

namespace moescope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kNoId = 0;  // of tasks that nobody cancels one by one

}  // namespace

/// Turns what generate() tells into views, and lets decodes in between evaluations.
class EngineWorker::Follower : public GenerationObserver {
public:
    Follower(EngineWorker& worker, RunAssembler& run, RunId id, std::stop_token stop)
        : m_worker(worker), m_run(run), m_clock(id, Clock::now()), m_stop(std::move(stop)) {}

    void routingCaptured(const std::shared_ptr<const RoutingRecord>& record, int64_t firstImage) override {
        m_run.routingCaptured(record, firstImage);
    }
    void evaluationCompleted(int done, int total, const EvaluationRecord& evaluation, int64_t firstImage) override {
        m_progress = m_clock.finished(Clock::now(), done, total);
        m_run.evaluationCompleted(evaluation, firstImage);
        m_worker.m_facts.runGrew(m_run.view(), m_progress);
        // The evaluation's own tensors are all read, and operations leave nothing in the device's scratch memory.
        m_worker.serveDecodes(m_stop);
        m_clock.resume(Clock::now());
    }
    void pictureFinished(int64_t image, const Picture& picture) override {
        m_run.pictureFinished(image, picture);
        m_worker.m_facts.runGrew(m_run.view(), m_progress);
        m_clock.resume(Clock::now());
    }

private:
    EngineWorker& m_worker;
    RunAssembler& m_run;
    RunClock m_clock;
    RunProgress m_progress;
    std::stop_token m_stop;
};

EngineWorker::EngineWorker(BackendOptions options, DeviceChoice device, EngineFacts& facts)
    : m_facts(facts), m_wanted(device), m_device(std::move(options), device), m_thread([this] { work(); }) {}

EngineWorker::~EngineWorker() {
    m_queue.close();
    m_thread.join();
}

void EngineWorker::generate(RunId id, GenerationOrder order, bool front) {
    m_queue.push({id, TaskKind::Run, [this, id, order = std::move(order)](std::stop_token stop) { runJob(id, order, std::move(stop)); }, {}}, front);
}

void EngineWorker::decode(DecodeOrder order) {
    // Inside of a run the run's stop is what counts: `work` is called with that one there.
    m_queue.push({kNoId, TaskKind::Decode, [this, order = std::move(order)](std::stop_token stop) {
                      decodeNow(order, stop, m_queue.current() == TaskKind::Run);
                  }, {}});
}

void EngineWorker::background(std::function<void(std::stop_token)> work) {
    m_queue.clear(TaskKind::Background);
    m_queue.stop(TaskKind::Background);
    m_queue.push({kNoId, TaskKind::Background, std::move(work), {}});
}

void EngineWorker::load(OpenModelPtr model) {
    background([this, model = std::move(model)](std::stop_token stop) { loadNow(model, std::move(stop)); });
}

void EngineWorker::unload() {
    background([this](std::stop_token) { unloadNow(); });
}

void EngineWorker::setDevice(DeviceChoice device, OpenModelPtr model) {
    m_wanted = device;
    if (model) return load(std::move(model));
    background([this](std::stop_token) {
        followChoice();
        tellDevice();
    });
}

void EngineWorker::followChoice() {
    if (m_device.choice() == m_wanted) return;
    const OpenModelPtr before = m_device.held();
    m_device.choose(m_wanted);
    if (before) m_facts.weightsGone(before);
}

void EngineWorker::tellDevice() {
    static_cast<void>(guarded([&] {
        const Backend& backend = m_device.backend();
        if (m_told != m_device.openings())
            m_facts.deviceReady({backend.deviceMemory().has_value(), backend.description(), m_device.note()});
        m_told = m_device.openings();
        return true;
    }));
}

void EngineWorker::rebuild() {
    const OpenModelPtr model = m_device.held();
    m_device.unload();
    if (model) m_facts.weightsGone(model);
    if (model && m_queue.waiting(TaskKind::Background).empty()) load(model);
}

void EngineWorker::work() {
    tellDevice();
    while (std::optional<Task> task = m_queue.take()) task->work(task->stop.get_token());
}

const Denoiser& EngineWorker::denoiserOf(const OpenModelPtr& model, std::stop_token stop) {
    followChoice();
    if (!m_device.holds(model)) {
        const OpenModelPtr before = m_device.held();
        m_facts.weightsLoading(model, 0);
        if (before) m_facts.weightsGone(before);
    }
    double told = 0;
    const auto progress = [&](int64_t done, int64_t total) {
        const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
        if (share < told + 0.01 && done < total) return;
        told = share;
        m_facts.weightsLoading(model, share);
    };
    const auto loaded = guarded([&] { return &m_device.denoiser(model, std::move(stop), progress); });
    tellDevice();
    if (!loaded.ok()) {
        if (loaded.error().code == ErrorCode::DeviceLost) m_device.unload();  // so that the next try makes a new context
        m_facts.weightsFailed(model, loaded.error());
        throw EngineException(loaded.error());
    }
    m_facts.weightsReady(model);
    return **loaded;
}

void EngineWorker::loadNow(const OpenModelPtr& model, std::stop_token stop) {
    // weightsFailed has told already; only the VAE's troubles are not a reason to do without the model.
    static_cast<void>(guarded([&] {
        denoiserOf(model, stop);
        if (model->description().space == PictureSpace::Pixels) return true;
        const Backend::CancelScope cancel(m_device.backend(), stop);
        m_device.vae(model->vae, model->order.storage);
        return true;
    }));
}

void EngineWorker::unloadNow() {
    const OpenModelPtr before = m_device.held();
    m_device.unload();
    if (before) m_facts.weightsGone(before);
}

void EngineWorker::runJob(RunId id, const GenerationOrder& order, std::stop_token stop) {
    bool lost = false;
    const Result<RunViewPtr> ended = guarded([&]() -> RunViewPtr {
        const ModelDescription& model = order.model->description();
        // The record and the views each hold the latents while a run goes on: where that is too much, the views do without.
        const int64_t weights = m_device.holds(order.model) ? 0 : order.model->bytesNeeded;
        const bool room = weights + 2 * runMemoryNeeded(model, order.request) < availableMemory();
        RunAssembler run(id, model, order.request, room);
        m_facts.runStarted(run.view());
        Result<GenerationResult> result = guarded([&] {
            checkRequest(model, order.request).orThrow();
            const Denoiser& denoiser = denoiserOf(order.model, stop);
            std::shared_ptr<AutoencoderKl> vae;
            if (model.space != PictureSpace::Pixels) {
                const Backend::CancelScope cancel(m_device.backend(), stop);
                vae = m_device.vae(order.model->vae, order.model->order.storage);
            }
            Follower follower(*this, run, id, stop);
            return moescope::generate(denoiser, vae.get(), order.request, &follower, stop).orThrow();
        });
        lost = (result.ok() ? result->stopped.value_or(EngineError{}) : result.error()).code == ErrorCode::DeviceLost;
        return result.ok() ? run.ended(result->record, result->stopped) : run.ended(nullptr, result.error());
    });
    if (ended.ok()) {
        m_facts.runEnded(*ended);
    } else {
        RunView broken;  // not even the account of the run could be made
        broken.id = id;
        broken.state = RunState::Failed;
        broken.error = ended.error();
        m_facts.runEnded(std::make_shared<const RunView>(std::move(broken)));
    }
    if (lost) rebuild();
}

void EngineWorker::decodeNow(const DecodeOrder& order, std::stop_token stop, bool inside) {
    const Result<Picture> picture = guarded([&] {
        const HostTensor clean = cleanEstimate(*order.run, order.evaluation, order.image).orThrow();
        const PictureSpace space = pictureSpace(*order.run);
        if (space == PictureSpace::Pixels) return finishedPicture(space, nullptr, clean);
        if (order.vae.empty())
            throw EngineException(ErrorCode::NotFound,
                                  QCoreApplication::translate("moescope::EngineWorker",
                                                              "Decoding this picture needs a VAE and none was found: put a folder named 'vae' "
                                                              "(stabilityai/sd-vae-ft-mse) beside the model, or choose one when you open it.")
                                      .toStdString());
        std::optional<Backend::CancelScope> cancel;
        if (!inside) cancel.emplace(m_device.backend(), stop);  // inside of a run its own scope is in force, and must stay
        return finishedPicture(space, m_device.vae(order.vae, order.storage).get(), clean);
    });
    if (inside && !picture.ok() && picture.error().code == ErrorCode::Cancelled) {
        m_queue.push({kNoId, TaskKind::Decode, [this, order](std::stop_token own) { decodeNow(order, own, false); }, {}}, true);
        return;
    }
    m_facts.decoded(order.run->id, order.evaluation, order.image, picture);
    if (!inside && !picture.ok() && picture.error().code == ErrorCode::DeviceLost) rebuild();
}

void EngineWorker::serveDecodes(std::stop_token stop) {
    while (!stop.stop_requested()) {
        std::optional<Task> task = m_queue.takeNow(TaskKind::Decode);
        if (!task) return;
        task->work(stop);
    }
}

}  // namespace moescope
