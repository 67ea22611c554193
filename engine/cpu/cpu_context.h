// SPDX-License-Identifier: Apache-2.0
// The CPU device behind the opaque handles of the table: memory, threads, scratch, cancel.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/backend/backend_table.h"
#include "engine/core/aligned_bytes.h"
#include "engine/cpu/thread_pool.h"

struct MsTensor {
    MsDType dtype = MS_F32;
    std::vector<int64_t> shape;
    moescope::AlignedBytes memory;  // its own
    std::byte* viewed = nullptr;    // a view's part of another's memory, of `viewedBytes`
    size_t viewedBytes = 0;

    std::byte* data() const { return viewed ? viewed : memory.data(); }
    size_t bytes() const { return viewed ? viewedBytes : memory.size(); }
    int64_t elements() const;
    int64_t dim(size_t axis) const { return shape[axis]; }
    int64_t lastDim() const { return shape.empty() ? 1 : shape.back(); }
    int64_t rows() const { return lastDim() == 0 ? 0 : elements() / lastDim(); }  // all axes but the last
    float* f32() const { return reinterpret_cast<float*>(data()); }
    int32_t* i32() const { return reinterpret_cast<int32_t*>(data()); }
    uint16_t* u16() const { return reinterpret_cast<uint16_t*>(data()); }
};

struct MsContext {
    explicit MsContext(int threads) : pool(threads) {}

    moescope::ThreadPool pool;
    std::string isa;          // level in use: "AVX-512", "AVX2", "SSE4"
    std::string description;
    std::string error;        // of the last call that failed
    int (*poll)(void*) = nullptr;
    void* pollUser = nullptr;
    std::atomic<bool> cancelled{false};
    std::atomic<uint64_t> bytesHeld{0};  // tensors, packed weights, scratch

    /// Scratch that grows and stays: one block per slot, shared by all workers of one operation. Contents undefined.
    enum Slot { GatheredRows, Hidden, PairOutput, Logits, Selection, Attention, Convolution, Misc, Ranking, TokenPairs, PoolMarks, PoolPairs, SlotCount };
    float* scratch(Slot slot, int64_t floats);

    /// True once somebody asked to stop; called at the start of every task (cheap: polls at most once per task).
    bool stopRequested() {
        if (cancelled.load(std::memory_order_relaxed)) return true;
        if (poll && poll(pollUser)) cancelled.store(true, std::memory_order_relaxed);
        return cancelled.load(std::memory_order_relaxed);
    }

    /// pool.parallelFor in which tasks are skipped once a stop is requested. MS_CANCELLED then.
    template <class Body>
    MsStatus forEachTask(int64_t tasks, Body&& body) {
        if (stopRequested()) return MS_CANCELLED;
        pool.parallelFor(tasks, [&](int64_t task, int worker) {
            if (!stopRequested()) body(task, worker);
        });
        return cancelled.load(std::memory_order_relaxed) ? MS_CANCELLED : MS_OK;
    }

    /// Splits `rows` into tasks of about `rowsPerTask`; body(firstRow, endRow, worker).
    template <class Body>
    MsStatus forRows(int64_t rows, int64_t rowsPerTask, Body&& body) {
        const int64_t tasks = (rows + rowsPerTask - 1) / rowsPerTask;
        return forEachTask(tasks, [&](int64_t task, int worker) {
            body(task * rowsPerTask, std::min(rows, (task + 1) * rowsPerTask), worker);
        });
    }

    MsStatus fail(MsStatus status, std::string message) {
        error = std::move(message);
        return status;
    }

private:
    moescope::AlignedBytes m_scratch[SlotCount];
};

/// An operation whose scratch memory may be refused: `body` returns its status, std::bad_alloc becomes MS_OUT_OF_MEMORY.
template <class Body>
MsStatus withScratch(MsContext& context, Body&& body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return context.fail(MS_OUT_OF_MEMORY, "the system refused working memory for this operation; close other programs or "
                                              "choose a smaller model or batch");
    }
}

/// Leaves the operation with MS_INVALID and a sentence when a shape or an argument does not fit.
#define MS_REQUIRE(context, condition, ...)                                                     \
    do {                                                                                        \
        if (!(condition)) return (context)->fail(MS_INVALID, fmt::format(__VA_ARGS__));         \
    } while (false)
