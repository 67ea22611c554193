// SPDX-License-Identifier: Apache-2.0
// A whole training run in a folder of its own: loading data, stepping, saving, resuming, samples, and the record of its numbers.
//
//   recipe.yaml           what is trained
//   metrics.jsonl         a line of numbers per step (run_record.h of this folder)
//   state-00001200.safetensors   the newest states, from which a run goes on
//   checkpoints/          weights in a published layout: the end, and milestones
//   samples/00000500.png  a grid of pictures from fixed noise and conditions
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/io/png_file.h"
#include "engine/train/trainer.h"

namespace moescope::train {

struct RunOptions {
    std::filesystem::path folder;
    std::filesystem::path recipeFolder;  // where relative paths of the recipe begin
    int threads = 0;                     // 0: one per core
    bool resume = false;                 // go on from the newest state in the folder; without one a run begins
    int64_t stopAfter = 0;               // steps of this sitting; 0: to the recipe's end
};

/// What a run is, told once before its first step.
struct RunFacts {
    std::string model;         // "JiTMoE, 3.8 million parameters, 2.6 million active"
    int64_t totalParameters = 0, activeParameters = 0;
    int64_t pictures = 0, heldOut = 0, classes = 0;
    std::vector<std::string> classNames;
    MemoryStatement memory;
    int64_t firstStep = 1, steps = 0;  // firstStep above 1: resumed
    std::vector<MoeLayerDescriptor> layers;
};

struct RunProgress {
    StepFacts facts;
    double picturesPerSecond = 0;  // over the last steps
    double secondsLeft = 0;        // estimated from finished steps
};

/// On the calling thread, in this order. Keep them short: the run waits.
class RunObserver {
public:
    virtual ~RunObserver() = default;
    virtual void began(const RunFacts&) {}
    virtual void stepped(const RunProgress&) {}
    /// The average's pictures for the fixed conditions `titles`.
    virtual void sampled(int64_t /*step*/, const std::vector<Picture>&, const std::vector<std::string>& /*titles*/) {}
    virtual void heldOut(int64_t /*step*/, const HeldOutFacts&) {}
    virtual void saved(int64_t /*step*/, const std::filesystem::path&) {}
    /// Worth telling a person: a picture that was left out, a state that could not be read.
    virtual void noted(const std::string& /*sentence*/) {}
};

/// Asked between steps; any thread.
class RunControl {
public:
    void pause();
    void resume();
    /// Ends the run after the step in progress; its state is saved.
    void stop();
    void saveSoon() { m_save = true; }
    /// Calls `work` with the trainer between two steps, on the run's thread.
    void between(std::function<void(const Trainer&)> work);

    bool paused() const { return m_paused; }
    bool stopping() const { return m_stop; }

private:
    friend class TrainingRun;
    bool takeSave() { return m_save.exchange(false); }
    /// Waits while paused; then runs what was asked for.
    void settle(const Trainer& trainer);

    std::atomic<bool> m_paused{false}, m_stop{false}, m_save{false};
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<std::function<void(const Trainer&)>> m_work;
};

struct RunSummary {
    int64_t step = 0;
    bool finished = false;   // all steps of the recipe are done
    double seconds = 0;      // of this sitting, pauses left out
    double loss = 0;         // mean of the last steps
    HeldOutFacts heldOut;    // at the end; of the average
    std::filesystem::path checkpoint;  // published layout, when finished or stopped
};

/// Runs until the recipe's end, `stopAfter` or RunControl::stop. Errors: sentences; what was saved stays.
Result<RunSummary> runTraining(const Recipe& recipe, const RunOptions& options, RunObserver* observer, RunControl& control);

/// The same on a source that is open already, as tests have it; `heldOut` may be null.
Result<RunSummary> runTraining(const Recipe& recipe, std::shared_ptr<BatchSource> source, std::shared_ptr<BatchSource> heldOut,
                               const RunOptions& options, RunObserver* observer, RunControl& control);

/// States in a run folder, newest first.
std::vector<std::pair<int64_t, std::filesystem::path>> savedStates(const std::filesystem::path& folder);

}  // namespace moescope::train
