// SPDX-License-Identifier: Apache-2.0
// The reference linear layer and its backward.
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

template <class T>
struct LinearGradients {
    Matrix<T> x, weight;
    std::vector<T> bias;
};

/// Of y = x W^T + b: dx = dy W, dW = dy^T x, db = the sum of dy's rows. Saved: x.
template <class T>
LinearGradients<T> linearBackward(const Matrix<T>& x, const Matrix<T>& w, const Matrix<T>& dy) {
    LinearGradients<T> d{Matrix<T>(x.rows, x.cols), Matrix<T>(w.rows, w.cols),
                         std::vector<T>(static_cast<size_t>(w.rows))};
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t o = 0; o < w.rows; ++o) {
            d.bias[static_cast<size_t>(o)] += dy(row, o);
            for (int64_t i = 0; i < x.cols; ++i) {
                d.x(row, i) += dy(row, o) * w(o, i);
                d.weight(o, i) += dy(row, o) * x(row, i);
            }
        }
    return d;
}

}  // namespace moescope::reference
