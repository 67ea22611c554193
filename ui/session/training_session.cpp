// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/training_session.h"

#include <algorithm>
#include <mutex>

#include "engine/train/run_files.h"
#include "ui/session/paths.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

constexpr int kGrowthEvery = 300;  // milliseconds between two drawings

}  // namespace

/// On the run's thread. Steps can be faster than the window draws: they are collected and told once.
class TrainingSession::Observer final : public train::RunObserver {
public:
    Observer(TrainingSession& session, std::filesystem::path folder)
        : m_session(session), m_sender(session.m_mailbox.sender()), m_folder(std::move(folder)) {}

    void began(const train::RunFacts& facts) override {
        // The run has already dropped the lines of steps that it does again.
        auto before = train::readMetrics(m_folder / "metrics.jsonl");
        std::vector<train::MetricsLine> lines;
        if (before.ok()) lines = std::move(before.value());
        m_sender->post([&session = m_session, facts, lines = std::move(lines)] { session.began(facts, lines); });
    }
    void stepped(const train::RunProgress& progress) override {
        const train::StepFacts& facts = progress.facts;
        m_window.add(facts.routing);
        train::MetricsLine line;
        line.step = facts.step;
        line.loss = facts.loss;
        line.gradientNorm = facts.gradientNorm;
        line.rate = facts.rate;
        line.auxiliary = facts.routerLosses.auxiliary;
        line.z = facts.routerLosses.z;
        if (facts.step % train::kLoadEvery == 0) line.routing = shares(std::exchange(m_window, {}));
        add(std::move(line), &progress);
    }
    void heldOut(int64_t step, const train::HeldOutFacts& facts) override {
        train::MetricsLine line;
        line.step = step;
        line.heldOutLoss = facts.loss;
        line.heldOutImbalance = facts.routing.worstImbalance();
        add(std::move(line), nullptr);
    }
    void sampled(int64_t step, const std::vector<Picture>&, const std::vector<std::string>&) override {
        m_sender->post([&session = m_session, step] { emit session.sampled(step); });
    }
    void saved(int64_t step, const std::filesystem::path&) override {
        m_sender->post([&session = m_session, step] { emit session.saved(step); });
    }
    void noted(const std::string& sentence) override {
        m_sender->post([&session = m_session, sentence] { emit session.noted(sentenceOf(sentence)); });
    }

    /// What came since the last call; window's thread.
    std::vector<train::MetricsLine> take(train::RunProgress& progress) {
        const std::lock_guard lock(m_mutex);
        m_told = false;
        if (m_progress.facts.step > 0) progress = m_progress;
        return std::exchange(m_fresh, {});
    }

private:
    /// As metrics.jsonl keeps them: steps with more pairs weigh no more than others.
    static train::RoutingStatistics shares(const train::RoutingStatistics& routing) {
        train::RoutingStatistics kept;
        for (train::LayerLoad layer : routing.layers()) {
            const auto toShares = [](std::vector<double>& pairs) {
                const std::vector<float> parts = train::loadShares(pairs);
                std::copy(parts.begin(), parts.end(), pairs.begin());
            };
            toShares(layer.pairs);
            for (auto& third : layer.pairsByTime) toShares(third);
            kept.add(std::move(layer));
        }
        return kept;
    }
    void add(train::MetricsLine line, const train::RunProgress* progress) {
        bool tell = false;
        {
            const std::lock_guard lock(m_mutex);
            m_fresh.push_back(std::move(line));
            if (progress) m_progress = *progress;
            tell = !std::exchange(m_told, true);
        }
        if (tell) m_sender->post([&session = m_session] { session.collect(); });
    }

    TrainingSession& m_session;
    std::shared_ptr<Mailbox::Sender> m_sender;
    std::filesystem::path m_folder;
    train::RoutingStatistics m_window;
    std::mutex m_mutex;
    std::vector<train::MetricsLine> m_fresh;
    train::RunProgress m_progress;
    bool m_told = false;
};

TrainingSession::TrainingSession(QObject* parent) : QObject(parent) {
    m_growth.setSingleShot(true);
    m_growth.setInterval(kGrowthEvery);
    connect(&m_growth, &QTimer::timeout, this, &TrainingSession::grew);
}

