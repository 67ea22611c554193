// SPDX-License-Identifier: GPL-3.0-or-later
// Work for the pool of which only the newest result matters: views that follow the pointer ask faster than they can be answered.
#pragma once

#include <QFutureWatcher>
#include <QObject>
#include <QtConcurrent>
#include <functional>
#include <optional>
#include <utility>

namespace moescope {

/// Lives on the window's thread, where `deliver` is called. One piece of work runs at a time; of those that are asked for
/// meanwhile only the last is kept. Nothing is delivered after destruction, which waits for the piece that runs.
template <class T>
class LatestTask {
public:
    explicit LatestTask(std::function<void(T)> deliver) : m_deliver(std::move(deliver)) {
        QObject::connect(&m_watcher, &QFutureWatcher<T>::finished, &m_watcher, [this] { finished(); });
    }
    ~LatestTask() {
        m_watcher.disconnect();
        if (m_running) m_watcher.waitForFinished();  // a future whose result was taken never counts as finished again
    }
    LatestTask(const LatestTask&) = delete;
    LatestTask& operator=(const LatestTask&) = delete;

    /// `work` runs on the global pool: it must own (or share) all that it reads.
    void submit(std::function<T()> work) {
        if (m_running) {
            m_next = std::move(work);
            return;
        }
        m_running = true;
        m_watcher.setFuture(QtConcurrent::run(std::move(work)));
    }
    bool busy() const { return m_running; }

private:
    void finished() {
        m_running = false;
        T result = m_watcher.future().takeResult();
        if (m_next) submit(*std::exchange(m_next, std::nullopt));
        m_deliver(std::move(result));
    }

    std::function<void(T)> m_deliver;
    QFutureWatcher<T> m_watcher;
    std::optional<std::function<T()>> m_next;
    bool m_running = false;
};

}  // namespace moescope
