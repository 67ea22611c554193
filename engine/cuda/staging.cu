// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/cuda/context.h"
#include "engine/cuda/staging.h"

namespace moescope::cuda {
namespace {

constexpr size_t kSmallBytes = size_t{64} << 10;
constexpr size_t kSmallPieces = 16, kLargePieces = 2;
constexpr size_t kTransferBytes = size_t{32} << 20;  // a longer download goes in pieces
constexpr size_t kSlotLimit = size_t{256} << 20;     // pinned memory for downloads
constexpr size_t kLeastSlot = size_t{16} << 10;

}  // namespace

PinnedPiece::PinnedPiece(MsContext& context, size_t bytes) : m_bytes(bytes) {
    void* memory = nullptr;
    context.check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "reserving pinned memory");
    m_data = static_cast<char*>(memory);
    if (const cudaError_t error = cudaEventCreateWithFlags(&m_event, cudaEventDisableTiming); error != cudaSuccess) {
        cudaFreeHost(m_data);
        context.check(error, "creating an event");
    }
}

PinnedPiece::PinnedPiece(PinnedPiece&& other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)),
      m_bytes(other.m_bytes),
      m_event(std::exchange(other.m_event, nullptr)) {}

PinnedPiece::~PinnedPiece() {
    if (m_event) cudaEventDestroy(m_event);
    if (m_data) cudaFreeHost(m_data);
}

void Uploads::send(MsContext& context, size_t bytes, const std::function<void(char*)>& fill,
                   const std::function<void(const char*)>& submit) {
    const bool small = bytes <= kSmallBytes;
    std::vector<PinnedPiece>& ring = small ? m_small : m_large;
    size_t& next = small ? m_nextSmall : m_nextLarge;
    const size_t pieces = small ? kSmallPieces : kLargePieces;
    if (ring.size() < pieces && next == ring.size()) ring.emplace_back(context, small ? kSmallBytes : kLargest);
    PinnedPiece& piece = ring[next];
    context.check(cudaEventSynchronize(piece.event()), "waiting for an upload");
    next = (next + 1) % pieces;
    fill(piece.data());
    submit(piece.data());
    context.check(cudaEventRecord(piece.event(), context.work), "recording an event");
}

void Downloads::begin(MsContext& context, const void* source, void* host, size_t bytes) {
    for (size_t first = 0; first < bytes; first += kTransferBytes) {
        const size_t count = std::min(kTransferBytes, bytes - first), index = takeSlot(context, count);
        Slot& slot = m_slots[index];
        const char* from = static_cast<const char*>(source) + first;
        context.check(cudaMemcpyAsync(slot.snapshot.data(), from, count, cudaMemcpyDeviceToDevice, context.work),
                      "copying a tensor");
        context.check(cudaEventRecord(context.handOver, context.work), "recording an event");
        context.check(cudaStreamWaitEvent(context.copies, context.handOver, 0), "ordering a download");
        context.check(
            cudaMemcpyAsync(slot.pinned.data(), slot.snapshot.data(), count, cudaMemcpyDeviceToHost, context.copies),
            "downloading a tensor");
        context.check(cudaEventRecord(slot.pinned.event(), context.copies), "recording an event");
        m_pending.push_back({++m_begun, index, static_cast<char*>(host) + first, count});
    }
}

void Downloads::finish(MsContext& context, uint64_t count) {
    while (!m_pending.empty() && m_pending.front().number <= count) finishOldest(context);
}

void Downloads::finishOldest(MsContext& context) {
    const Transfer transfer = m_pending.front();
    const Slot& slot = m_slots[transfer.slot];
    context.waitFor(slot.pinned.event());
    std::memcpy(transfer.host, slot.pinned.data(), transfer.bytes);
    m_pending.pop_front();
}

bool Downloads::isPending(size_t slot) const {
    return std::any_of(m_pending.begin(), m_pending.end(), [slot](const Transfer& each) { return each.slot == slot; });
}

/// A slot that holds `bytes` and that no transfer uses: the smallest free one, a new one, or the oldest transfer's.
size_t Downloads::takeSlot(MsContext& context, size_t bytes) {
    for (;;) {
        size_t best = m_slots.size();
        for (size_t i = 0; i < m_slots.size(); ++i) {
            const size_t size = m_slots[i].pinned.bytes();
            if (size < bytes || (best < m_slots.size() && size >= m_slots[best].pinned.bytes()) || isPending(i))
                continue;
            if (context.isOver(m_slots[i].pinned.event())) best = i;
        }
        if (best < m_slots.size()) return best;
        size_t size = kLeastSlot;
        while (size < bytes) size *= 2;
        if (m_pending.empty() || m_slotBytes + size <= kSlotLimit) {
            DeviceBlock snapshot = context.memory.allocate(size);
            m_slots.push_back({PinnedPiece(context, size), std::move(snapshot)});
            m_slotBytes += size;
            return m_slots.size() - 1;
        }
        finishOldest(context);
    }
}

uint64_t Marks::add(MsContext& context) {
    cudaEvent_t event = nullptr;
    if (m_unused.empty()) {
        context.check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    } else {
        event = m_unused.back();
        m_unused.pop_back();
    }
    m_open.push_back({++m_last, event, context.downloads.begun()});
    context.check(cudaEventRecord(event, context.work), "recording an event");
    return m_last;
}

void Marks::waitFor(MsContext& context, uint64_t point) {
    MS_CUDA_REQUIRE(point <= m_last, "[wait_mark] there is no mark ", point, ", the last is ", m_last);
    while (!m_open.empty() && m_open.front().point <= point) {
        const Mark mark = m_open.front();
        context.waitFor(mark.event);
        context.downloads.finish(context, mark.downloads);
        m_unused.push_back(mark.event);
        m_open.pop_front();
    }
}

void Marks::clear() {
    for (const Mark& mark : m_open) m_unused.push_back(mark.event);
    m_open.clear();
}

Marks::~Marks() {
    clear();
    for (const cudaEvent_t event : m_unused) cudaEventDestroy(event);
}

}  // namespace moescope::cuda
