// SPDX-License-Identifier: Apache-2.0
// Hands the evaluations of a run to the device: replays what was recorded, and looks at one evaluation while the next
// one runs.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/backend/device_graph.h"
#include "engine/sampling/sampler.h"

namespace moescope {

/// In `run`, for each evaluation: `prepare`, uploads of what changes, `queue`, `queued`. On a device that records graphs each
/// kind of evaluation runs once as it is, is recorded the second time and replayed from then on. At most one evaluation
/// is queued behind the one that runs. Members throw EngineException; one thread.
class EvaluationQueue {
public:
    /// `recordable`: as the denoiser says.
    EvaluationQueue(Backend& backend, bool recordable) : m_backend(backend), m_replays(recordable && backend.recordsGraphs()) {}

    /// Whether recordings are made: then everything that `queue`d work reads and writes has to stay in place from run
    /// to run.
    bool replays() const { return m_replays; }

    /// A run over the state z: `integrate` makes its evaluations on z or, where recordings are made, on `state`, which stays in place.
    /// Returns when everything has arrived; also after a failure nothing that was queued writes to the host any more.
    void run(DeviceTensor& z, DeviceTensor& state, SamplerObserver* observer, std::stop_token stop,
             const std::function<void(DeviceTensor&)>& integrate);
    /// Waits until another evaluation may be queued. Throws when a stop was requested.
    void prepare();
    /// Runs `work` or replays it. Its operations depend on `kind`, `samples` and what follows the pass, and on nothing
    /// else.
    void queue(int kind, const EvaluationInfo& info, int64_t samples,
               const std::function<void(DenoiserObserver*)>& work);
    /// Tells the observer of this evaluation, and that the one before it has arrived.
    void queued(const EvaluationView& view);

private:
    struct Recording {
        int kind = 0;
        int64_t samples = 0;
        const DenoiserObserver* follower = nullptr;
        int form = 0;
        bool tried = false;
        DeviceGraph graph;  // empty although tried: the device can not record it
    };
    void settle();

    Backend& m_backend;
    const bool m_replays;
    SamplerObserver* m_observer = nullptr;
    std::stop_token m_stop;
    std::vector<Recording> m_recordings;
    std::optional<uint64_t> m_pending;  // mark of the evaluation that was queued last and has not arrived
    std::chrono::steady_clock::time_point m_settled;
    bool m_ahead = false;  // evaluations are short enough to queue one before the one before it has arrived
};

}  // namespace moescope
