// SPDX-License-Identifier: Apache-2.0
// The reference group normalisation of one picture stored as rows of pixels.
#pragma once

#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// (x - mean) / sqrt(variance + eps) * weight + bias with statistics over all pixels and the channels of a group
/// (Wu and He, 2018). x [H W, C], weight, bias [C].
template <class T>
Matrix<T> groupNorm(const Matrix<T>& x, int64_t groups, T eps, const std::vector<T>& weight,
                    const std::vector<T>& bias) {
    const int64_t size = x.cols / groups;
    const T count = T(x.rows * size);
    Matrix<T> y(x.rows, x.cols);
    for (int64_t first = 0; first < x.cols; first += size) {
        T mean = 0, variance = 0;
        for (int64_t row = 0; row < x.rows; ++row)
            for (int64_t c = first; c < first + size; ++c) mean += x(row, c);
        mean /= count;
        for (int64_t row = 0; row < x.rows; ++row)
            for (int64_t c = first; c < first + size; ++c) variance += (x(row, c) - mean) * (x(row, c) - mean);
        variance /= count;
        for (int64_t row = 0; row < x.rows; ++row)
            for (int64_t c = first; c < first + size; ++c)
                y(row, c) = (x(row, c) - mean) / std::sqrt(variance + eps) * weight[static_cast<size_t>(c)] +
                            bias[static_cast<size_t>(c)];
    }
    return y;
}

}  // namespace moescope::reference
