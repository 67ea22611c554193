// SPDX-License-Identifier: GPL-3.0-or-later
// Tensors of the CPU device made by hand, reproducible numbers, and the metric of the reference data.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/core/host_tensor.h"
#include "engine/cpu/cpu_context.h"
#include "engine/reference/matrix.h"

namespace moescope::test {

/// An fp32 tensor; contents undefined unless values are given.
MsTensor floatTensor(Shape shape);

template <class Values>
MsTensor floatTensor(Shape shape, const Values& values) {
    MsTensor tensor = floatTensor(std::move(shape));
    std::transform(values.begin(), values.end(), tensor.f32(), [](auto v) { return static_cast<float>(v); });
    return tensor;
}

/// An int32 vector.
MsTensor indexTensor(const std::vector<int32_t>& values);

std::vector<float> valuesOf(const MsTensor& tensor);

/// Numbers spread evenly over [-width, width), the same on every platform.
std::vector<float> spread(int64_t count, uint32_t seed, float width = 2.0f);

/// The same numbers as a double matrix for the reference operators.
template <class Values>
reference::Matrix<double> wide(int64_t rows, int64_t cols, const Values& values) {
    return reference::Matrix<double>(rows, cols, values);
}

/// max |got - wanted| / max |wanted|; infinite when something is not finite or the sizes differ.
template <class Got, class Wanted>
double relativeDifference(const Got& got, const Wanted& wanted) {
    if (got.size() != wanted.size()) return std::numeric_limits<double>::infinity();
    double difference = 0, largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double a = got[i], b = wanted[i];
        if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
        difference = std::max(difference, std::abs(a - b));
        largest = std::max(largest, std::abs(b));
    }
    return largest > 0 ? difference / largest : difference;
}

}  // namespace moescope::test
