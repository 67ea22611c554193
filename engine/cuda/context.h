// SPDX-License-Identifier: Apache-2.0
// One CUDA device with its streams, memory, scratch and error state.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/backend/backend_table.h"
#include "engine/cuda/device_memory.h"
#include "engine/cuda/failure.h"
#include "engine/cuda/launch.cuh"
#include "engine/cuda/matmul.h"
#include "engine/cuda/pending_add.h"
#include "engine/cuda/rounded_twins.h"
#include "engine/cuda/staging.h"
#include "engine/cuda/tensor.h"

namespace moescope::cuda {

/// Working memory that grows and stays; one operation uses it at a time. Each slot has one reason to exist.
enum class Slot {
    Rounded,       // activations as bf16, often the twin of a tensor
    Activated,     // twin of what was activated last: the condition that every block's modulation reads
    Wide,          // a dense product before its activation
    SharedHidden,  // between the shared expert's products
    Hidden,        // between the routed experts' products
    Pairs,         // outputs of the (token, expert) pairs
    Lists,         // who goes where
    Logits,
    Scores,
    Selection,   // what pool policies decide from
    Strip,       // gathered rows of a convolution; scores of wide attention
    Attention,   // prepared queries and keys of wide attention
    Statistics,  // sums of a group norm
    Product,     // cuBLASLt's own
    Count
};

using ScratchBlocks = std::array<std::shared_ptr<DeviceBlock>, static_cast<size_t>(Slot::Count)>;

/// A device fit for this plugin; false with why not.
bool isUsable(int device, std::string& reason);

}  // namespace moescope::cuda

struct MsContext {
    /// Throws Failure.
    explicit MsContext(const MsContextOptions& options);
    ~MsContext();
    MsContext(const MsContext&) = delete;

    int device = 0;
    int multiprocessors = 1;
    int capability = 80;             // 10 major + minor
    size_t sharedLimit = 48 * 1024;  // bytes of dynamic shared memory a block can be given
    MsDType compute = MS_F32;
    int64_t oneBlockPairs = 8192;   // of a MoE layer: so many are sorted by one block, more by several kernels
    cudaStream_t work = nullptr;    // everything that computes, in order
    cudaStream_t copies = nullptr;  // downloads
    cudaEvent_t handOver = nullptr;
    std::string description;
    std::string error;  // of the last call that failed
    std::string lost;   // why the device can no longer be used; empty while it can

    moescope::cuda::DeviceMemory memory;
    moescope::cuda::MatmulPlans products;
    moescope::cuda::Uploads uploads;
    moescope::cuda::Downloads downloads;
    moescope::cuda::Marks marks;
    moescope::cuda::ScratchBlocks scratchBlocks;
    moescope::cuda::RoundedTwins twins;
    moescope::cuda::PendingAdd pendingAdd;

    int (*poll)(void*) = nullptr;
    void* pollUser = nullptr;
    bool cancelled = false;
    bool capturing = false;
    MsStatus captureFailure = MS_OK;  // of the first operation that failed while a graph was recorded
    std::string captureError;

    /// At least `bytes`, contents undefined; the same memory until the slot has to grow. Throws Failure, also when it
    /// would have to grow while a graph is recorded.
    void* scratchBytes(moescope::cuda::Slot slot, size_t bytes);
    /// Grows a slot for a later call; memory that is large enough keeps its contents.
    void reserveScratch(moescope::cuda::Slot slot, size_t bytes);
    template <class T>
    T* scratch(moescope::cuda::Slot slot, int64_t count) {
        return static_cast<T*>(scratchBytes(slot, static_cast<size_t>(count) * sizeof(T)));
    }

    /// Throws Failure where `error` is one, after finding out whether the device is lost.
    void check(cudaError_t error, const char* doing);

    /// Dynamic shared memory that needs no asking: with a kernel's static memory it stays below 48 KiB.
    static constexpr size_t kUnasked = 47 * 1024;

    /// Starts a kernel on the work stream. An empty grid is nothing to do.
    template <class... Parameters, class... Arguments>
    void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t sharedBytes, Arguments... arguments) {
        if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
        countLaunch();
        if (sharedBytes > kUnasked) check(moescope::cuda::allowSharedMemory(kernel, sharedBytes), "preparing a kernel");
        check(moescope::cuda::launchOn(work, kernel, grid, block, sharedBytes, arguments...), "starting a kernel");
    }

    /// Whether a recorded event has been reached.
    bool isOver(cudaEvent_t event);
    /// Waits for an event, looking at the cancel poll. Throws Failure (MS_CANCELLED).
    void waitFor(cudaEvent_t event);
    bool stopRequested();
    /// Keeps the host from running far ahead of the device, which would delay a cancel. `cost`: launches or the like.
    void pace(int cost);

private:
    void countLaunch();

    std::array<cudaEvent_t, 2> m_marks{};
    size_t m_nextMark = 0;
    int m_sinceMark = 0;
    uint64_t m_launches = 0, m_failLaunch = 0;
};
