// SPDX-License-Identifier: Apache-2.0
// The reference activations.
#pragma once

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

/// The same function of every element.
template <class T, class Function>
Matrix<T> mapped(Matrix<T> x, Function function) {
    for (T& value : x.data) value = function(value);
    return x;
}

}  // namespace moescope::reference
