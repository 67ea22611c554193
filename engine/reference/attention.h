// SPDX-License-Identifier: Apache-2.0
// The reference self-attention: optional norm and rotation of queries and keys, softmax over all tokens of a sample.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine/reference/activation.h"
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
};

/// The head's part of one third of qkv as [S, d], normed and rotated. `third`: 0 queries, 1 keys, 2 values (left as
/// they are).
template <class T>
Matrix<T> headOf(const Matrix<T>& qkv, const AttentionInput<T>& in, int64_t sample, int64_t head, int64_t third) {
    const int64_t tokens = qkv.rows / in.samples, width = qkv.cols / 3, d = width / in.heads;
    Matrix<T> part(tokens, d);
    for (int64_t token = 0; token < tokens; ++token)
        for (int64_t i = 0; i < d; ++i) part(token, i) = qkv(sample * tokens + token, third * width + head * d + i);
    if (third == 2) return part;
    const std::vector<T>& weight = third == 0 ? in.queryNorm : in.keyNorm;
    const std::vector<T>& bias = third == 0 ? in.queryNormBias : in.keyNormBias;
    if (!bias.empty())
        part = layerNorm(part, weight, bias, in.eps);
    else if (!weight.empty())
        part = rmsNorm(part, weight, in.eps);
    for (int64_t token = in.leadTokens; token < tokens; ++token) {
        T* row = &part(token, 0);
        if (in.rope == Rope::SplitHalves) rotateSplitHalves(row, d, in.cos, in.sin, token - in.leadTokens);
        if (in.rope == Rope::AdjacentPairs) rotateAdjacentPairs(row, d, in.cos, in.sin, token - in.leadTokens);
    }
    if (in.rounding) part = mapped(std::move(part), in.rounding);
    return part;
}

/// softmax(q k^T / sqrt(d)) v per sample and head (Vaswani et al., 2017, equation 1). qkv [samples * S, 3 D], a row is
/// (q | k | v), each (head, channel) -> [samples * S, D].
template <class T>
Matrix<T> attention(const Matrix<T>& qkv, const AttentionInput<T>& in) {
    const int64_t tokens = qkv.rows / in.samples, width = qkv.cols / 3, d = width / in.heads;
    Matrix<T> out(qkv.rows, width);
    for (int64_t sample = 0; sample < in.samples; ++sample)
        for (int64_t head = 0; head < in.heads; ++head) {
            const Matrix<T> q = headOf(qkv, in, sample, head, 0), k = headOf(qkv, in, sample, head, 1);
            const Matrix<T> v = headOf(qkv, in, sample, head, 2);
            std::vector<T> weight(static_cast<size_t>(tokens));
            for (int64_t row = 0; row < tokens; ++row) {
                for (int64_t key = 0; key < tokens; ++key) {
                    T score = 0;
                    for (int64_t i = 0; i < d; ++i) score += q(row, i) * k(key, i);
                    weight[static_cast<size_t>(key)] = score / std::sqrt(T(d));
                }
                const T largest = *std::max_element(weight.begin(), weight.end());
                T sum = 0;
                for (T& w : weight) sum += w = std::exp(w - largest);
                for (int64_t i = 0; i < d; ++i) {
                    T value = 0;
                    for (int64_t key = 0; key < tokens; ++key) value += weight[static_cast<size_t>(key)] * v(key, i);
                    out(sample * tokens + row, head * d + i) = value / sum;
                }
            }
        }
    return out;
}

}  // namespace moescope::reference
