// SPDX-License-Identifier: Apache-2.0
// The reference operators on the tokens of samples - joining, splitting, repeating, pooling - and their backwards.
#pragma once

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// front [samples * lead, D], x [samples * tokens, D] -> [samples * (lead + tokens), D], the front ones first in each
/// sample.
template <class T>
Matrix<T> joinTokens(const Matrix<T>& front, const Matrix<T>& x, int64_t samples) {
    const int64_t lead = front.rows / samples, tokens = x.rows / samples, all = lead + tokens;
    Matrix<T> y(samples * all, x.cols);
    for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t i = 0; i < y.cols; ++i)
            y(row, i) =
                row % all < lead ? front(row / all * lead + row % all, i) : x(row / all * tokens + row % all - lead, i);
    return y;
}

template <class T>
struct SplitTokens {
    Matrix<T> front, x;
};

/// The inverse of joinTokens, and so its backward.
template <class T>
SplitTokens<T> splitTokens(const Matrix<T>& y, int64_t samples, int64_t lead) {
    const int64_t all = y.rows / samples, tokens = all - lead;
    SplitTokens<T> parts{Matrix<T>(samples * lead, y.cols), Matrix<T>(samples * tokens, y.cols)};
    for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t i = 0; i < y.cols; ++i)
            (row % all < lead ? parts.front(row / all * lead + row % all, i)
                              : parts.x(row / all * tokens + row % all - lead, i)) = y(row, i);
    return parts;
}

/// Each row of x [samples, D] for every row of position [tokens, D], plus that -> [samples * tokens, D].
template <class T>
Matrix<T> repeatRows(const Matrix<T>& x, const Matrix<T>& position) {
    Matrix<T> y(x.rows * position.rows, x.cols);
    for (int64_t row = 0; row < y.rows; ++row)
        for (int64_t i = 0; i < y.cols; ++i) y(row, i) = x(row / position.rows, i) + position(row % position.rows, i);
    return y;
}

template <class T>
struct RepeatRowsGradients {
    Matrix<T> x, position;
};

template <class T>
RepeatRowsGradients<T> repeatRowsBackward(const Matrix<T>& dy, int64_t samples) {
    const int64_t tokens = dy.rows / samples;
    RepeatRowsGradients<T> d{Matrix<T>(samples, dy.cols), Matrix<T>(tokens, dy.cols)};
    for (int64_t row = 0; row < dy.rows; ++row)
        for (int64_t i = 0; i < dy.cols; ++i) {
            d.x(row / tokens, i) += dy(row, i);
            d.position(row % tokens, i) += dy(row, i);
        }
    return d;
}

/// Factors [samples, tokens] of the rows in the mean: weight / (sum of the sample's weights); zero where that sum is
/// zero.
template <class T>
Matrix<T> poolFactors(Matrix<T> weight) {
    for (int64_t sample = 0; sample < weight.rows; ++sample) {
        T sum = 0;
        for (int64_t token = 0; token < weight.cols; ++token) sum += weight(sample, token);
        for (int64_t token = 0; token < weight.cols; ++token)
            weight(sample, token) = sum == T(0) ? T(0) : weight(sample, token) / sum;
    }
    return weight;
}

/// The weighted mean of each sample's rows. x [samples * tokens, D], weight [samples, tokens] -> [samples, D].
template <class T>
Matrix<T> pool(const Matrix<T>& x, const Matrix<T>& weight) {
    const Matrix<T> factor = poolFactors(weight);
    Matrix<T> out(weight.rows, x.cols);
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i)
            out(row / weight.cols, i) += factor(row / weight.cols, row % weight.cols) * x(row, i);
    return out;
}

/// dx; the weights are constants.
template <class T>
Matrix<T> poolBackward(const Matrix<T>& weight, const Matrix<T>& dOut) {
    const Matrix<T> factor = poolFactors(weight);
    Matrix<T> dx(weight.rows * weight.cols, dOut.cols);
    for (int64_t row = 0; row < dx.rows; ++row)
        for (int64_t i = 0; i < dx.cols; ++i)
            dx(row, i) = factor(row / weight.cols, row % weight.cols) * dOut(row / weight.cols, i);
    return dx;
}

}  // namespace moescope::reference
