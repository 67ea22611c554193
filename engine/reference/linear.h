// SPDX-License-Identifier: Apache-2.0
// The reference linear layer.
#pragma once

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// y = x W^T + b. x [rows, in], w [out, in], bias [out] or empty -> [rows, out].
template <class T>
Matrix<T> linear(const Matrix<T>& x, const Matrix<T>& w, const std::vector<T>& bias = {}) {
    Matrix<T> y(x.rows, w.rows);
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t o = 0; o < w.rows; ++o) {
            T sum = bias.empty() ? T(0) : bias[static_cast<size_t>(o)];
            for (int64_t i = 0; i < x.cols; ++i) sum += x(row, i) * w(o, i);
            y(row, o) = sum;
        }
    return y;
}

}  // namespace moescope::reference
