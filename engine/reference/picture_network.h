// SPDX-License-Identifier: Apache-2.0
// The reference operators of networks over pictures of several resolutions: waves, rows added per sample, joined columns,
// gated GELU, cross-attention.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// t [N], frequencies [F] -> [N, 2 F]: cos(t f) | sin(t f), or the sines first.
template <class T>
Matrix<T> waves(const std::vector<T>& t, const std::vector<T>& frequencies, bool sinFirst) {
    const int64_t count = static_cast<int64_t>(frequencies.size());
    Matrix<T> out(static_cast<int64_t>(t.size()), 2 * count);
    for (int64_t row = 0; row < out.rows; ++row)
        for (int64_t i = 0; i < count; ++i) {
            const T angle = t[static_cast<size_t>(row)] * frequencies[static_cast<size_t>(i)];
            out(row, sinFirst ? count + i : i) = std::cos(angle);
            out(row, sinFirst ? i : count + i) = std::sin(angle);
        }
    return out;
}

/// x [samples n, D] + rows [samples, D], each to all n rows of its sample.
template <class T>
Matrix<T> addPerSample(Matrix<T> x, const Matrix<T>& rows) {
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i) x(row, i) += rows(row / (x.rows / rows.rows), i);
    return x;
}

/// (a | b) row by row.
template <class T>
Matrix<T> concatColumns(const Matrix<T>& a, const Matrix<T>& b) {
    Matrix<T> out(a.rows, a.cols + b.cols);
    for (int64_t row = 0; row < out.rows; ++row)
        for (int64_t i = 0; i < out.cols; ++i) out(row, i) = i < a.cols ? a(row, i) : b(row, i - a.cols);
    return out;
}

/// x/2 erfc(-x / sqrt 2), which is x/2 (1 + erf(x / sqrt 2)) without its cancellation.
template <class T>
T geluExact(T x) {
    return T(0.5) * x * std::erfc(-x * T(0.70710678118654752440));
}

/// x [T, 2 I] rows (value | gate) -> value gelu(gate) (Shazeer, 2020).
template <class T>
Matrix<T> geglu(const Matrix<T>& x) {
    Matrix<T> out(x.rows, x.cols / 2);
    for (int64_t row = 0; row < out.rows; ++row)
        for (int64_t i = 0; i < out.cols; ++i) out(row, i) = x(row, i) * geluExact(x(row, out.cols + i));
    return out;
}

/// softmax(q k^T / sqrt(d)) v per sample and head. q [samples S, D], kv [samples T, 2 D] rows (k | v) -> [samples S,
/// D].
template <class T>
Matrix<T> crossAttention(const Matrix<T>& q, const Matrix<T>& kv, int64_t samples, int64_t heads) {
    const int64_t queries = q.rows / samples, keys = kv.rows / samples, d = q.cols / heads;
    Matrix<T> out(q.rows, q.cols);
    std::vector<T> weight(static_cast<size_t>(keys));
    for (int64_t row = 0; row < q.rows; ++row)
        for (int64_t head = 0; head < heads; ++head) {
            const int64_t first = row / queries * keys;
            for (int64_t key = 0; key < keys; ++key) {
                T score = 0;
                for (int64_t i = head * d; i < (head + 1) * d; ++i) score += q(row, i) * kv(first + key, i);
                weight[static_cast<size_t>(key)] = score / std::sqrt(T(d));
            }
            const T largest = *std::max_element(weight.begin(), weight.end());
            T sum = 0;
            for (T& w : weight) sum += w = std::exp(w - largest);
            for (int64_t i = head * d; i < (head + 1) * d; ++i)
                for (int64_t key = 0; key < keys; ++key)
                    out(row, i) += weight[static_cast<size_t>(key)] / sum * kv(first + key, q.cols + i);
        }
    return out;
}

}  // namespace moescope::reference
