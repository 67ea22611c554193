// SPDX-License-Identifier: Apache-2.0
// The reference activations and their slopes.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// 1 / (1 + e^-x), without overflow on either side.
template <class T>
T sigmoid(T x) {
    const T e = std::exp(-std::abs(x));
    return (x >= T(0) ? T(1) : e) / (T(1) + e);
}

/// x sigmoid(x).
template <class T>
T silu(T x) {
    return x * sigmoid(x);
}

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
template <class T>
T geluTanh(T x) {
    return T(0.5) * x * (T(1) + std::tanh(T(0.79788456080286535588) * (x + T(0.044715) * x * x * x)));
}

/// d silu / dx = s (1 + x (1 - s)), s = sigmoid(x).
template <class T>
T siluSlope(T x) {
    return sigmoid(x) * (T(1) + x * sigmoid(-x));
}

/// d geluTanh / dx.
template <class T>
T geluTanhSlope(T x) {
    const T rate = T(0.79788456080286535588), cubic = T(0.044715);
    const T bend = std::tanh(rate * (x + cubic * x * x * x));
    return T(0.5) * (T(1) + bend) + T(0.5) * x * (T(1) - bend * bend) * rate * (T(1) + T(3) * cubic * x * x);
}

/// The same function of every element.
template <class T, class Function>
Matrix<T> mapped(Matrix<T> x, Function function) {
    for (T& value : x.data) value = function(value);
    return x;
}

/// dx = slope(x) dy of every element.
template <class T, class Slope>
Matrix<T> mappedBackward(const Matrix<T>& x, const Matrix<T>& dy, Slope slope) {
    Matrix<T> dx = dy;
    for (size_t i = 0; i < dx.data.size(); ++i) dx.data[i] *= slope(x.data[i]);
    return dx;
}

/// e^x / sum e^x of each row.
template <class T>
Matrix<T> softmax(Matrix<T> x) {
    for (int64_t row = 0; row < x.rows; ++row) {
        T largest = x(row, 0), sum = 0;
        for (int64_t i = 1; i < x.cols; ++i) largest = std::max(largest, x(row, i));
        for (int64_t i = 0; i < x.cols; ++i) sum += x(row, i) = std::exp(x(row, i) - largest);
        for (int64_t i = 0; i < x.cols; ++i) x(row, i) /= sum;
    }
    return x;
}

/// dx_i = p_i (dp_i - sum over j of p_j dp_j) of each row, p = softmax(x).
template <class T>
Matrix<T> softmaxBackward(const Matrix<T>& p, const Matrix<T>& dp) {
    Matrix<T> dx(p.rows, p.cols);
    for (int64_t row = 0; row < p.rows; ++row) {
        T mean = 0;
        for (int64_t i = 0; i < p.cols; ++i) mean += p(row, i) * dp(row, i);
        for (int64_t i = 0; i < p.cols; ++i) dx(row, i) = p(row, i) * (dp(row, i) - mean);
    }
    return dx;
}

}  // namespace moescope::reference