TrainingSession::~TrainingSession() {
    if (m_control) m_control->stop();
    join();
}

void TrainingSession::join() {
    if (m_thread.joinable()) m_thread.join();
}

bool TrainingSession::start(TrainingOrder order) {
    if (going()) return false;
    join();
    m_folder = order.options.folder;
    m_lines = {};
    m_lines.steps = order.recipe.training.steps;
    m_record = nullptr;
    m_facts.reset();
    m_progress = {};
    m_snapshots = 0;
    m_control = std::make_unique<train::RunControl>();
    m_observer = std::make_unique<Observer>(*this, m_folder);
    setState(TrainingState::Preparing);
    emit grew();
    m_thread = std::thread([order = std::move(order), observer = m_observer.get(), control = m_control.get(),
                            sender = m_mailbox.sender(), this] {
        const auto outcome = train::runTraining(order.recipe, order.options, observer, *control);
        sender->post([this, outcome] { finish(outcome); });
    });
    return true;
}

void TrainingSession::began(const train::RunFacts& facts, std::vector<train::MetricsLine> before) {
    m_facts = facts;
    m_lines.lines = std::move(before);
    m_lines.steps = facts.steps;
    m_record = nullptr;
    if (m_state == TrainingState::Preparing)
        setState(m_control->paused() ? TrainingState::Paused : TrainingState::Running);
    emit grew();
}

void TrainingSession::collect() {
    std::vector<train::MetricsLine> fresh = m_observer->take(m_progress);
    m_lines.lines.insert(m_lines.lines.end(), std::make_move_iterator(fresh.begin()),
                         std::make_move_iterator(fresh.end()));
    m_record = nullptr;
    if (!m_growth.isActive()) m_growth.start();
}

std::shared_ptr<const TrainingRecord> TrainingSession::record() {
    if (!m_record) m_record = std::make_shared<const TrainingRecord>(m_lines);
    return m_record;
}

void TrainingSession::setState(TrainingState state) {
    if (m_state == state) return;
    m_state = state;
    emit stateChanged(state);
}

void TrainingSession::pause() {
    if (m_state != TrainingState::Running) return;
    m_control->pause();
    setState(TrainingState::Paused);
}

void TrainingSession::resume() {
    if (m_state != TrainingState::Paused) return;
    m_control->resume();
    setState(TrainingState::Running);
}

void TrainingSession::stop() {
    if (!going() || m_state == TrainingState::Ending) return;
    m_control->stop();
    setState(TrainingState::Ending);
}

void TrainingSession::saveNow() {
    if (m_state != TrainingState::Paused) {
        if (going()) m_control->saveSoon();
        return;
    }
    // A run that waits takes no step after which it would save.
    m_control->between([this, sender = m_mailbox.sender(), folder = m_folder](const train::Trainer& trainer) {
        const int64_t step = trainer.steps();
        const Status written = trainer.save(train::RunFiles(folder).statePath(step));
        sender->post([this, written, step] {
            if (written.ok())
                emit saved(step);
            else
                emit snapshotFailed(written.error());
        });
    });
}

void TrainingSession::snapshot() {
    if (!m_facts || !going()) return;
    ++m_snapshots;
    m_control->between([this, sender = m_mailbox.sender(), folder = m_folder,
                        names = m_facts->classNames](const train::Trainer& trainer) {
        const int64_t step = trainer.steps();
        const auto written = train::RunFiles(folder).writeWeights(trainer, step, names);
        sender->post([this, written, step] {
            --m_snapshots;
            if (written.ok())
                emit snapshotReady(textOf(*written), step);
            else
                emit snapshotFailed(written.error());
        });
    });
}

void TrainingSession::finish(const Result<train::RunSummary>& outcome) {
    join();
    collect();
    m_growth.stop();
    m_observer.reset();
    m_control.reset();
    const int waiting = std::exchange(m_snapshots, 0);
    setState(TrainingState::Idle);
    emit grew();
    if (!outcome.ok()) {
        emit failed(outcome.error());
        return;
    }
    // Asked for when the run was already ending: the weights that it left are the same.
    if (waiting > 0 && !outcome->checkpoint.empty()) emit snapshotReady(textOf(outcome->checkpoint), outcome->step);
    emit ended(*outcome);
}

}  // namespace moescope
