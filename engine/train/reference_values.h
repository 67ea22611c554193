// SPDX-License-Identifier: Apache-2.0
// The way between a device's fp32 memory and the reference operators' doubles: results are rounded once, as they leave.
#pragma once

#include <span>

#include "engine/core/dtype.h"
#include "engine/reference/matrix.h"

namespace moescope::train {

using ReferenceMatrix = reference::Matrix<double>;
using ReferenceVector = std::vector<double>;

/// [rows, cols] values from `source`; null: [0, 0].
inline ReferenceMatrix matrixAt(const float* source, int64_t rows, int64_t cols) {
    if (!source) return {};
    return ReferenceMatrix(rows, cols, std::span(source, static_cast<size_t>(rows * cols)));
}

/// `count` values; null: none.
inline ReferenceVector vectorAt(const float* source, int64_t count) {
    return matrixAt(source, 1, count).data;
}

inline std::vector<int64_t> indicesAt(const int32_t* source, int64_t count) {
    return std::vector<int64_t>(source, source + count);
}

/// Null: not wanted.
inline void store(const ReferenceVector& values, float* target) {
    if (!target) return;
    for (size_t i = 0; i < values.size(); ++i) target[i] = static_cast<float>(values[i]);
}

/// target += values, added in double. Null: not wanted.
inline void addTo(const ReferenceVector& values, float* target) {
    if (!target) return;
    for (size_t i = 0; i < values.size(); ++i) target[i] = static_cast<float>(target[i] + values[i]);
}

inline void store(const std::vector<int64_t>& values, int32_t* target) {
    if (!target) return;
    for (size_t i = 0; i < values.size(); ++i) target[i] = static_cast<int32_t>(values[i]);
}

/// [rows, width] values of which neighbouring rows start `stride` apart.
inline ReferenceMatrix stridedAt(const float* source, int64_t rows, int64_t width, int64_t stride) {
    ReferenceMatrix values(rows, width);
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < width; ++i) values(row, i) = source[row * stride + i];
    return values;
}

inline ReferenceMatrix roundedToBf16(ReferenceMatrix values) {
    for (double& value : values.data) value = bfloat16ToFloat(floatToBfloat16(static_cast<float>(value)));
    return values;
}

}  // namespace moescope::train
