// SPDX-License-Identifier: Apache-2.0
#include "engine/core/aligned_bytes.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace moescope {
namespace {

constexpr size_t kLargePages = size_t{4} << 20;  // from here on at least one page of 2 MiB lies inside

size_t padded(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

}  // namespace

AlignedBytes::AlignedBytes(size_t bytes) : m_size(bytes) {
    if (bytes == 0) return;
    if (bytes >= kMapThreshold) {
        void* mapped = ::mmap(nullptr, padded(bytes, 4096), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        // Large pages where the system grants them: packed weights are read from end to end. A wish, so a refusal is no
        // error.
        if (bytes >= kLargePages) (void)::madvise(mapped, padded(bytes, 4096), MADV_HUGEPAGE);
        m_data = static_cast<std::byte*>(mapped);
    } else {
        m_data = static_cast<std::byte*>(std::aligned_alloc(64, padded(bytes, 64)));
        if (!m_data) throw std::bad_alloc();
    }
}

AlignedBytes::AlignedBytes(AlignedBytes&& other) noexcept {
    *this = std::move(other);
}

AlignedBytes& AlignedBytes::operator=(AlignedBytes&& other) noexcept {
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    return *this;
}

AlignedBytes::~AlignedBytes() {
    if (!m_data) return;
    if (m_size >= kMapThreshold)
        ::munmap(m_data, padded(m_size, 4096));
    else
        std::free(m_data);
}

}  // namespace moescope
