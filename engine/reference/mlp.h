// SPDX-License-Identifier: Apache-2.0
// The reference feed-forward layers.
#pragma once

#include "engine/reference/activation.h"
#include "engine/reference/linear.h"

namespace moescope::reference {

/// W2 act(W1 x + b1) + b2. x [rows, D], w1 [I, D], w2 [D, I]; biases may be empty.
template <class T, class Activation>
Matrix<T> mlp(const Matrix<T>& x, const Matrix<T>& w1, const std::vector<T>& b1, const Matrix<T>& w2,
              const std::vector<T>& b2, Activation activation) {
    return linear(mapped(linear(x, w1, b1), activation), w2, b2);
}

/// silu(gate) * up with (gate | up) = W x + b (Shazeer, 2020). x [rows, D], w [2 I, D], first half gate -> [rows, I].
template <class T>
Matrix<T> gatedLinear(const Matrix<T>& x, const Matrix<T>& w, const std::vector<T>& bias) {
    const Matrix<T> both = linear(x, w, bias);
    Matrix<T> y(both.rows, both.cols / 2);
    for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t i = 0; i < y.cols; ++i) y(row, i) = silu(both(row, i)) * both(row, y.cols + i);
    return y;
}

/// The weights of one gated feed-forward layer: a routed expert, a shared expert or a dense layer.
template <class T>
struct GatedMlp {
    Matrix<T> in;            // [2 I, D], first half gate
    std::vector<T> inBias;   // [2 I] or empty
    Matrix<T> out;           // [D, I]
    std::vector<T> outBias;  // [D] or empty
};

/// W_out (silu(gate) * up) + b_out. x [rows, D] -> [rows, D].
template <class T>
Matrix<T> gatedMlp(const Matrix<T>& x, const GatedMlp<T>& weights) {
    return linear(gatedLinear(x, weights.in, weights.inBias), weights.out, weights.outBias);
}

}  // namespace moescope::reference
