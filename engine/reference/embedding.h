// SPDX-License-Identifier: Apache-2.0
// The reference embeddings: time waves, table rows, tokens in front of others, and backwards.
#pragma once

#include <cmath>

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// t [B] -> [B, width]: cos(t f_i) | sin(t f_i), f_i = maxPeriod^(-i / half), half = width / 2; an odd last column is
/// zero.
template <class T>
Matrix<T> timestepWaves(const std::vector<T>& t, T maxPeriod, int64_t width) {
    const int64_t half = width / 2;
    Matrix<T> waves(static_cast<int64_t>(t.size()), width);
    for (int64_t row = 0; row < waves.rows; ++row)
        for (int64_t i = 0; i < half; ++i) {
            const T angle = t[static_cast<size_t>(row)] * std::exp(-std::log(maxPeriod) * T(i) / T(half));
            waves(row, i) = std::cos(angle);
            waves(row, half + i) = std::sin(angle);
        }
    return waves;
}

/// out[i] = table[index[i]]. table [N, D] -> [B, D].
template <class T>
Matrix<T> gatherRows(const Matrix<T>& table, const std::vector<int64_t>& index) {
    Matrix<T> out(static_cast<int64_t>(index.size()), table.cols);
    for (int64_t row = 0; row < out.rows; ++row)
        for (int64_t i = 0; i < out.cols; ++i) out(row, i) = table(index[static_cast<size_t>(row)], i);
    return out;
}

/// dTable [tableRows, D]: dTable[index[i]] += dOut[i], in the order of i.
template <class T>
Matrix<T> gatherRowsBackward(const std::vector<int64_t>& index, const Matrix<T>& dOut, int64_t tableRows) {
    Matrix<T> d(tableRows, dOut.cols);
    for (int64_t row = 0; row < dOut.rows; ++row)
        for (int64_t i = 0; i < d.cols; ++i) d(index[static_cast<size_t>(row)], i) += dOut(row, i);
    return d;
}

/// x [samples * n, D] + table [n, D] for every sample.
template <class T>
Matrix<T> addRows(const Matrix<T>& x, const Matrix<T>& table) {
    Matrix<T> out = x;
    for (int64_t row = 0; row < x.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i) out(row, i) += table(row % table.rows, i);
    return out;
}

/// dTable [tableRows, D]: the sum over samples. What reaches x is dy itself.
template <class T>
Matrix<T> addRowsBackward(const Matrix<T>& dy, int64_t tableRows) {
    Matrix<T> d(tableRows, dy.cols);
    for (int64_t row = 0; row < dy.rows; ++row)
        for (int64_t i = 0; i < dy.cols; ++i) d(row % tableRows, i) += dy(row, i);
    return d;
}

/// In front of the S tokens of sample b of x [B S, D] stand C tokens embedding[b] + position[c] -> [B (C + S), D].
template <class T>
Matrix<T> prependTokens(const Matrix<T>& x, const Matrix<T>& embedding, const Matrix<T>& position) {
    const int64_t samples = embedding.rows, lead = position.rows, own = x.rows / samples;
    Matrix<T> out(samples * (lead + own), x.cols);
    for (int64_t sample = 0; sample < samples; ++sample)
        for (int64_t token = 0; token < lead + own; ++token)
            for (int64_t i = 0; i < x.cols; ++i)
                out(sample * (lead + own) + token, i) =
                    token < lead ? embedding(sample, i) + position(token, i) : x(sample * own + token - lead, i);
    return out;
}

/// The last `kept` tokens of each sample. x [samples * n, D] -> [samples * kept, D].
template <class T>
Matrix<T> dropLeadTokens(const Matrix<T>& x, int64_t samples, int64_t kept) {
    const int64_t all = x.rows / samples;
    Matrix<T> out(samples * kept, x.cols);
    for (int64_t row = 0; row < out.rows; ++row)
        for (int64_t i = 0; i < x.cols; ++i) out(row, i) = x(row / kept * all + all - kept + row % kept, i);
    return out;
}

}  // namespace moescope::reference
