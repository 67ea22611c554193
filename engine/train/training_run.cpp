// SPDX-License-Identifier: Apache-2.0
#include "engine/train/training_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <optional>

#include "engine/core/system_memory.h"
#include "engine/io/atomic_file.h"
#include "engine/model/compose_model.h"
#include "engine/train/metrics_file.h"
#include "engine/train/picture_source.h"
#include "engine/train/run_files.h"
#include "engine/train/run_start.h"

namespace moescope::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRecentSteps = 50;  // that rate and loss are averaged over
constexpr int64_t kHeldOutBatches = 8;  // on the way, and when a run is stopped: nobody waits for more
// Of a finished run: every picture once, within these, so that chance adds little to the load of an expert.
constexpr int64_t kFewestHeldOutBatches = 64, kMostHeldOutBatches = 256;

double secondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

void RunControl::pause() { m_paused = true; }

void RunControl::resume() {
    {
        const std::lock_guard lock(m_mutex);
        m_paused = false;
    }
    m_changed.notify_all();
}

void RunControl::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_changed.notify_all();
}

void RunControl::between(std::function<void(const Trainer&)> work) {
    {
        const std::lock_guard lock(m_mutex);
        m_work.push_back(std::move(work));
    }
    m_changed.notify_all();
}

void RunControl::settle(const Trainer& trainer) {
    std::unique_lock lock(m_mutex);
    while (true) {
        while (!m_work.empty()) {
            const auto work = std::move(m_work.front());
            m_work.erase(m_work.begin());
            lock.unlock();
            work(trainer);
            lock.lock();
        }
        if (!m_paused || m_stop) return;
        m_changed.wait(lock, [&] { return !m_paused || m_stop || !m_work.empty(); });
    }
}

/// One sitting of a run.
class TrainingRun {
public:
    TrainingRun(const Recipe& recipe, std::shared_ptr<BatchSource> source, std::shared_ptr<BatchSource> heldOut, const RunOptions& options,
                RunObserver* observer, RunControl& control)
        : m_recipe(recipe), m_source(std::move(source)), m_heldOut(std::move(heldOut)), m_options(options),
          m_observer(observer ? observer : &m_nobody), m_control(control), m_files(options.folder) {}

    RunSummary run() {
        const ModelDescription description = describeRun(m_recipe, m_options.recipeFolder, *m_source).orThrow();
        m_trainer = std::make_unique<Trainer>(makeCpuTrainingDevice(m_options.threads), m_recipe, description);
        const MemoryStatement memory = statement();
        refuseWithoutMemory(memory);
        m_files.create(m_recipe, m_options.resume).orThrow();
        const RunStart start = startValues(m_recipe, m_options.recipeFolder, m_trainer->description(), m_trainer->layout()).orThrow();
        m_trainer->begin(start.values);
        m_trainer->restrict(m_recipe.parts, start.freshExperts);
        for (const std::string& note : start.notes) m_observer->noted(note);
        if (const std::string remark = longCaptionRemark(m_trainer->description(), *m_source); !remark.empty()) m_observer->noted(remark);
        if (m_options.resume) goOn();
        m_metrics = MetricsFile::open(m_options.folder / "metrics.jsonl", m_trainer->steps()).orThrow();
        RunFacts facts;
        facts.model = modelWords(m_trainer->description());
        facts.totalParameters = m_trainer->description().totalParameters();
        facts.activeParameters = m_trainer->description().activeParameters();
        facts.pictures = m_source->items();
        facts.heldOut = m_heldOut ? m_heldOut->items() : 0;
        facts.classNames = m_source->classNames();
        facts.classes = static_cast<int64_t>(facts.classNames.size());
        facts.memory = memory;
        facts.firstStep = m_trainer->steps() + 1;
        facts.steps = m_recipe.training.steps;
        facts.layers = m_trainer->description().moeLayers;
        m_observer->began(facts);
        return loop();
    }

private:
    MemoryStatement statement() const {
        MemoryStatement memory = m_trainer->memory();
        memory.data = m_source->bytes() + (m_heldOut ? m_heldOut->bytes() : 0);
        return memory;
    }

    static void refuseWithoutMemory(const MemoryStatement& memory) {
        const int64_t available = availableMemory();
        if (available > 0 && memory.total() > available)
            throw EngineException(ErrorCode::OutOfMemory,
                                  fmt::format("this recipe needs {:.2f} GB of memory ({:.2f} for parameters and their averages and moments, {:.2f} for "
                                              "activations), {:.2f} GB are free; choose a smaller batch with accumulation, or checkpointing: true",
                                              static_cast<double>(memory.total()) / 1e9, static_cast<double>(memory.parameters) / 1e9,
                                              static_cast<double>(memory.activations) / 1e9, static_cast<double>(available) / 1e9));
    }

    void goOn() {
        std::optional<EngineError> failure;
        for (const auto& [step, file] : savedStates(m_options.folder)) {
            const Status loaded = m_trainer->load(file);
            if (loaded.ok()) return;
            m_observer->noted(loaded.error().message);
            failure = loaded.error();
        }
        // Beginning anew would take the place of what is there.
        if (failure) throw EngineException(*failure);
    }

