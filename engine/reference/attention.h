// SPDX-License-Identifier: Apache-2.0
// The reference self-attention: optional norm and rotation of queries and keys, softmax over all tokens of a sample.
#pragma once

#include <cmath>

#include "engine/reference/activation.h"
#include "engine/reference/linear.h"
#include "engine/reference/norm.h"
#include "engine/reference/rope.h"

namespace moescope::reference {

enum class Rope { None, SplitHalves, AdjacentPairs };

template <class T>
struct AttentionInput {
    int64_t samples = 1, heads = 1;
    std::vector<T> queryNorm, keyNorm;          // [d] weights of an RMS norm per head; empty: none
    std::vector<T> queryNormBias, keyNormBias;  // [d]; given: the norms are LayerNorms with weight and bias
    T (*rounding)(T) = nullptr;                 // of queries and keys after norm and rotation; null: none
    T eps = T(1e-6);
    Rope rope = Rope::None;
    Matrix<T> cos, sin;      // [image tokens, d/2], see rope.h
    int64_t leadTokens = 0;  // tokens in front of the image tokens: not rotated
    int64_t keyHeads =
        0;  // heads of keys and values, 0: as many as of queries; query head h meets key head h / (heads / keyHeads)

    int64_t keyHeadCount() const { return keyHeads ? keyHeads : heads; }
    /// Query heads that meet one key head.
    int64_t queriesPerKey() const { return heads / keyHeadCount(); }
    /// d, from the columns of qkv.
    int64_t headWidth(int64_t columns) const { return columns / (heads + 2 * keyHeadCount()); }
    /// First column of a head in qkv. `third`: 0 queries, 1 keys, 2 values.
    int64_t firstColumn(int64_t columns, int64_t head, int64_t third) const {
        return ((third ? heads : 0) + (third == 2 ? keyHeadCount() : 0) + head) * headWidth(columns);
    }
};

/// One head's part of qkv as [S, d], as it stands there.
template <class T>
Matrix<T> plainHeadOf(const Matrix<T>& qkv, const AttentionInput<T>& in, int64_t sample, int64_t head, int64_t third) {
    const int64_t tokens = qkv.rows / in.samples, d = in.headWidth(qkv.cols),
                  first = in.firstColumn(qkv.cols, head, third);
    Matrix<T> part(tokens, d);
    for (int64_t token = 0; token < tokens; ++token)
        for (int64_t i = 0; i < d; ++i) part(token, i) = qkv(sample * tokens + token, first + i);
    return part;
}

/// The queries or keys [S, d] of a sample turned by their angles, but for the leading tokens.
template <class T>
void rotateTokens(Matrix<T>& part, const AttentionInput<T>& in, const Matrix<T>& cos, const Matrix<T>& sin) {
    for (int64_t token = in.leadTokens; token < part.rows; ++token) {
        T* row = &part(token, 0);
        if (in.rope == Rope::SplitHalves) rotateSplitHalves(row, part.cols, cos, sin, token - in.leadTokens);
        if (in.rope == Rope::AdjacentPairs) rotateAdjacentPairs(row, part.cols, cos, sin, token - in.leadTokens);
    }
}

/// The head's part as [S, d], normed and rotated. `third`: 0 queries, 1 keys, 2 values (left as they are).
template <class T>
Matrix<T> headOf(const Matrix<T>& qkv, const AttentionInput<T>& in, int64_t sample, int64_t head, int64_t third) {
    Matrix<T> part = plainHeadOf(qkv, in, sample, head, third);
    if (third == 2) return part;
    const std::vector<T>& weight = third == 0 ? in.queryNorm : in.keyNorm;
    const std::vector<T>& bias = third == 0 ? in.queryNormBias : in.keyNormBias;
    if (!bias.empty())
        part = layerNorm(part, weight, bias, in.eps);
    else if (!weight.empty())
        part = rmsNorm(part, weight, in.eps);
    rotateTokens(part, in, in.cos, in.sin);
    if (in.rounding) part = mapped(std::move(part), in.rounding);
    return part;
}

template <class T>
struct AttentionOutput {
    Matrix<T> out;                         // [samples * S, heads * d]
    std::vector<Matrix<T>> probabilities;  // [samples * heads] of [S, S], a row per query
};

/// softmax(q k^T / sqrt(d)) v per sample and head (Vaswani et al., 2017, equation 1), and the softmax itself. qkv
/// [samples * S, (heads + 2 key heads) d], a row is (q | k | v), each (head, channel).
template <class T>
AttentionOutput<T> attentionWithProbabilities(const Matrix<T>& qkv, const AttentionInput<T>& in) {
    const int64_t tokens = qkv.rows / in.samples, d = in.headWidth(qkv.cols);
    AttentionOutput<T> result{Matrix<T>(qkv.rows, in.heads * d), {}};
    for (int64_t sample = 0; sample < in.samples; ++sample)
        for (int64_t head = 0; head < in.heads; ++head) {
            const int64_t keyHead = head / in.queriesPerKey();
            const Matrix<T> q = headOf(qkv, in, sample, head, 0), k = headOf(qkv, in, sample, keyHead, 1);
            const Matrix<T> v = headOf(qkv, in, sample, keyHead, 2);
            const Matrix<T> p = softmax(mapped(linear(q, k), [d](T dot) { return dot / std::sqrt(T(d)); }));
            for (int64_t row = 0; row < tokens; ++row)
                for (int64_t i = 0; i < d; ++i)
                    for (int64_t key = 0; key < tokens; ++key)
                        result.out(sample * tokens + row, head * d + i) += p(row, key) * v(key, i);
            result.probabilities.push_back(p);
        }
    return result;
}

/// The first of the two.
template <class T>
Matrix<T> attention(const Matrix<T>& qkv, const AttentionInput<T>& in) {
    return attentionWithProbabilities(qkv, in).out;
}

}  // namespace moescope::reference
