// SPDX-License-Identifier: Apache-2.0
// Memory for weights, activations and staging: aligned for vector instructions, given back to the system when freed.
#pragma once

#include <cstddef>

namespace moescope {

/// Zero-cost owner of 64-byte aligned memory; large blocks go straight back to the system when freed.
class AlignedBytes {
public:
    /// From this size on memory is mapped by itself: zero when fresh, and really given back when freed.
    static constexpr size_t kMapThreshold = size_t{256} << 10;

    AlignedBytes() = default;
    explicit AlignedBytes(size_t bytes);  // throws std::bad_alloc
    AlignedBytes(AlignedBytes&& other) noexcept;
    AlignedBytes& operator=(AlignedBytes&& other) noexcept;
    ~AlignedBytes();
    std::byte* data() const { return m_data; }
    size_t size() const { return m_size; }

private:
    std::byte* m_data = nullptr;
    size_t m_size = 0;
};

}  // namespace moescope
