// SPDX-License-Identifier: Apache-2.0
// The backward of the reference self-attention.
#pragma once

#include "engine/reference/attention.h"
#include "engine/reference/norm_backward.h"

namespace moescope::reference {

template <class T>
struct AttentionGradients {
    Matrix<T> qkv;
    std::vector<T> queryNorm, keyNorm;  // [d], empty where there are no norms
};

/// Adds the gradient of one head of queries or keys [S, d], as `headOf` gave them, to its columns of qkv and to that of
/// its norm's weight. A rotation is undone by the opposite angles.
template <class T>
void headBackward(AttentionGradients<T>& d, const Matrix<T>& qkv, const AttentionInput<T>& in, int64_t sample,
                  int64_t head, int64_t third, Matrix<T> part) {
    std::vector<T>& dWeight = third == 0 ? d.queryNorm : d.keyNorm;
    const std::vector<T>& weight = third == 0 ? in.queryNorm : in.keyNorm;
    if (third != 2) rotateTokens(part, in, in.cos, mapped(in.sin, [](T sin) { return -sin; }));
    if (third != 2 && !weight.empty()) {
        const Matrix<T> plain = plainHeadOf(qkv, in, sample, head, third);
        RmsNormGradients<T> norm = rmsNormBackward(plain, weight, rmsNormSaved(plain, in.eps), part);
        for (size_t i = 0; i < dWeight.size(); ++i) dWeight[i] += norm.weight[i];
        part = std::move(norm.x);
    }
    const int64_t first = in.firstColumn(qkv.cols, head, third);
    for (int64_t token = 0; token < part.rows; ++token)
        for (int64_t i = 0; i < part.cols; ++i) d.qkv(sample * part.rows + token, first + i) += part(token, i);
}

/// Of `attention` without rounding and with RMS norms or none. Saved: qkv and the probabilities P of each sample and
/// head. dV = P^T dOut, dP = dOut V^T, dS = the backward of the softmax, dQ = dS K / sqrt(d), dK = dS^T Q / sqrt(d);
/// the query heads that meet one key head are added up. dOut [samples * S, heads * d].
template <class T>
AttentionGradients<T> attentionBackward(const Matrix<T>& qkv, const AttentionInput<T>& in,
                                        const std::vector<Matrix<T>>& probabilities, const Matrix<T>& dOut) {
    const int64_t tokens = qkv.rows / in.samples, d = in.headWidth(qkv.cols);
    AttentionGradients<T> result{Matrix<T>(qkv.rows, qkv.cols), std::vector<T>(in.queryNorm.size()),
                                 std::vector<T>(in.keyNorm.size())};
    for (int64_t sample = 0; sample < in.samples; ++sample)
        for (int64_t head = 0; head < in.heads; ++head) {
            const int64_t keyHead = head / in.queriesPerKey();
            const Matrix<T> q = headOf(qkv, in, sample, head, 0), k = headOf(qkv, in, sample, keyHead, 1);
            const Matrix<T> v = headOf(qkv, in, sample, keyHead, 2);
            const Matrix<T>& p = probabilities[static_cast<size_t>(sample * in.heads + head)];
            Matrix<T> dq(tokens, d), dk(tokens, d), dv(tokens, d), dp(tokens, tokens);
            for (int64_t row = 0; row < tokens; ++row)
                for (int64_t key = 0; key < tokens; ++key)
                    for (int64_t i = 0; i < d; ++i) {
                        dp(row, key) += dOut(sample * tokens + row, head * d + i) * v(key, i);
                        dv(key, i) += p(row, key) * dOut(sample * tokens + row, head * d + i);
                    }
            const Matrix<T> ds = mapped(softmaxBackward(p, dp), [d](T slope) { return slope / std::sqrt(T(d)); });
            for (int64_t row = 0; row < tokens; ++row)
                for (int64_t key = 0; key < tokens; ++key)
                    for (int64_t i = 0; i < d; ++i) {
                        dq(row, i) += ds(row, key) * k(key, i);
                        dk(key, i) += ds(row, key) * q(row, i);
                    }
            headBackward(result, qkv, in, sample, head, 0, std::move(dq));
            headBackward(result, qkv, in, sample, keyHead, 1, std::move(dk));
            headBackward(result, qkv, in, sample, keyHead, 2, std::move(dv));
        }
    return result;
}

}  // namespace moescope::reference
