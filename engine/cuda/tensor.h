// SPDX-License-Identifier: Apache-2.0
// The CUDA device's tensors and weights behind the opaque handles of the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/backend/backend_table.h"
#include "engine/cuda/device_memory.h"

struct MsTensor {
    MsDType dtype = MS_F32;
    std::vector<int64_t> shape;
    moescope::cuda::DeviceBlock memory;  // empty in a view
    void* start = nullptr;               // where the values lie: in `memory`, or in that of another tensor
    size_t bytes = 0;

    int64_t elements() const {
        int64_t count = 1;
        for (const int64_t extent : shape) count *= extent;
        return count;
    }
    size_t elementBytes() const { return dtype == MS_F32 || dtype == MS_I32 ? 4 : 2; }
    int64_t dim(size_t axis) const { return shape[axis]; }
    int64_t lastDim() const { return shape.empty() ? 1 : shape.back(); }
    int64_t rows() const { return lastDim() == 0 ? 0 : elements() / lastDim(); }  // all axes but the last
    float* f32() const { return static_cast<float*>(start); }
    int32_t* i32() const { return static_cast<int32_t*>(start); }
    uint16_t* u16() const { return static_cast<uint16_t*>(start); }
};

/// `desc.count` stacked matrices of `rows` rows with `stride` values each, K contiguous and padded with zeros.
/// PLAIN: row o is output o. GATED: groups of 16 rows, the gates of eight neighbouring outputs and then their ups, so
/// that a thread of a tensor-core product holds both. Rows are padded with zeros to a multiple of 16 (outputs) per
/// matrix.
struct MsLinear {
    MsLinearDesc desc{};
    MsDType type = MS_F32;  // of the values on the device, and of the products
    int64_t rows = 0;       // of one matrix, padding included
    int64_t stride = 0;     // values from row to row
    moescope::cuda::DeviceBlock values;
    moescope::cuda::DeviceBlock bias;  // F32 [count, rows] in the order of the rows; empty without

    bool gated() const { return desc.layout == MS_LINEAR_GATED; }
    int64_t paddedOut() const { return gated() ? rows / 2 : rows; }
    int64_t matrixValues() const { return rows * stride; }
    const float* biasData() const { return static_cast<const float*>(bias.data()); }
};

namespace moescope::cuda {

inline constexpr int64_t kRowUnit = 16;  // columns and rows of weights are padded to multiples of this

inline int64_t paddedTo(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

/// "[2, 64]" or "nothing" for a missing tensor.
std::string shapeOf(const MsTensor* tensor);

/// A present fp32 tensor of at least one axis, or of `rank` axes.
inline bool isFloats(const MsTensor* tensor) {
    return tensor && tensor->dtype == MS_F32 && !tensor->shape.empty();
}
inline bool isFloats(const MsTensor* tensor, size_t rank) {
    return isFloats(tensor) && tensor->shape.size() == rank;
}

/// Whether two tensors share memory.
inline bool overlap(const MsTensor& a, const MsTensor& b) {
    const auto first = reinterpret_cast<uintptr_t>(a.start), second = reinterpret_cast<uintptr_t>(b.start);
    return first < second + b.bytes && second < first + a.bytes;
}

/// A present fp32 tensor of exactly this shape.
inline bool hasShape(const MsTensor* tensor, const std::vector<int64_t>& shape) {
    return tensor && tensor->dtype == MS_F32 && tensor->shape == shape;
}

}  // namespace moescope::cuda
