// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/thread_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace moescope {
namespace {

// Layers follow each other within microseconds: a worker looks for the next one a little while before it sleeps.
constexpr int kSpinRounds = 4000;
// Low half of a ticket whose loop is being prepared: no task can be claimed.
constexpr uint32_t kClosed = 0xffffffffu;

void relax() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

uint32_t loopOf(uint64_t ticket) {
    return static_cast<uint32_t>(ticket >> 32);
}
uint64_t makeTicket(uint32_t loop, uint32_t next) {
    return (uint64_t{loop} << 32) | next;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int worker = 1; worker < threads; ++worker) m_workers.emplace_back([this, worker] { workerLoop(worker); });
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard lock(m_mutex);
        m_stop.store(true);
    }
    m_wake.notify_all();
    for (std::thread& worker : m_workers) worker.join();
}

/// Claims and runs tasks of the loop that `ticket` names until none is left.
void ThreadPool::drain(int worker, uint64_t ticket) {
    uint32_t finished = 0;
    const uint32_t loop = loopOf(ticket);
    for (;;) {
        const Call call = m_call.load(std::memory_order_acquire);
        void* context = m_context.load(std::memory_order_acquire);
        const int64_t first = m_first.load(std::memory_order_acquire);
        const uint32_t tasks = m_tasks.load(std::memory_order_acquire);
        const auto next = static_cast<uint32_t>(ticket);
        if (loopOf(ticket) != loop || next >= tasks) break;
        // Succeeds only if the same loop is still open, so that the fields read above are its own.
        if (!m_ticket.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire))
            continue;
        call(context, first + next, worker);
        ++finished;
        ticket = m_ticket.load(std::memory_order_acquire);
    }
    // A loop ends only when all its tasks are reported, so this still belongs to it.
    if (finished) m_done.fetch_add(finished, std::memory_order_release);
}

void ThreadPool::run(int64_t tasks, Call call, void* context) {
    constexpr int64_t kSlice = int64_t{1} << 31;
    for (int64_t first = 0; first < tasks; first += kSlice) {
        const uint32_t next = loopOf(m_ticket.load(std::memory_order_relaxed)) + 1;
        m_ticket.store(makeTicket(next, kClosed), std::memory_order_relaxed);
        m_call.store(call, std::memory_order_release);
        m_context.store(context, std::memory_order_release);
        runSlice(first, static_cast<uint32_t>(std::min(kSlice, tasks - first)));
    }
}

void ThreadPool::runSlice(int64_t first, uint32_t tasks) {
    m_first.store(first, std::memory_order_release);
    m_tasks.store(tasks, std::memory_order_release);
    m_done.store(0, std::memory_order_relaxed);
    const uint32_t loop = loopOf(m_ticket.load(std::memory_order_relaxed));
    // Sequentially consistent with the sleepers' count: either a worker sees the new ticket before it sleeps, or we see
    // it asleep.
    const uint64_t open = makeTicket(loop, 0);
    m_ticket.store(open, std::memory_order_seq_cst);
    if (m_sleepers.load(std::memory_order_seq_cst) > 0) {
        { std::lock_guard lock(m_mutex); }
        m_wake.notify_all();
    }
    drain(0, open);
    // The others hold at most one task each; sleeping here would cost more than it saves.
    for (int round = 0; m_done.load(std::memory_order_acquire) != tasks; ++round) {
        if (round < kSpinRounds)
            relax();
        else
            std::this_thread::yield();
    }
}

void ThreadPool::workerLoop(int worker) {
    uint32_t seen = 0;
    uint64_t ticket = 0;
    const auto nothingNew = [&] {
        ticket = m_ticket.load(std::memory_order_seq_cst);
        return loopOf(ticket) == seen || static_cast<uint32_t>(ticket) == kClosed;
    };
    for (;;) {
        for (int round = 0; round < kSpinRounds && nothingNew() && !m_stop.load(std::memory_order_relaxed); ++round)
            relax();
        if (nothingNew()) {
            std::unique_lock lock(m_mutex);
            m_sleepers.fetch_add(1, std::memory_order_seq_cst);
            m_wake.wait(lock, [&] { return m_stop.load() || !nothingNew(); });
            m_sleepers.fetch_sub(1, std::memory_order_seq_cst);
        }
        if (m_stop.load()) return;
        seen = loopOf(ticket);
        drain(worker, ticket);
    }
}

}  // namespace moescope
