// SPDX-License-Identifier: GPL-3.0-or-later
// A table of numbers in which a cell without data differs from a cell that is zero.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace moescope {

/// Cell for which nothing was recorded, or which does not exist (expert 20 of a layer with 16 experts).
inline constexpr double noData = std::numeric_limits<double>::quiet_NaN();
inline bool hasData(double cell) {
    return !std::isnan(cell);
}

/// Row-major [rows, cols]; every cell starts as `noData`.
struct Matrix {
    int64_t rows = 0, cols = 0;
    std::vector<double> values;

    Matrix() = default;
    Matrix(int64_t r, int64_t c) : rows(r), cols(c), values(static_cast<size_t>(r * c), noData) {}
    double& at(int64_t row, int64_t col) { return values[static_cast<size_t>(row * cols + col)]; }
    double at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
};

}  // namespace moescope
