// SPDX-License-Identifier: Apache-2.0
// What every operation of the CPU device asks of its tensors before it computes.
#pragma once

#include <string>

#include "engine/core/host_tensor.h"
#include "engine/cpu/cpu_context.h"

namespace moescope::cpu {

/// "[2, 64]" or "nothing" for a missing tensor.
inline std::string shapeOf(const MsTensor* tensor) {
    return tensor ? shapeText(tensor->shape) : "nothing";
}

/// A present fp32 tensor of at least one axis.
inline bool isFloats(const MsTensor* tensor) {
    return tensor && tensor->dtype == MS_F32 && !tensor->shape.empty();
}

/// A present fp32 tensor of this many axes.
inline bool isFloats(const MsTensor* tensor, size_t rank) {
    return isFloats(tensor) && tensor->shape.size() == rank;
}

/// A present fp32 tensor of exactly this shape.
inline bool hasShape(const MsTensor* tensor, const Shape& shape) {
    return tensor && tensor->dtype == MS_F32 && tensor->shape == shape;
}

/// Floats per task of operations that only touch memory: long enough to outweigh handing it out, short enough to
/// cancel.
inline constexpr int64_t kFloatsPerTask = 1 << 15;

/// Rows of `width` floats per task, at least one.
inline int64_t rowsPerTask(int64_t width) {
    return std::max<int64_t>(1, kFloatsPerTask / std::max<int64_t>(1, width));
}

}  // namespace moescope::cpu
