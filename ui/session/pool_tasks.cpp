// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/pool_tasks.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <QRunnable>
#include <QThreadPool>

namespace moescope {
namespace {

/// Hands its work over through an atomic, which ThreadSanitizer can follow; the pool's own lock is hidden from it.
class HandedOver : public QRunnable {
public:
    explicit HandedOver(std::function<void()> work) { m_work.store(new std::function<void()>(std::move(work)), std::memory_order_release); }
    ~HandedOver() override { delete m_work.load(std::memory_order_acquire); }
    void run() override { (*m_work.load(std::memory_order_acquire))(); }

private:
    std::atomic<std::function<void()>*> m_work;
};

}  // namespace

void runOnPool(std::function<void()> work) {
    QThreadPool::globalInstance()->start(new HandedOver(std::move(work)));
}

struct SerialTasks::State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> waiting;
    bool running = false;
};

SerialTasks::SerialTasks(AtEnd atEnd) : m_atEnd(atEnd), m_state(std::make_shared<State>()) {}

SerialTasks::~SerialTasks() {
    std::deque<std::function<void()>> dropped;
    std::unique_lock lock(m_state->mutex);
    if (m_atEnd == AtEnd::Drop) dropped.swap(m_state->waiting);
    m_state->changed.wait(lock, [&] { return !m_state->running; });
}

void SerialTasks::add(std::function<void()> work, bool front) {
    const std::lock_guard lock(m_state->mutex);
    if (front)
        m_state->waiting.push_front(std::move(work));
    else
        m_state->waiting.push_back(std::move(work));
    if (!std::exchange(m_state->running, true)) runOnPool([state = m_state] { drain(state); });
}

void SerialTasks::drain(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (!state->waiting.empty()) {
        std::function<void()> work = std::move(state->waiting.front());
        state->waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // what it owns goes before the next one starts
        lock.lock();
    }
    state->running = false;
    state->changed.notify_all();
}

bool SerialTasks::idle() const {
    const std::lock_guard lock(m_state->mutex);
    return !m_state->running;
}

}  // namespace moescope
