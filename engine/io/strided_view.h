// SPDX-License-Identifier: Apache-2.0
// A tensor as a strided window on a storage: its bounds, and copying it into contiguous memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/core/dtype.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// Strides and offset in elements, as torch stores them. Stride 0 repeats an element; windows may overlap.
struct StridedView {
    DType dtype = DType::F32;
    Shape shape;
    Shape strides;
    int64_t offset = 0;
    size_t storage = 0;  // which storage; meaning private to the reader

    bool isContiguous() const;
};

/// Elements from the start of the storage to one behind the last that the view touches (0 for a view without elements).
/// Nothing where a size, a stride or the offset is negative, ranks differ, or the arithmetic leaves 63 bits.
std::optional<uint64_t> elementsReached(const StridedView& view);

/// Copies the view's elements row-major into `target` (elementCount * dtypeSize bytes). `first` points at the element
/// with number `view.offset`, at any alignment. The view has been checked with elementsReached.
void gather(const StridedView& view, const std::byte* first, std::span<std::byte> target);

/// Reverses the bytes of every element of `elementSize` bytes.
void swapByteOrder(std::span<std::byte> values, size_t elementSize);

}  // namespace moescope
