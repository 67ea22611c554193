// SPDX-License-Identifier: GPL-3.0-or-later
// The thread that owns the device: takes the most urgent task, tells what happens, survives what goes wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <thread>

#include "ui/session/engine_device.h"
#include "ui/session/engine_service.h"
#include "ui/session/run_progress.h"
#include "ui/session/task_queue.h"

namespace moescope {

/// What the worker tells, on its thread; implementations hand it on and return at once.
class EngineFacts {
public:
    virtual ~EngineFacts() = default;
    virtual void deviceReady(const DeviceNow& device) = 0;
    virtual void weightsLoading(const OpenModelPtr& model, double share) = 0;
    virtual void weightsReady(const OpenModelPtr& model) = 0;
    virtual void weightsGone(const OpenModelPtr& model) = 0;
    virtual void weightsFailed(const OpenModelPtr& model, const EngineError& error) = 0;  // or stopped: ErrorCode::Cancelled
    virtual void runStarted(const RunViewPtr& run) = 0;
    virtual void runGrew(const RunViewPtr& run, const RunProgress& progress) = 0;
    virtual void runEnded(const RunViewPtr& run) = 0;
    virtual void decoded(RunId run, int evaluation, int64_t image, const Result<Picture>& picture) = 0;
};

/// One decode of a clean estimate.
struct DecodeOrder {
    RunViewPtr run;
    int evaluation = 0;
    int64_t image = 0;
    std::filesystem::path vae;  // empty: there is none
    MsDType storage = MS_F32;
};

/// Members may be called from any thread. Destruction stops what runs and joins.
class EngineWorker {
public:
    EngineWorker(BackendOptions options, DeviceChoice device, EngineFacts& facts);
    ~EngineWorker();
    EngineWorker(const EngineWorker&) = delete;

    void generate(RunId id, GenerationOrder order, bool front);
    void decode(DecodeOrder order);
    /// Instead of all loads and unloads that were asked for before.
    void load(OpenModelPtr model);
    void unload();
    /// Another device for the tasks that start from now on; `model` is loaded there, null: nothing is.
    void setDevice(DeviceChoice device, OpenModelPtr model);

    TaskQueue& queue() { return m_queue; }

private:
    class Follower;
    void work();
    void runJob(RunId id, const GenerationOrder& order, std::stop_token stop);
    /// `inside`: between the evaluations of a run, whose stop is listened to.
    void decodeNow(const DecodeOrder& order, std::stop_token stop, bool inside);
    void serveDecodes(std::stop_token stop);
    const Denoiser& denoiserOf(const OpenModelPtr& model, std::stop_token stop);
    void loadNow(const OpenModelPtr& model, std::stop_token stop);
    void unloadNow();
    void followChoice();
    void tellDevice();
    /// After the device was lost: a new context, and the model into it.
    void rebuild();
    void background(std::function<void(std::stop_token)> work);

    EngineFacts& m_facts;
    std::atomic<DeviceChoice> m_wanted;
    EngineDevice m_device;
    int m_told = 0;  // which opening of the device was told
    TaskQueue m_queue;
    std::thread m_thread;  // last: everything else is there when it starts
};

}  // namespace moescope
