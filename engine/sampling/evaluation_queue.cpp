// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/evaluation_queue.h"

#include <algorithm>
#include <utility>

namespace moescope {
namespace {

// Evaluations shorter than this are queued one ahead, so that the device never waits for us; behind longer ones the
// next is queued when the one before is done, so that a request to stop waits for one evaluation at most.
constexpr std::chrono::milliseconds kShortEvaluation{20};
constexpr size_t kMostRecordings = 32;

}  // namespace

void EvaluationQueue::run(DeviceTensor& z, DeviceTensor& state, SamplerObserver* observer, std::stop_token stop,
                          const std::function<void(DeviceTensor&)>& integrate) {
    const auto copy = [&](const DeviceTensor& from, const DeviceTensor& to) {
        m_backend.check(m_backend.table().copy(m_backend.context(), from.get(), to.get()));
    };
    m_observer = observer;
    m_stop = std::move(stop);
    m_pending.reset();
    m_ahead = false;
    m_settled = std::chrono::steady_clock::now();
    try {
        if (m_replays) copy(z, state);
        integrate(m_replays ? state : z);
        settle();
        if (m_replays) copy(state, z);
        m_backend.synchronize();
    } catch (...) {
        static_cast<void>(m_backend.table().synchronize(m_backend.context()));
        throw;
    }
}

void EvaluationQueue::prepare() {
    if (m_pending && !m_ahead) m_backend.wait(*m_pending);
    if (m_stop.stop_requested()) throw EngineException(ErrorCode::Cancelled, "cancelled");
}

void EvaluationQueue::queue(int kind, const EvaluationInfo& info, int64_t samples,
                            const std::function<void(DenoiserObserver*)>& work) {
    DenoiserObserver* follower = m_observer ? m_observer->beforeEvaluation(info, samples) : nullptr;
    const int form = m_observer ? m_observer->form(info) : 0;
    if (!m_replays || form < 0) return work(follower);
    const auto known = std::find_if(m_recordings.begin(), m_recordings.end(), [&](const Recording& r) {
        return r.kind == kind && r.samples == samples && r.follower == follower && r.form == form;
    });
    if (known ==
        m_recordings.end()) {  // the first one makes the device's working memory grow, which a recording must not
        if (m_recordings.size() < kMostRecordings) m_recordings.push_back({kind, samples, follower, form, false, {}});
        return work(follower);
    }
    if (!known->tried) {
        known->tried = true;
        auto recorded = guarded([&] { return DeviceGraph::record(m_backend, [&] { work(follower); }); });
        if (recorded.ok())
            known->graph = std::move(recorded).orThrow();
        else if (recorded.error().code != ErrorCode::Unsupported && recorded.error().code != ErrorCode::Internal)
            throw EngineException(recorded.error());
    }
    if (known->graph.empty()) return work(follower);
    known->graph.launch();
}

void EvaluationQueue::queued(const EvaluationView& view) {
    if (m_observer) m_observer->evaluated(view);
    const uint64_t point = m_backend.mark();
    settle();  // the one before, while this one runs
    m_pending = point;
    if (!m_backend.hasMarks()) settle();
}

void EvaluationQueue::settle() {
    if (!m_pending) return;
    m_backend.wait(*m_pending);
    m_pending.reset();
    const auto now = std::chrono::steady_clock::now();
    m_ahead = now - m_settled < kShortEvaluation;
    m_settled = now;
    if (m_observer) m_observer->arrived();
}

}  // namespace moescope
