// SPDX-License-Identifier: Apache-2.0
// The way of data between the host and the device, through pinned memory.
//
// Uploads: a ring of pinned pieces that the work stream copies from. Downloads: the tensor is copied on the device at
// its place in the work stream, and leaves on a second stream while later work already runs; the caller's memory is
// filled when the context synchronises.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "engine/cuda/device_memory.h"

struct MsContext;

namespace moescope::cuda {

/// Pinned host memory and the event of the last copy that used it.
class PinnedPiece {
public:
    PinnedPiece(MsContext& context, size_t bytes);
    PinnedPiece(PinnedPiece&& other) noexcept;
    ~PinnedPiece();
    PinnedPiece(const PinnedPiece&) = delete;

    char* data() const { return m_data; }
    size_t bytes() const { return m_bytes; }
    cudaEvent_t event() const { return m_event; }

private:
    char* m_data = nullptr;
    size_t m_bytes = 0;
    cudaEvent_t m_event = nullptr;
};

class Uploads {
public:
    static constexpr size_t kLargest = size_t{8} << 20;  // bytes of one piece

    /// `fill` writes up to kLargest bytes of pinned memory, `submit` copies them on the work stream. Returns before the
    /// copy is made; waits only where the ring is full.
    void send(MsContext& context, size_t bytes, const std::function<void(char* pinned)>& fill,
              const std::function<void(const char* pinned)>& submit);

private:
    std::vector<PinnedPiece> m_small, m_large;
    size_t m_nextSmall = 0, m_nextLarge = 0;
};

class Downloads {
public:
    /// The first `bytes` of device memory at `source`, to be written to `host` by finish().
    void begin(MsContext& context, const void* source, void* host, size_t bytes);
    /// Waits for all transfers and fills the hosts' memory. Throws Failure when the wait is cancelled.
    void finish(MsContext& context) { finish(context, m_begun); }
    /// The same of the transfers among the first `count` that were begun.
    void finish(MsContext& context, uint64_t count);
    uint64_t begun() const { return m_begun; }
    /// Nobody waits for the transfers any more; the memory they were for is not touched.
    void forget() { m_pending.clear(); }

private:
    struct Slot {
        PinnedPiece pinned;
        DeviceBlock snapshot;
    };
    struct Transfer {
        uint64_t number;
        size_t slot;
        void* host;
        size_t bytes;
    };

    size_t takeSlot(MsContext& context, size_t bytes);
    bool isPending(size_t slot) const;
    void finishOldest(MsContext& context);

    std::deque<Slot> m_slots;
    std::deque<Transfer> m_pending;
    size_t m_slotBytes = 0;
    uint64_t m_begun = 0;
};

/// Points in the order of calls that can be waited for.
class Marks {
public:
    uint64_t add(MsContext& context);
    /// Waits for the work and fills the downloads given before the mark. A point that is over already is no wait.
    void waitFor(MsContext& context, uint64_t point);
    /// Everything is over.
    void clear();
    ~Marks();

private:
    struct Mark {
        uint64_t point;
        cudaEvent_t event;
        uint64_t downloads;  // begun before
    };

    std::deque<Mark> m_open;
    std::vector<cudaEvent_t> m_unused;
    uint64_t m_last = 0;
};

}  // namespace moescope::cuda
