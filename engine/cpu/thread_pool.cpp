// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/thread_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace moescope {
namespace {

// Layers follow each other within microseconds: a worker looks for the next one a little while before it sleeps.
constexpr int kSpinRounds = 4000;

void relax() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int worker = 1; worker < threads; ++worker) m_workers.emplace_back([this, worker] { workerLoop(worker); });
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard lock(m_mutex);
        m_stop = true;
        m_generation.fetch_add(1);
    }
    m_wake.notify_all();
    for (std::thread& worker : m_workers) worker.join();
}

void ThreadPool::drain(int worker) {
    for (;;) {
        const int64_t task = m_next.fetch_add(1, std::memory_order_relaxed);
        if (task >= m_tasks) return;
        m_call(m_context, task, worker);
    }
}

void ThreadPool::run(int64_t tasks, Call call, void* context) {
    {
        std::lock_guard lock(m_mutex);
        m_call = call;
        m_context = context;
        m_tasks = tasks;
        m_next.store(0, std::memory_order_relaxed);
        m_running.store(static_cast<int>(m_workers.size()), std::memory_order_relaxed);
        m_generation.fetch_add(1, std::memory_order_release);
    }
    m_wake.notify_all();
    drain(0);
    // The others hold at most one task each; sleeping here would cost more than it saves.
    for (int round = 0; m_running.load(std::memory_order_acquire) != 0; ++round) {
        if (round < kSpinRounds)
            relax();
        else
            std::this_thread::yield();
    }
}

void ThreadPool::workerLoop(int worker) {
    uint64_t seen = 0;
    for (;;) {
        for (int round = 0; round < kSpinRounds && m_generation.load(std::memory_order_acquire) == seen; ++round) relax();
        if (m_generation.load(std::memory_order_acquire) == seen) {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [&] { return m_generation.load() != seen; });
        }
        seen = m_generation.load(std::memory_order_acquire);
        if (m_stop) return;
        drain(worker);
        m_running.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace moescope
