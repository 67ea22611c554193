// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "engine/cuda/device_memory.h"
#include "engine/cuda/failure.h"

namespace moescope::cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kChunkBytes = size_t{32} << 20;
constexpr size_t kOwnBytes = size_t{8} << 20;      // blocks from here on are not pooled
constexpr size_t kSpareBytes = size_t{512} << 20;  // of large blocks that hold nothing

/// What a block takes: by itself no more than was asked for, so that memory checkers see its end.
size_t sizeOf(size_t bytes, bool pools) {
    if (!pools) return bytes ? bytes : 1;
    return (bytes ? bytes + kAlignment - 1 : kAlignment) / kAlignment * kAlignment;
}

std::string mebibytes(size_t bytes) {
    return std::to_string((bytes + (size_t{1} << 20) - 1) >> 20) + " MiB";
}

[[noreturn]] void refuse(size_t bytes, uint64_t inUse) {
    size_t available = 0, total = 0;
    cudaMemGetInfo(&available, &total);
    cudaGetLastError();
    fail(MS_OUT_OF_MEMORY,
         sentence("the GPU has no room: ", mebibytes(bytes), " more are needed, ", mebibytes(available), " of ",
                  mebibytes(total), " are free and this model and run hold ", mebibytes(inUse),
                  "; choose a smaller batch or model, bf16 weights, or the CPU"));
}

}  // namespace

DeviceBlock::DeviceBlock(DeviceBlock&& other) noexcept {
    *this = std::move(other);
}

DeviceBlock& DeviceBlock::operator=(DeviceBlock&& other) noexcept {
    std::swap(m_owner, other.m_owner);
    std::swap(m_data, other.m_data);
    std::swap(m_bytes, other.m_bytes);
    return *this;
}

DeviceBlock::~DeviceBlock() {
    if (m_owner) m_owner->release(m_data, m_bytes);
}

DeviceMemory::DeviceMemory() {
    if (const char* text = std::getenv("MOESCOPE_CUDA_FAIL_ALLOCATION")) m_failAt = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("MOESCOPE_CUDA_POOL")) m_pools = std::string(text) != "0";
}

DeviceMemory::~DeviceMemory() {
    for (auto& [data, chunk] : m_chunks) cudaFree(data);
    cudaGetLastError();
}

DeviceBlock DeviceMemory::allocate(size_t bytes) {
    const size_t size = sizeOf(bytes, m_pools);
    if (++m_allocations == m_failAt) refuse(size, m_inUse);
    char* data = m_pools && size < kOwnBytes ? fromPool(size) : fromSpare(size);
    if (!data) data = newChunk(size, false);
    while (!data && freeSpare()) data = newChunk(size, false);
    if (!data) refuse(size, m_inUse);
    m_inUse += size;
    DeviceBlock block;
    block.m_owner = this;
    block.m_data = data;
    block.m_bytes = bytes;
    return block;
}

uint64_t DeviceMemory::bytesSpare() const {
    uint64_t spare = 0;
    for (const auto& [data, chunk] : m_chunks) spare += chunk.bytes - chunk.used;
    return spare;
}

char* DeviceMemory::fromPool(size_t bytes) {
    for (auto& [data, chunk] : m_chunks) {
        for (auto gap = chunk.gaps.begin(); gap != chunk.gaps.end(); ++gap) {
            const auto [offset, size] = *gap;
            if (size < bytes) continue;
            chunk.gaps.erase(gap);
            if (size > bytes) chunk.gaps[offset + bytes] = size - bytes;
            chunk.used += bytes;
            return data + offset;
        }
    }
    char* data = newChunk(kChunkBytes, true);
    if (!data) return nullptr;
    Chunk& chunk = m_chunks[data];
    chunk.used = bytes;
    chunk.gaps = {{bytes, kChunkBytes - bytes}};
    return data;
}

/// The smallest large block that fits without wasting more than a quarter.
char* DeviceMemory::fromSpare(size_t bytes) {
    auto best = m_chunks.end();
    for (auto each = m_chunks.begin(); each != m_chunks.end(); ++each) {
        const Chunk& chunk = each->second;
        if (chunk.pooled || chunk.used > 0 || chunk.bytes < bytes || chunk.bytes > bytes + bytes / 4) continue;
        if (best == m_chunks.end() || chunk.bytes < best->second.bytes) best = each;
    }
    if (best == m_chunks.end()) return nullptr;
    best->second.used = bytes;
    return best->first;
}

char* DeviceMemory::newChunk(size_t bytes, bool pooled) {
    void* data = nullptr;
    if (const cudaError_t error = cudaMalloc(&data, bytes); error != cudaSuccess) {
        cudaGetLastError();
        if (error == cudaErrorMemoryAllocation) return nullptr;
        fail(MS_DEVICE_LOST, sentence("the GPU no longer answers (", cudaGetErrorString(error), ")"));
    }
    m_chunks[static_cast<char*>(data)] = {bytes, pooled ? 0 : bytes, pooled, {}};
    return static_cast<char*>(data);
}

void DeviceMemory::release(char* data, size_t bytes) {
    const size_t size = sizeOf(bytes, m_pools);
    m_inUse -= size;
    auto found = m_chunks.upper_bound(data);
    --found;
    Chunk& chunk = found->second;
    chunk.used -= size;
    if (chunk.pooled) {
        auto gap = chunk.gaps.emplace(static_cast<size_t>(data - found->first), size).first;
        if (const auto next = std::next(gap); next != chunk.gaps.end() && gap->first + gap->second == next->first) {
            gap->second += next->second;
            chunk.gaps.erase(next);
        }
        if (gap != chunk.gaps.begin()) {
            const auto before = std::prev(gap);
            if (before->first + before->second == gap->first) {
                before->second += gap->second;
                chunk.gaps.erase(gap);
            }
        }
        if (chunk.used > 0) return;
        bool spare = true;
        for (const auto& [other, each] : m_chunks)
            spare = spare && (other == found->first || !each.pooled || each.used > 0);
        if (spare) return;
    } else if (m_pools) {
        uint64_t spare = 0;
        for (const auto& [other, each] : m_chunks) spare += !each.pooled && each.used == 0 ? each.bytes : 0;
        if (spare <= kSpareBytes) return;
    }
    cudaFree(found->first);
    m_chunks.erase(found);
}

void DeviceMemory::trim() {
    for (auto each = m_chunks.begin(); each != m_chunks.end();) {
        if (each->second.pooled || each->second.used > 0) {
            ++each;
            continue;
        }
        cudaFree(each->first);
        each = m_chunks.erase(each);
    }
}

bool DeviceMemory::freeSpare() {
    for (auto each = m_chunks.begin(); each != m_chunks.end(); ++each) {
        if (each->second.used > 0) continue;
        cudaFree(each->first);
        m_chunks.erase(each);
        return true;
    }
    return false;
}

}  // namespace moescope::cuda
