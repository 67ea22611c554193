// SPDX-License-Identifier: GPL-3.0-or-later
// What waits for the engine's worker, by urgency: decodes of a picture that somebody looks at, then runs, then the rest.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

namespace moescope {

enum class TaskKind : uint8_t { Decode, Run, Background };  // most urgent first; within a kind in order

struct Task {
    uint64_t id = 0;
    TaskKind kind = TaskKind::Background;
    std::function<void(std::stop_token)> work;
    std::stop_source stop;
};

/// Any thread may call any member; one thread takes.
class TaskQueue {
public:
    /// At the end of its kind, or before all of its kind.
    void push(Task task, bool front = false);
    /// Takes a waiting task out. False: it is not waiting (any more).
    bool remove(uint64_t id);
    /// Moves a waiting task to a place within its kind, 0 the next. False: it is not waiting.
    bool move(uint64_t id, int place);
    /// Takes all waiting tasks of a kind out.
    void clear(TaskKind kind);
    std::vector<uint64_t> waiting(TaskKind kind) const;  // in order

    /// Asks the task that was taken last to stop, if it is this one (or of this kind).
    bool stop(uint64_t id);
    bool stop(TaskKind kind);

    /// Waits for a task; nothing once the queue is closed. The one before counts as finished.
    std::optional<Task> take();
    /// A waiting task of this kind, without waiting; the one taken last stays the current one.
    std::optional<Task> takeNow(TaskKind kind);
    /// Of what kind the task taken by `take` is that is not finished yet.
    std::optional<TaskKind> current() const;
    /// Takes all waiting tasks out, asks the current one to stop, and refuses new ones.
    void close();

private:
    std::deque<Task>& of(TaskKind kind) { return m_waiting[static_cast<size_t>(kind)]; }
    std::deque<Task>::iterator find(std::deque<Task>& tasks, uint64_t id) const;

    struct Current {
        uint64_t id;
        TaskKind kind;
        std::stop_source stop;
    };
    mutable std::mutex m_mutex;
    std::condition_variable m_pushed;
    std::deque<Task> m_waiting[3];
    std::optional<Current> m_current;
    bool m_closed = false;
};

}  // namespace moescope
