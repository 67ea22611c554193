// SPDX-License-Identifier: Apache-2.0
// The reference operators' only container: a row-major matrix of float or double.
//
// The operators in this folder are the oracle of every device. They are written as the formulas read, with plain loops,
// every input an argument and every output the return value. T is float or double; with T = double their own rounding
// is negligible beside that of a device in fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace moescope::reference {

template <class T>
struct Matrix {
    int64_t rows = 0, cols = 0;
    std::vector<T> data;

    Matrix() = default;
    Matrix(int64_t r, int64_t c) : rows(r), cols(c), data(static_cast<size_t>(r * c), T(0)) {}
    /// Takes over `rows * cols` values of any arithmetic type.
    template <class Values>
    Matrix(int64_t r, int64_t c, const Values& values) : rows(r), cols(c), data(values.begin(), values.end()) {}

    T& operator()(int64_t row, int64_t col) { return data[static_cast<size_t>(row * cols + col)]; }
    T operator()(int64_t row, int64_t col) const { return data[static_cast<size_t>(row * cols + col)]; }
};

}  // namespace moescope::reference
