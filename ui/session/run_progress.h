// SPDX-License-Identifier: GPL-3.0-or-later
// How fast a run goes, told from evaluations that are finished.
#pragma once

#include <QMetaType>
#include <chrono>

#include "ui/session/run_view.h"

namespace moescope {

struct RunProgress {
    RunId id = 0;
    int done = 0, total = 0;  // evaluations over all groups of the batch
    double secondsPerEvaluation = 0;
    double secondsLeft = -1;  // negative until two evaluations are finished
};

/// Counts the time of evaluations only: what is done between them (decoding a preview) is not theirs.
class RunClock {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit RunClock(RunId id, Time begin) : m_resumed(begin) { m_progress.id = id; }

    RunProgress finished(Time now, int done, int total) {
        const double seconds = std::chrono::duration<double>(now - m_resumed).count();
        m_progress.done = done;
        m_progress.total = total;
        // The first evaluation also makes the run's working memory: it counts only as long as it is the only one.
        if (m_count > 0) m_sum += seconds;
        ++m_count;
        m_progress.secondsPerEvaluation = m_count == 1 ? seconds : m_sum / (m_count - 1);
        m_progress.secondsLeft = m_count < 2 ? -1 : m_progress.secondsPerEvaluation * (total - done);
        m_resumed = now;
        return m_progress;
    }
    /// The next evaluation starts now.
    void resume(Time now) { m_resumed = now; }

private:
    RunProgress m_progress;
    Time m_resumed;
    int m_count = 0;
    double m_sum = 0;
};

}  // namespace moescope

Q_DECLARE_METATYPE(moescope::RunProgress)
