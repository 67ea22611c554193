// SPDX-License-Identifier: Apache-2.0
#include "engine/io/strided_view.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace moescope {
namespace {

/// `count` elements of Size bytes that lie `stride` elements apart.
template <size_t Size>
void copyRow(const std::byte* source, int64_t stride, int64_t count, std::byte* target) {
    const int64_t step = stride * static_cast<int64_t>(Size);
    for (int64_t i = 0; i < count; ++i) std::memcpy(target + i * static_cast<int64_t>(Size), source + i * step, Size);
}

void copyRow(size_t size, const std::byte* source, int64_t stride, int64_t count, std::byte* target) {
    if (stride == 1) {
        std::memcpy(target, source, static_cast<size_t>(count) * size);
        return;
    }
    switch (size) {
        case 1:
            return copyRow<1>(source, stride, count, target);
        case 2:
            return copyRow<2>(source, stride, count, target);
        case 4:
            return copyRow<4>(source, stride, count, target);
        default:
            return copyRow<8>(source, stride, count, target);
    }
}

}  // namespace

bool StridedView::isContiguous() const {
    int64_t expected = 1;
    for (size_t d = shape.size(); d-- > 0;) {
        if (shape[d] == 0) return true;
        if (shape[d] != 1 && strides[d] != expected) return false;
        expected *= shape[d];
    }
    return true;
}

std::optional<uint64_t> elementsReached(const StridedView& view) {
    if (view.shape.size() != view.strides.size() || view.offset < 0) return std::nullopt;
    int64_t last = view.offset, count = 1;
    bool empty = false;
    for (size_t d = 0; d < view.shape.size(); ++d) {
        const int64_t size = view.shape[d], stride = view.strides[d];
        if (size < 0 || stride < 0) return std::nullopt;
        empty |= size == 0;
        int64_t reach = 0;
        if (size > 0 &&
            (__builtin_mul_overflow(size - 1, stride, &reach) || __builtin_add_overflow(last, reach, &last)))
            return std::nullopt;
        if (__builtin_mul_overflow(count, size, &count)) return std::nullopt;
    }
    int64_t bytes = 0;  // the contiguous copy, and the reach in bytes, must be expressible too
    if (__builtin_mul_overflow(count, int64_t{8}, &bytes) || __builtin_add_overflow(last, int64_t{1}, &last) ||
        __builtin_mul_overflow(last, int64_t{8}, &bytes))
        return std::nullopt;
    return empty ? 0 : static_cast<uint64_t>(last);
}

void gather(const StridedView& view, const std::byte* first, std::span<std::byte> target) {
    if (target.empty()) return;
    const size_t size = dtypeSize(view.dtype);
    if (view.isContiguous()) {
        std::memcpy(target.data(), first, target.size());
        return;
    }
    const size_t rank = view.shape.size();
    Shape strides = view.strides;
    for (size_t d = 0; d < rank; ++d)
        if (view.shape[d] == 1) strides[d] = 0;  // never used, and the file may hold any number there
    const int64_t rowLength = view.shape[rank - 1], rowStride = strides[rank - 1];
    std::vector<int64_t> index(rank, 0);
    int64_t position = 0;  // in elements, relative to `first`
    std::byte* out = target.data();
    while (true) {
        copyRow(size, first + position * static_cast<int64_t>(size), rowStride, rowLength, out);
        out += static_cast<size_t>(rowLength) * size;
        size_t d = rank - 1;
        while (d > 0) {  // next row, like an odometer over all dimensions but the last
            --d;
            position += strides[d];
            if (++index[d] < view.shape[d]) break;
            position -= view.shape[d] * strides[d];
            index[d] = 0;
            if (d == 0) return;
        }
        if (rank == 1) return;
    }
}

void swapByteOrder(std::span<std::byte> values, size_t elementSize) {
    for (size_t i = 0; elementSize > 1 && i + elementSize <= values.size(); i += elementSize)
        std::reverse(values.begin() + static_cast<std::ptrdiff_t>(i),
                     values.begin() + static_cast<std::ptrdiff_t>(i + elementSize));
}

}  // namespace moescope
