// SPDX-License-Identifier: Apache-2.0
// The reference router: token choice by sigmoid affinities, as DeepSeek-V3 does it (2024, section 2.1.2, equations 12
// to 16), or by a softmax over the experts.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "engine/reference/activation.h"

namespace moescope::reference {

enum class Affinity { Sigmoid, Softmax };

struct RouterShape {
    int64_t experts = 1, topK = 1;
    int64_t groups = 1, keptGroups = 1;  // equal: no limit
    double scale = 1;
    Affinity affinity = Affinity::Sigmoid;
};

/// Added to the sum of affinities that gates are divided by.
inline constexpr double kLeastAffinitySum = 1e-20;

template <class T>
struct RouterOutput {
    Matrix<T> scores;             // [tokens, E] affinities before the bias
    std::vector<int64_t> expert;  // [tokens * k] ascending within a token
    Matrix<T> gate;               // [tokens, k] in the same order
    std::vector<T>
        margin;  // [tokens] last chosen minus first refused, also between groups; infinite when nothing is refused
};

/// Places of the k largest values. Which of several equal values are taken follows PyTorch on the CPU: the standard
/// library's nth_element (partial_sort when 64 k <= n) over (value, place) pairs compared by value alone, descending.
template <class T>
std::vector<int64_t> largest(const std::vector<T>& values, int64_t k) {
    std::vector<std::pair<T, int64_t>> pairs;
    for (T value : values) pairs.emplace_back(value, static_cast<int64_t>(pairs.size()));
    const auto larger = [](const auto& a, const auto& b) { return a.first > b.first; };
    const int64_t n = static_cast<int64_t>(pairs.size());
    if (k * 64 <= n)
        std::partial_sort(pairs.begin(), pairs.begin() + k, pairs.end(), larger);
    else
        std::nth_element(pairs.begin(), pairs.begin() + k - 1, pairs.end(), larger);
    std::vector<int64_t> places;
    for (int64_t i = 0; i < k; ++i) places.push_back(pairs[static_cast<size_t>(i)].second);
    std::sort(places.begin(), places.end());
    return places;
}

/// Smallest taken minus largest refused value; infinite when all are taken.
template <class T>
T cutMargin(const std::vector<T>& values, const std::vector<int64_t>& taken) {
    T lowest = std::numeric_limits<T>::infinity(), highest = -std::numeric_limits<T>::infinity();
    for (int64_t i = 0; i < static_cast<int64_t>(values.size()); ++i) {
        const T value = values[static_cast<size_t>(i)];
        if (std::binary_search(taken.begin(), taken.end(), i))
            lowest = std::min(lowest, value);
        else
            highest = std::max(highest, value);
    }
    return lowest - highest;
}

/// Fills the experts of refused groups with 0 (not with minus infinity: the published code does this, so a refused
/// expert can win where the others are negative). A group's strength is the sum of its two best. Returns the margin
/// between groups.
template <class T>
T fillRefusedGroups(std::vector<T>& ranking, const RouterShape& shape) {
    const int64_t size = shape.experts / shape.groups;
    std::vector<T> strength;
    for (int64_t g = 0; g < shape.groups; ++g) {
        std::vector<T> members(ranking.begin() + g * size, ranking.begin() + (g + 1) * size);
        std::sort(members.begin(), members.end(), std::greater<>());
        strength.push_back(members[0] + (size > 1 ? members[1] : T(0)));
    }
    const std::vector<int64_t> kept = largest(strength, shape.keptGroups);
    for (int64_t g = 0; g < shape.groups; ++g)
        if (!std::binary_search(kept.begin(), kept.end(), g))
            std::fill(ranking.begin() + g * size, ranking.begin() + (g + 1) * size, T(0));
    return cutMargin(strength, kept);
}

/// logits [tokens, E] -> [tokens, E]: the sigmoid of each, or the softmax over the experts.
template <class T>
Matrix<T> affinities(const Matrix<T>& logits, Affinity affinity) {
    return affinity == Affinity::Softmax ? softmax(logits) : mapped(logits, sigmoid<T>);
}

/// Gates of a given choice [tokens * k] -> [tokens, k]: the affinities of the chosen, for k > 1 divided by their sum,
/// times the scale.
template <class T>
Matrix<T> gatesOf(const Matrix<T>& scores, const std::vector<int64_t>& expert, const RouterShape& shape) {
    Matrix<T> gate(scores.rows, shape.topK);
    for (int64_t token = 0; token < scores.rows; ++token) {
        const int64_t* chosen = expert.data() + token * shape.topK;
        T sum = T(kLeastAffinitySum);
        for (int64_t i = 0; i < shape.topK; ++i) sum += scores(token, chosen[i]);
        for (int64_t i = 0; i < shape.topK; ++i)
            gate(token, i) =
                (shape.topK > 1 ? scores(token, chosen[i]) / sum : scores(token, chosen[i])) * T(shape.scale);
    }
    return gate;
}

/// logits [tokens, E], selection bias [E] or empty. Chosen: the k best by affinity + bias. Gate: see
/// `gatesOf`.
template <class T>
RouterOutput<T> route(const Matrix<T>& logits, const std::vector<T>& bias, const RouterShape& shape) {
    RouterOutput<T> result{affinities(logits, shape.affinity), {}, {}, {}};
    for (int64_t token = 0; token < logits.rows; ++token) {
        std::vector<T> ranking;
        for (int64_t e = 0; e < shape.experts; ++e)
            ranking.push_back(result.scores(token, e) + (bias.empty() ? T(0) : bias[static_cast<size_t>(e)]));
        T margin = std::numeric_limits<T>::infinity();
        if (shape.keptGroups < shape.groups) margin = fillRefusedGroups(ranking, shape);
        const std::vector<int64_t> chosen = largest(ranking, shape.topK);
        result.margin.push_back(std::min(margin, cutMargin(ranking, chosen)));
        result.expert.insert(result.expert.end(), chosen.begin(), chosen.end());
    }
    result.gate = gatesOf(result.scores, result.expert, shape);
    return result;
}

}  // namespace moescope::reference
