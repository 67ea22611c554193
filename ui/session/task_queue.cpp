// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/task_queue.h"

#include <algorithm>
#include <utility>

namespace moescope {

std::deque<Task>::iterator TaskQueue::find(std::deque<Task>& tasks, uint64_t id) const {
    return std::find_if(tasks.begin(), tasks.end(), [&](const Task& task) { return task.id == id; });
}

void TaskQueue::push(Task task, bool front) {
    {
        const std::lock_guard lock(m_mutex);
        if (m_closed) return;
        std::deque<Task>& tasks = of(task.kind);
        if (front)
            tasks.push_front(std::move(task));
        else
            tasks.push_back(std::move(task));
    }
    m_pushed.notify_one();
}

bool TaskQueue::remove(uint64_t id) {
    Task removed;  // destroyed outside of the lock
    const std::lock_guard lock(m_mutex);
    for (std::deque<Task>& tasks : m_waiting)
        if (const auto found = find(tasks, id); found != tasks.end()) {
            removed = std::move(*found);
            tasks.erase(found);
            return true;
        }
    return false;
}

bool TaskQueue::move(uint64_t id, int place) {
    const std::lock_guard lock(m_mutex);
    for (std::deque<Task>& tasks : m_waiting)
        if (const auto found = find(tasks, id); found != tasks.end()) {
            Task task = std::move(*found);
            tasks.erase(found);
            tasks.insert(tasks.begin() + std::clamp<std::ptrdiff_t>(place, 0, static_cast<std::ptrdiff_t>(tasks.size())), std::move(task));
            return true;
        }
    return false;
}

void TaskQueue::clear(TaskKind kind) {
    std::deque<Task> removed;
    const std::lock_guard lock(m_mutex);
    removed.swap(of(kind));
}

std::vector<uint64_t> TaskQueue::waiting(TaskKind kind) const {
    const std::lock_guard lock(m_mutex);
    std::vector<uint64_t> ids;
    for (const Task& task : m_waiting[static_cast<size_t>(kind)]) ids.push_back(task.id);
    return ids;
}

bool TaskQueue::stop(uint64_t id) {
    const std::lock_guard lock(m_mutex);
    return m_current && m_current->id == id && (m_current->stop.request_stop(), true);
}

bool TaskQueue::stop(TaskKind kind) {
    const std::lock_guard lock(m_mutex);
    return m_current && m_current->kind == kind && (m_current->stop.request_stop(), true);
}

std::optional<Task> TaskQueue::take() {
    std::unique_lock lock(m_mutex);
    m_current.reset();
    for (;;) {
        if (m_closed) return std::nullopt;
        for (std::deque<Task>& tasks : m_waiting) {
            if (tasks.empty()) continue;
            Task task = std::move(tasks.front());
            tasks.pop_front();
            m_current = Current{task.id, task.kind, task.stop};
            return task;
        }
        m_pushed.wait(lock);
    }
}

std::optional<Task> TaskQueue::takeNow(TaskKind kind) {
    const std::lock_guard lock(m_mutex);
    std::deque<Task>& tasks = of(kind);
    if (m_closed || tasks.empty()) return std::nullopt;
    Task task = std::move(tasks.front());
    tasks.pop_front();
    return task;
}

void TaskQueue::close() {
    std::deque<Task> dropped[3];
    {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        for (size_t kind = 0; kind < 3; ++kind) dropped[kind].swap(m_waiting[kind]);
        if (m_current) m_current->stop.request_stop();
    }
    m_pushed.notify_all();
}

std::optional<TaskKind> TaskQueue::current() const {
    const std::lock_guard lock(m_mutex);
    return m_current ? std::optional(m_current->kind) : std::nullopt;
}

}  // namespace moescope
