// SPDX-License-Identifier: Apache-2.0
// The reference LayerNorm, RMSNorm, and the modulation and gating of adaptive layer norm.
#pragma once

#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// (x - mean) / sqrt(variance + eps) of each row (variance over n, not n - 1), without weights. x [rows, D].
template <class T>
Matrix<T> layerNorm(const Matrix<T>& x, T eps) {
    Matrix<T> y(x.rows, x.cols);
    for (int64_t row = 0; row < x.rows; ++row) {
        T mean = 0, variance = 0;
        for (int64_t i = 0; i < x.cols; ++i) mean += x(row, i);
        mean /= T(x.cols);
        for (int64_t i = 0; i < x.cols; ++i) variance += (x(row, i) - mean) * (x(row, i) - mean);
        variance /= T(x.cols);
        for (int64_t i = 0; i < x.cols; ++i) y(row, i) = (x(row, i) - mean) / std::sqrt(variance + eps);
    }
    return y;
}

/// LayerNorm with weights: the above times weight [D] plus bias [D] (Ba et al., 2016).
template <class T>
Matrix<T> layerNorm(const Matrix<T>& x, const std::vector<T>& weight, const std::vector<T>& bias, T eps) {
    Matrix<T> y = layerNorm(x, eps);
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i)
            y(row, i) = y(row, i) * weight[static_cast<size_t>(i)] + bias[static_cast<size_t>(i)];
    return y;
}

/// x / sqrt(mean(x^2) + eps) * weight of each row (Zhang and Sennrich, 2019). x [rows, D], weight [D] or empty.
template <class T>
Matrix<T> rmsNorm(const Matrix<T>& x, const std::vector<T>& weight, T eps) {
    Matrix<T> y(x.rows, x.cols);
    for (int64_t row = 0; row < x.rows; ++row) {
        T square = 0;
        for (int64_t i = 0; i < x.cols; ++i) square += x(row, i) * x(row, i);
        const T rms = std::sqrt(square / T(x.cols) + eps);
        for (int64_t i = 0; i < x.cols; ++i)
            y(row, i) = x(row, i) / rms * (weight.empty() ? T(1) : weight[static_cast<size_t>(i)]);
    }
    return y;
}

/// x (1 + scale) + shift (Peebles and Xie, 2023, adaLN). x [samples * n, D]; shift and scale are chunks of width D of
/// modulation [samples, chunks * D], a chunk below 0 is left out.
template <class T>
Matrix<T> modulate(const Matrix<T>& x, const Matrix<T>& modulation, int64_t shiftChunk, int64_t scaleChunk) {
    Matrix<T> y = x;
    const int64_t perSample = x.rows / modulation.rows;
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i) {
            if (scaleChunk >= 0) y(row, i) *= T(1) + modulation(row / perSample, scaleChunk * x.cols + i);
            if (shiftChunk >= 0) y(row, i) += modulation(row / perSample, shiftChunk * x.cols + i);
        }
    return y;
}

/// x + gate * y with gate a chunk of modulation [samples, chunks * D]. x, y [samples * n, D].
template <class T>
Matrix<T> gatedAdd(const Matrix<T>& x, const Matrix<T>& y, const Matrix<T>& modulation, int64_t gateChunk) {
    Matrix<T> sum = x;
    const int64_t perSample = x.rows / modulation.rows;
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i)
            sum(row, i) += modulation(row / perSample, gateChunk * x.cols + i) * y(row, i);
    return sum;
}

}  // namespace moescope::reference
