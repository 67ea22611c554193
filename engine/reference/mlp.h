// SPDX-License-Identifier: Apache-2.0
// The reference feed-forward layers and their backwards.
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

template <class T>
struct MlpGradients {
    LinearGradients<T> first, second;  // first.x: of the layer's input
};

/// Saved: x and hidden = W1 x + b1.
template <class T, class Activation, class Slope>
MlpGradients<T> mlpBackward(const Matrix<T>& x, const Matrix<T>& hidden, const Matrix<T>& w1, const Matrix<T>& w2,
                            Activation activation, Slope slope, const Matrix<T>& dy) {
    LinearGradients<T> second = linearBackward(mapped(hidden, activation), w2, dy);
    LinearGradients<T> first = linearBackward(x, w1, mappedBackward(hidden, second.x, slope));
    return {std::move(first), std::move(second)};
}

/// silu(gate) * up of rows (gate | up). both [rows, 2 I] -> [rows, I].
template <class T>
Matrix<T> gated(const Matrix<T>& both) {
    Matrix<T> y(both.rows, both.cols / 2);
    for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t i = 0; i < y.cols; ++i) y(row, i) = silu(both(row, i)) * both(row, y.cols + i);
    return y;
}

/// dy [rows, I] -> [rows, 2 I]: of the gate silu'(gate) up dy, of the other half silu(gate) dy. Saved: both.
template <class T>
Matrix<T> gatedBackward(const Matrix<T>& both, const Matrix<T>& dy) {
    Matrix<T> d(both.rows, both.cols);
    for (int64_t row = 0; row < dy.rows; ++row)
        for (int64_t i = 0; i < dy.cols; ++i) {
            d(row, i) = siluSlope(both(row, i)) * both(row, dy.cols + i) * dy(row, i);
            d(row, dy.cols + i) = silu(both(row, i)) * dy(row, i);
        }
    return d;
}

/// silu(gate) * up with (gate | up) = W x + b (Shazeer, 2020). x [rows, D], w [2 I, D], first half gate -> [rows, I].
template <class T>
Matrix<T> gatedLinear(const Matrix<T>& x, const Matrix<T>& w, const std::vector<T>& bias) {
    return gated(linear(x, w, bias));
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

template <class T>
struct GatedMlpGradients {
    Matrix<T> x;
    GatedMlp<T> weights;  // biases always there, also of layers without
};

/// Saved: x and hidden = W_in x + b_in [rows, 2 I].
template <class T>
GatedMlpGradients<T> gatedMlpBackward(const Matrix<T>& x, const Matrix<T>& hidden, const GatedMlp<T>& weights,
                                      const Matrix<T>& dy) {
    LinearGradients<T> out = linearBackward(gated(hidden), weights.out, dy);
    LinearGradients<T> in = linearBackward(x, weights.in, gatedBackward(hidden, out.x));
    return {std::move(in.x), {std::move(in.weight), std::move(in.bias), std::move(out.weight), std::move(out.bias)}};
}

}  // namespace moescope::reference
