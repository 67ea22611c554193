// SPDX-License-Identifier: Apache-2.0
// The backward of the reference router for a choice that is held constant, and the losses on the router itself.
#pragma once

#include <cmath>

#include "engine/reference/router.h"

namespace moescope::reference {

/// dLogits of `affinities`.
template <class T>
Matrix<T> affinitiesBackward(const Matrix<T>& logits, Affinity affinity, const Matrix<T>& dScores) {
    if (affinity == Affinity::Softmax) return softmaxBackward(softmax(logits), dScores);
    return mappedBackward(logits, dScores, [](T x) { return sigmoid(x) * sigmoid(-x); });
}

/// dScores [tokens, E] of `gatesOf`. With g_i = scale s_i / S, S the sum over the chosen: ds_i = (scale dg_i - sum over
/// chosen j of dg_j g_j) / S; with one chosen: ds = scale dg. dGate [tokens, k].
template <class T>
Matrix<T> gatesBackward(const Matrix<T>& scores, const std::vector<int64_t>& expert, const RouterShape& shape,
                        const Matrix<T>& dGate) {
    Matrix<T> d(scores.rows, scores.cols);
    const Matrix<T> gate = gatesOf(scores, expert, shape);
    for (int64_t token = 0; token < scores.rows; ++token) {
        const int64_t* chosen = expert.data() + token * shape.topK;
        T sum = T(kLeastAffinitySum), along = 0;
        for (int64_t i = 0; i < shape.topK; ++i) {
            sum += scores(token, chosen[i]);
            along += dGate(token, i) * gate(token, i);
        }
        for (int64_t i = 0; i < shape.topK; ++i) {
            const T direct = T(shape.scale) * dGate(token, i);
            d(token, chosen[i]) = shape.topK > 1 ? (direct - along) / sum : direct;
        }
    }
    return d;
}

/// s_e / (sum over all experts of s + 1e-20) of each row. Of a softmax that is the softmax itself.
template <class T>
Matrix<T> affinityShares(Matrix<T> scores) {
    for (int64_t token = 0; token < scores.rows; ++token) {
        T sum = T(kLeastAffinitySum);
        for (int64_t e = 0; e < scores.cols; ++e) sum += scores(token, e);
        for (int64_t e = 0; e < scores.cols; ++e) scores(token, e) /= sum;
    }
    return scores;
}

/// With p = s / S: ds_e = (dp_e - sum over j of dp_j p_j) / S.
template <class T>
Matrix<T> affinitySharesBackward(const Matrix<T>& scores, const Matrix<T>& dShares) {
    const Matrix<T> shares = affinityShares(scores);
    Matrix<T> d(scores.rows, scores.cols);
    for (int64_t token = 0; token < scores.rows; ++token) {
        T sum = T(kLeastAffinitySum), along = 0;
        for (int64_t e = 0; e < scores.cols; ++e) {
            sum += scores(token, e);
            along += dShares(token, e) * shares(token, e);
        }
        for (int64_t e = 0; e < scores.cols; ++e) d(token, e) = (dShares(token, e) - along) / sum;
    }
    return d;
}

/// The weights q [tokens, E] over all experts that surrogate gradients flow through: scale s_e for one chosen expert,
/// else scale s_e / (sum over all experts of s + 1e-20).
template <class T>
Matrix<T> gatesOfAll(const Matrix<T>& scores, const RouterShape& shape) {
    return mapped(shape.topK > 1 ? affinityShares(scores) : scores, [&](T share) { return T(shape.scale) * share; });
}

template <class T>
Matrix<T> gatesOfAllBackward(const Matrix<T>& scores, const RouterShape& shape, const Matrix<T>& dq) {
    const Matrix<T> scaled = mapped(dq, [&](T d) { return T(shape.scale) * d; });
    return shape.topK > 1 ? affinitySharesBackward(scores, scaled) : scaled;
}

/// Share of the pairs that each expert received [E].
template <class T>
std::vector<T> pairShares(const std::vector<int64_t>& expert, int64_t experts) {
    std::vector<T> share(static_cast<size_t>(experts));
    for (const int64_t e : expert) share[static_cast<size_t>(e)] += T(1) / T(expert.size());
    return share;
}

/// E sum over e of f_e p_e: f_e the share of pairs (a constant), p_e the mean over tokens of the affinity shares (Fedus
/// et al., 2021, arXiv 2101.03961, equation 4).
template <class T>
T auxiliaryLoss(const Matrix<T>& scores, const std::vector<int64_t>& expert) {
    const std::vector<T> f = pairShares<T>(expert, scores.cols);
    const Matrix<T> shares = affinityShares(scores);
    T loss = 0;
    for (int64_t token = 0; token < scores.rows; ++token)
        for (int64_t e = 0; e < scores.cols; ++e)
            loss += T(scores.cols) * f[static_cast<size_t>(e)] * shares(token, e) / T(scores.rows);
    return loss;
}

/// dScores of the auxiliary loss.
template <class T>
Matrix<T> auxiliaryLossBackward(const Matrix<T>& scores, const std::vector<int64_t>& expert) {
    const std::vector<T> f = pairShares<T>(expert, scores.cols);
    Matrix<T> dShares(scores.rows, scores.cols);
    for (int64_t token = 0; token < scores.rows; ++token)
        for (int64_t e = 0; e < scores.cols; ++e)
            dShares(token, e) = T(scores.cols) * f[static_cast<size_t>(e)] / T(scores.rows);
    return affinitySharesBackward(scores, dShares);
}

/// log sum over e of exp(logit_e) of one row.
template <class T>
T logSumExp(const Matrix<T>& logits, int64_t row) {
    T largest = logits(row, 0), sum = 0;
    for (int64_t e = 1; e < logits.cols; ++e) largest = std::max(largest, logits(row, e));
    for (int64_t e = 0; e < logits.cols; ++e) sum += std::exp(logits(row, e) - largest);
    return largest + std::log(sum);
}

/// The mean over tokens of (log sum exp logits)^2 (Zoph et al., 2022, arXiv 2202.08906, equation 5).
template <class T>
T zLoss(const Matrix<T>& logits) {
    T loss = 0;
    for (int64_t token = 0; token < logits.rows; ++token)
        loss += logSumExp(logits, token) * logSumExp(logits, token) / T(logits.rows);
    return loss;
}

/// dLogits of the z-loss: 2 / tokens * log sum exp * softmax.
template <class T>
Matrix<T> zLossBackward(const Matrix<T>& logits) {
    Matrix<T> d = softmax(logits);
    for (int64_t token = 0; token < logits.rows; ++token)
        for (int64_t e = 0; e < logits.cols; ++e) d(token, e) *= T(2) / T(logits.rows) * logSumExp(logits, token);
    return d;
}

}  // namespace moescope::reference
