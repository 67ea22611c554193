// SPDX-License-Identifier: GPL-3.0-or-later
// The pool runs every task once, however many, however fast loops follow each other.
#include "engine/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace moescope {
namespace {

TEST(ThreadPool, RunsEveryTaskOnceInLoopsOfAllSizes) {
    for (const int threads : {1, 2, 3, 5}) {
        ThreadPool pool(threads);
        EXPECT_EQ(pool.threads(), threads);
        for (int64_t tasks = 0; tasks < 300; ++tasks) {
            std::vector<int> runs(static_cast<size_t>(tasks), 0);
            pool.parallelFor(tasks, [&](int64_t task, int worker) {
                ASSERT_GE(worker, 0);
                ASSERT_LT(worker, threads);
                ++runs[static_cast<size_t>(task)];
            });
            for (const int count : runs) ASSERT_EQ(count, 1);
        }
    }
}

TEST(ThreadPool, WritesOfALoopAreSeenByTheNext) {
    ThreadPool pool(3);
    std::vector<int64_t> values(64, 0);
    for (int round = 1; round <= 2000; ++round) {
        const int64_t shift = round % 64;
        // Every task reads what another task wrote in the loop before.
        std::vector<int64_t> next(64);
        pool.parallelFor(64, [&](int64_t task, int) {
            next[static_cast<size_t>(task)] = values[static_cast<size_t>((task + shift) % 64)] + 1;
        });
        values.swap(next);
    }
    for (const int64_t value : values) EXPECT_EQ(value, 2000);
}

TEST(ThreadPool, WakesWorkersThatFellAsleep) {
    ThreadPool pool(2);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        // Two tasks that wait for each other need both threads.
        std::atomic<int> arrived{0};
        pool.parallelFor(2, [&](int64_t, int) {
            arrived.fetch_add(1);
            while (arrived.load() < 2) std::this_thread::yield();
        });
        EXPECT_EQ(arrived.load(), 2);
    }
}

TEST(ThreadPool, StartsAndEndsWithoutWork) {
    for (int round = 0; round < 20; ++round) ThreadPool pool(4);
}

}  // namespace
}  // namespace moescope
