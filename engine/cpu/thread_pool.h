// SPDX-License-Identifier: Apache-2.0
// The workers of the CPU device: a fixed set of threads that share numbered tasks.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace moescope {

/// Runs tasks 0 .. n-1 on `threads` threads, the calling one included. Which worker runs which task is not fixed, so a
/// task's result must depend on its number alone: then any number of threads gives the same bytes. One caller at a
/// time; a body must not start another loop. A worker that sleeps or has lost its core delays nothing but the task it
/// holds.
class ThreadPool {
public:
    explicit ThreadPool(int threads);  // 0: one per core
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(m_workers.size()) + 1; }

    /// body(task, worker) with 0 <= worker < threads(). Returns when all tasks are done. `body` must not throw.
    template <class Body>
    void parallelFor(int64_t tasks, Body&& body) {
        if (tasks <= 0) return;
        if (tasks == 1 || m_workers.empty()) {
            for (int64_t task = 0; task < tasks; ++task) body(task, 0);
            return;
        }
        using Plain = std::remove_reference_t<Body>;
        run(
            tasks, [](void* context, int64_t task, int worker) { (*static_cast<Plain*>(context))(task, worker); },
            const_cast<void*>(static_cast<const void*>(&body)));
    }

private:
    using Call = void (*)(void*, int64_t, int);
    void run(int64_t tasks, Call call, void* context);
    void runSlice(int64_t first, uint32_t tasks);
    void workerLoop(int worker);
    void drain(int worker, uint64_t ticket);

    std::vector<std::thread> m_workers;

    // The loop in progress. Written only while the ticket is closed, read before a claim that fails if the ticket moved
    // on.
    std::atomic<Call> m_call{nullptr};
    std::atomic<void*> m_context{nullptr};
    std::atomic<int64_t> m_first{0};
    std::atomic<uint32_t> m_tasks{0};
    // Number of the loop in the high half, its next unclaimed task in the low half.
    alignas(64) std::atomic<uint64_t> m_ticket{0};
    alignas(64) std::atomic<uint32_t> m_done{0};  // finished tasks of the loop in progress

    alignas(64) std::mutex m_mutex;
    std::condition_variable m_wake;
    std::atomic<int> m_sleepers{0};
    std::atomic<bool> m_stop{false};
};

}  // namespace moescope
