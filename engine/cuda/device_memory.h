// SPDX-License-Identifier: Apache-2.0
// Device memory of one context: large blocks by themselves, small ones out of pooled chunks, all of it counted.
//
// Freed memory may be handed out again at once: everything that reads or writes it runs on the context's work stream,
// in order. Giving memory back to the device waits for all its work, so large blocks stay for the next of about their
// size (operations of a VAE need one after the other) until trim() or until they would hold too much. Of pooled chunks
// that become empty one is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace moescope::cuda {

class DeviceMemory;

/// Owns a piece of device memory. Moves, never copies; must not outlive its DeviceMemory.
class DeviceBlock {
public:
    DeviceBlock() = default;
    DeviceBlock(DeviceBlock&& other) noexcept;
    DeviceBlock& operator=(DeviceBlock&& other) noexcept;
    ~DeviceBlock();

    void* data() const { return m_data; }
    size_t bytes() const { return m_bytes; }  // as asked for

private:
    friend class DeviceMemory;
    DeviceMemory* m_owner = nullptr;
    char* m_data = nullptr;
    size_t m_bytes = 0;
};

class DeviceMemory {
public:
    /// Settings for tests out of the environment: MOESCOPE_CUDA_FAIL_ALLOCATION=n (the n-th allocation is refused),
    /// MOESCOPE_CUDA_POOL=0 (every block by itself, so that memory checkers see its ends).
    DeviceMemory();
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;

    /// 256-byte aligned, contents undefined. Throws Failure with MS_OUT_OF_MEMORY that says what was needed and what is
    /// free.
    DeviceBlock allocate(size_t bytes);
    uint64_t bytesInUse() const { return m_inUse; }
    /// Gives large blocks that hold nothing back to the device: when a model goes, so does what it worked with.
    void trim();
    /// Bytes that were taken from the device and hold nothing.
    uint64_t bytesSpare() const;

private:
    friend class DeviceBlock;
    struct Chunk {
        size_t bytes = 0, used = 0;
        bool pooled = false;
        std::map<size_t, size_t> gaps;  // offset -> bytes
    };

    char* fromPool(size_t bytes);
    char* fromSpare(size_t bytes);
    char* newChunk(size_t bytes, bool pooled);
    void release(char* data, size_t bytes);
    bool freeSpare();

    std::map<char*, Chunk> m_chunks;
    uint64_t m_inUse = 0;
    uint64_t m_allocations = 0, m_failAt = 0;
    bool m_pools = true;
};

}  // namespace moescope::cuda
