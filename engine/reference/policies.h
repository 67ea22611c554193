// SPDX-License-Identifier: Apache-2.0
// The reference routers beside token choice by sigmoids: softmax affinities chosen by tokens, by experts, or by experts
// with predicted capacities, and prototypes. All answer with a list of pairs.
#pragma once

#include <cmath>

#include "engine/reference/linear.h"
#include "engine/reference/router.h"

namespace moescope::reference {

/// (token, expert, gate) sorted by token, then expert.
template <class T>
struct Pairs {
    std::vector<int64_t> start{0};  // [tokens + 1] first pair of each token
    std::vector<int64_t> expert;
    std::vector<T> gate;

    void add(int64_t e, T g) {
        expert.push_back(e);
        gate.push_back(g);
    }
    void endToken() { start.push_back(static_cast<int64_t>(expert.size())); }
};

/// What a router decided, and by how much.
template <class T>
struct PolicyOutput {
    Matrix<T> scores;  // [tokens, E]
    Pairs<T> pairs;
    std::vector<T> margin;  // [tokens], or [pools * E] where experts choose; infinite when nothing is refused or taken
};

/// Every token takes its k best of `scores` [tokens, E]; gate = score * scale.
template <class T>
PolicyOutput<T> chooseByToken(const Matrix<T>& scores, int64_t k, T scale) {
    PolicyOutput<T> result{scores, {}, {}};
    for (int64_t token = 0; token < scores.rows; ++token) {
        const std::vector<T> row(scores.data.begin() + token * scores.cols,
                                 scores.data.begin() + (token + 1) * scores.cols);
        const std::vector<int64_t> chosen = largest(row, k);
        for (const int64_t e : chosen) result.pairs.add(e, scores(token, e) * scale);
        result.pairs.endToken();
        result.margin.push_back(cutMargin(row, chosen));
    }
    return result;
}

/// Every expert takes, of each pool of `poolTokens` neighbouring tokens, the `capacity[pool * E + e]` with the largest
/// score; gate = score * scale (Zhou et al., 2022; arXiv 2503.14487 for pools over the batch).
template <class T>
PolicyOutput<T> chooseByExpert(const Matrix<T>& scores, int64_t poolTokens, const std::vector<int64_t>& capacity,
                               T scale) {
    PolicyOutput<T> result{scores, {}, {}};
    Matrix<T> taken(scores.rows, scores.cols);
    for (int64_t first = 0; first < scores.rows; first += poolTokens)
        for (int64_t e = 0; e < scores.cols; ++e) {
            const int64_t wanted = capacity[result.margin.size()];
            std::vector<T> column;
            for (int64_t t = first; t < first + poolTokens; ++t) column.push_back(scores(t, e));
            const std::vector<int64_t> chosen = wanted ? largest(column, wanted) : std::vector<int64_t>{};
            for (const int64_t t : chosen) taken(first + t, e) = T(1);
            result.margin.push_back(chosen.empty() ? std::numeric_limits<T>::infinity() : cutMargin(column, chosen));
        }
    for (int64_t t = 0; t < scores.rows; ++t) {
        for (int64_t e = 0; e < scores.cols; ++e)
            if (taken(t, e) != T(0)) result.pairs.add(e, scores(t, e) * scale);
        result.pairs.endToken();
    }
    return result;
}

/// Capacities [pools * E]: a pool's tokens with sigmoid(prediction) > threshold of the expert. prediction [tokens, E].
template <class T>
std::vector<int64_t> predictedCapacities(const Matrix<T>& prediction, int64_t poolTokens,
                                         const std::vector<T>& threshold) {
    std::vector<int64_t> capacity;
    for (int64_t first = 0; first < prediction.rows; first += poolTokens)
        for (int64_t e = 0; e < prediction.cols; ++e) {
            int64_t count = 0;
            for (int64_t t = first; t < first + poolTokens; ++t)
                count += sigmoid(prediction(t, e)) > threshold[static_cast<size_t>(e)] ? 1 : 0;
            capacity.push_back(count);
        }
    return capacity;
}

/// Cosines of tokens [tokens, D] with prototypes [P, D] of any length (arXiv 2510.24711).
template <class T>
Matrix<T> cosines(const Matrix<T>& x, const Matrix<T>& prototypes) {
    const auto length = [](const Matrix<T>& m, int64_t row) {
        T sum = 0;
        for (int64_t i = 0; i < m.cols; ++i) sum += m(row, i) * m(row, i);
        return std::max(std::sqrt(sum), T(1e-12));
    };
    Matrix<T> out = linear(x, prototypes);
    for (int64_t t = 0; t < out.rows; ++t)
        for (int64_t e = 0; e < out.cols; ++e) out(t, e) /= length(x, t) * length(prototypes, e);
    return out;
}

}  // namespace moescope::reference