    RunSummary loop() {
        const int64_t first = m_trainer->steps();
        const int64_t last = m_options.stopAfter > 0 ? std::min(m_recipe.training.steps, first + m_options.stopAfter) : m_recipe.training.steps;
        RunSummary summary;
        auto savedAt = Clock::now();
        RoutingStatistics window;
        while (m_trainer->steps() < last && !m_control.stopping()) {
            m_control.settle(*m_trainer);
            if (m_control.stopping()) break;
            const auto begin = Clock::now();
            RunProgress progress{m_trainer->step(*m_source), 0, 0};
            const double seconds = secondsSince(begin);
            summary.seconds += seconds;
            window.add(progress.facts.routing);
            record(progress.facts, seconds, window);
            remember(progress, seconds);
            m_observer->stepped(progress);
            tellRemarks();
            const int64_t step = m_trainer->steps();
            if (m_recipe.samples.every > 0 && step % m_recipe.samples.every == 0) {
                sample(step);
                if (step < last) measureHeldOut(step);
            }
            for (const double share : m_recipe.saving.milestones)
                if (step == std::llround(share * static_cast<double>(m_recipe.training.steps)) && step > 0 && step < m_recipe.training.steps)
                    keepWeights(step);
            if (m_control.takeSave() || secondsSince(savedAt) > m_recipe.saving.minutes * 60) {
                save();
                savedAt = Clock::now();
            }
        }
        summary.step = m_trainer->steps();
        summary.finished = summary.step >= m_recipe.training.steps;
        for (const double loss : m_losses) summary.loss += loss / static_cast<double>(m_losses.size());
        if (summary.step > first || !m_options.resume) save();
        summary.heldOut = measureHeldOut(summary.step, summary.finished ? heldOutBatchesOfAll() : kHeldOutBatches);
        if (summary.step > 0) summary.checkpoint = keepWeights(summary.step);
        return summary;
    }

    int64_t heldOutBatchesOfAll() const {
        return m_heldOut ? std::clamp(m_heldOut->items() / m_heldOut->batchSize(), kFewestHeldOutBatches, kMostHeldOutBatches) : 0;
    }

    /// The average on pictures that are not learned from, as a line of its own in the metrics.
    HeldOutFacts measureHeldOut(int64_t step, int64_t batches = kHeldOutBatches) {
        if (!m_heldOut) return {};
        HeldOutFacts facts = m_trainer->evaluate(*m_heldOut, batches, true);
        m_observer->heldOut(step, facts);
        MetricsLine line;
        line.step = step;
        line.loss = m_losses.empty() ? 0 : m_losses.back();
        line.heldOutLoss = facts.loss;
        line.heldOutImbalance = facts.routing.worstImbalance();
        m_metrics->append(line).orThrow();
        return facts;
    }

    void record(const StepFacts& facts, double seconds, RoutingStatistics& window) {
        MetricsLine line{facts.step, facts.loss, facts.gradientNorm, facts.rate, facts.routerLosses.auxiliary, facts.routerLosses.z, seconds, {}, -1, -1};
        if (facts.step % kLoadEvery == 0) line.routing = std::exchange(window, {});
        m_metrics->append(line).orThrow();
    }

    void remember(RunProgress& progress, double seconds) {
        m_losses.push_back(progress.facts.loss);
        m_seconds.push_back(seconds);
        if (m_losses.size() > kRecentSteps) {
            m_losses.pop_front();
            m_seconds.pop_front();
        }
        double sum = 0;
        for (const double each : m_seconds) sum += each;
        const double perStep = sum / static_cast<double>(m_seconds.size());
        progress.picturesPerSecond = static_cast<double>(m_recipe.training.batch * m_recipe.training.accumulation) / perStep;
        progress.secondsLeft = perStep * static_cast<double>(m_recipe.training.steps - progress.facts.step);
    }

    void tellRemarks() {
        const std::vector<std::string> remarks = m_source->remarks();
        for (; m_told < remarks.size(); ++m_told) m_observer->noted(remarks[m_told]);
    }

    void save() {
        const std::filesystem::path file = m_files.statePath(m_trainer->steps());
        m_trainer->save(file).orThrow();
        m_files.dropOldStates(m_recipe.saving.keep);
        m_observer->saved(m_trainer->steps(), file);
    }

    /// What samples may show: captions where the model reads prompts, else classes.
    std::vector<std::string> sampleNames() const {
        std::vector<std::string> captions;
        if (m_trainer->description().conditioning == Conditioning::Prompt) captions = m_source->captions();
        return captions.empty() ? m_source->classNames() : captions;
    }

    void sample(int64_t step) {
        const SampleSheet sheet = drawSamples(*m_trainer, sampleNames(), m_options.threads).orThrow();
        m_files.writeSamples(step, sheet).orThrow();
        m_observer->sampled(step, sheet.pictures, sheet.titles);
    }

    std::filesystem::path keepWeights(int64_t step) { return m_files.writeWeights(*m_trainer, step, m_source->classNames()).orThrow(); }

    Recipe m_recipe;
    std::shared_ptr<BatchSource> m_source, m_heldOut;
    RunOptions m_options;
    RunObserver m_nobody;
    RunObserver* m_observer;
    RunControl& m_control;
    RunFiles m_files;
    std::unique_ptr<Trainer> m_trainer;
    std::unique_ptr<MetricsFile> m_metrics;
    std::deque<double> m_losses, m_seconds;
    size_t m_told = 0;
};

Result<RunSummary> runTraining(const Recipe& recipe, std::shared_ptr<BatchSource> source, std::shared_ptr<BatchSource> heldOut,
                               const RunOptions& options, RunObserver* observer, RunControl& control) {
    return guarded([&] { return TrainingRun(recipe, std::move(source), std::move(heldOut), options, observer, control).run(); });
}

Result<RunSummary> runTraining(const Recipe& recipe, const RunOptions& options, RunObserver* observer, RunControl& control) {
    return guarded([&] {
        const RunData data = openRunData(recipe, options).orThrow();
        return TrainingRun(recipe, data.learned, data.heldOut, options, observer, control).run();
    });
}

}  // namespace moescope::train
