// SPDX-License-Identifier: Apache-2.0
// The reference sparse layer as it is trained: router, experts and shared expert in one for a given choice of experts,
// and its backward.
#pragma once

#include <optional>

#include "engine/reference/mlp.h"
#include "engine/reference/router_backward.h"

namespace moescope::reference {

/// How gradients reach the router of y = sum over the chosen e of g_e f_e(x); the forward value is the same in all
/// three. Chosen: through g_e. StraightThrough: y = sum over the chosen of [stop(g_e - q_e) + q_e] f_e(x), q =
/// `gatesOfAll`. Dense: the same sum over all experts (g_e = 0 for unchosen ones), the outputs of unchosen ones without
/// gradient.
enum class RoutingGradient { Chosen, StraightThrough, Dense };

struct SparseOptions {
    RouterShape router;
    RoutingGradient gradient = RoutingGradient::Chosen;
    bool addsInput = true;  // without a shared expert: y = routed + x
};

/// Weights or, in the same form, their gradients.
template <class T>
struct SparseWeights {
    Matrix<T> router;  // [E, D]
    std::vector<GatedMlp<T>> experts;
    std::optional<GatedMlp<T>> shared;
};

/// The pairs of token and expert, in the order of the experts, within an expert of the tokens.
struct PairOrder {
    std::vector<int64_t> token;   // [pairs]
    std::vector<int64_t> place;   // [tokens * k] where a choice of a token stands in this order
    std::vector<int64_t> offset;  // [E + 1] first pair of each expert
};

inline PairOrder orderByExpert(const std::vector<int64_t>& expert, int64_t topK, int64_t experts) {
    PairOrder order{{}, std::vector<int64_t>(expert.size()), {0}};
    for (int64_t e = 0; e < experts; ++e) {
        for (size_t choice = 0; choice < expert.size(); ++choice)
            if (expert[choice] == e) {
                order.place[choice] = static_cast<int64_t>(order.token.size());
                order.token.push_back(static_cast<int64_t>(choice) / topK);
            }
        order.offset.push_back(static_cast<int64_t>(order.token.size()));
    }
    return order;
}

/// What the backward takes from the forward, beside the input.
template <class T>
struct SparseSaved {
    Matrix<T> logits;                   // [tokens, E]
    std::vector<int64_t> expert;        // [tokens * k] ascending within a token
    Matrix<T> hidden;                   // [pairs, 2 I] before the activation, in PairOrder
    Matrix<T> outputs;                  // [pairs, D] of the experts, before the gates
    Matrix<T> sharedHidden;             // [tokens, 2 S]
    std::vector<Matrix<T>> allOutputs;  // per expert [tokens, D], for RoutingGradient::Dense alone
};

template <class T>
struct SparseForward {
    Matrix<T> y;  // [tokens, D]
    SparseSaved<T> saved;
};

/// Rows `first` .. `last` - 1 of a matrix.
template <class T>
Matrix<T> rowRange(const Matrix<T>& x, int64_t first, int64_t last) {
    return Matrix<T>(last - first, x.cols,
                     std::vector<T>(x.data.begin() + first * x.cols, x.data.begin() + last * x.cols));
}

/// x [tokens, D]; the experts are those given, whatever the logits say (frozen selection); logits may be given (rounded
/// ones), else they are those of the router.
template <class T>
SparseForward<T> sparseLayer(const Matrix<T>& x, const SparseWeights<T>& weights, const SparseOptions& options,
                             const std::vector<int64_t>& expert, const Matrix<T>* logits = nullptr) {
    const int64_t k = options.router.topK, experts = options.router.experts;
    SparseForward<T> result;
    SparseSaved<T>& saved = result.saved;
    saved.logits = logits ? *logits : linear(x, weights.router);
    saved.expert = expert;
    const Matrix<T> gate = gatesOf(affinities(saved.logits, options.router.affinity), expert, options.router);
    const PairOrder order = orderByExpert(expert, k, experts);
    saved.hidden.cols = weights.experts[0].in.rows;
    saved.outputs.cols = x.cols;
    for (int64_t e = 0; e < experts; ++e) {
        const GatedMlp<T>& own = weights.experts[static_cast<size_t>(e)];
        const int64_t first = order.offset[static_cast<size_t>(e)], last = order.offset[static_cast<size_t>(e) + 1];
        Matrix<T> rows(last - first, x.cols);
        for (int64_t p = first; p < last; ++p)
            for (int64_t c = 0; c < x.cols; ++c) rows(p - first, c) = x(order.token[static_cast<size_t>(p)], c);
        const Matrix<T> hidden = linear(rows, own.in, own.inBias);
        const Matrix<T> y = linear(gated(hidden), own.out, own.outBias);
        saved.hidden.data.insert(saved.hidden.data.end(), hidden.data.begin(), hidden.data.end());
        saved.outputs.data.insert(saved.outputs.data.end(), y.data.begin(), y.data.end());
        if (options.gradient == RoutingGradient::Dense) saved.allOutputs.push_back(gatedMlp(x, own));
    }
    saved.hidden.rows = saved.outputs.rows = order.offset.back();

    result.y = Matrix<T>(x.rows, x.cols);
    if (weights.shared) {
        saved.sharedHidden = linear(x, weights.shared->in, weights.shared->inBias);
        result.y = linear(gated(saved.sharedHidden), weights.shared->out, weights.shared->outBias);
    } else if (options.addsInput) {
        result.y = x;
    }
    for (int64_t token = 0; token < x.rows; ++token)
        for (int64_t i = 0; i < k; ++i)
            for (int64_t c = 0; c < x.cols; ++c)
                result.y(token, c) +=
                    gate(token, i) * saved.outputs(order.place[static_cast<size_t>(token * k + i)], c);
    return result;
}

/// Weights of the router's own losses in the total.
template <class T>
struct RouterLossWeights {
    T auxiliary = 0, z = 0;
};

template <class T>
struct SparseGradients {
    Matrix<T> x;
    SparseWeights<T> weights;
};

/// <dy, f> of every pair as the gradient of what its output was multiplied by -> dScores [tokens, E].
template <class T>
Matrix<T> routingBackward(const SparseSaved<T>& saved, const SparseOptions& options, const PairOrder& order,
                          const Matrix<T>& dy) {
    const RouterShape& router = options.router;
    const Matrix<T> scores = affinities(saved.logits, router.affinity);
    const auto along = [&](int64_t token, const Matrix<T>& outputs, int64_t row) {
        T sum = 0;
        for (int64_t c = 0; c < dy.cols; ++c) sum += dy(token, c) * outputs(row, c);
        return sum;
    };
    Matrix<T> dGate(dy.rows, router.topK), dq(dy.rows, router.experts);
    for (int64_t token = 0; token < dy.rows; ++token) {
        for (int64_t i = 0; i < router.topK; ++i) {
            const auto choice = static_cast<size_t>(token * router.topK + i);
            dGate(token, i) = along(token, saved.outputs, order.place[choice]);
            dq(token, saved.expert[choice]) = dGate(token, i);
        }
        if (options.gradient == RoutingGradient::Dense)
            for (int64_t e = 0; e < router.experts; ++e)
                dq(token, e) = along(token, saved.allOutputs[static_cast<size_t>(e)], token);
    }
    if (options.gradient == RoutingGradient::Chosen) return gatesBackward(scores, saved.expert, router, dGate);
    return gatesOfAllBackward(scores, router, dq);
}

/// Gradients of <dy, y> + losses.auxiliary * auxiliaryLoss + losses.z * zLoss, the selection held constant.
template <class T>
SparseGradients<T> sparseLayerBackward(const Matrix<T>& x, const SparseWeights<T>& weights, const SparseSaved<T>& saved,
                                       const SparseOptions& options, const Matrix<T>& dy,
                                       const RouterLossWeights<T>& losses) {
    const RouterShape& router = options.router;
    const PairOrder order = orderByExpert(saved.expert, router.topK, router.experts);
    const Matrix<T> scores = affinities(saved.logits, router.affinity);
    const Matrix<T> gate = gatesOf(scores, saved.expert, router);

    Matrix<T> dScores = routingBackward(saved, options, order, dy);
    const Matrix<T> auxiliary = auxiliaryLossBackward(scores, saved.expert), z = zLossBackward(saved.logits);
    for (size_t i = 0; i < dScores.data.size(); ++i) dScores.data[i] += losses.auxiliary * auxiliary.data[i];
    Matrix<T> dLogits = affinitiesBackward(saved.logits, router.affinity, dScores);
    for (size_t i = 0; i < dLogits.data.size(); ++i) dLogits.data[i] += losses.z * z.data[i];
    LinearGradients<T> linear = linearBackward(x, weights.router, dLogits);
    SparseGradients<T> d{std::move(linear.x), {std::move(linear.weight), {}, {}}};

    Matrix<T> gateOfPair(order.offset.back(), 1);
    for (size_t choice = 0; choice < saved.expert.size(); ++choice)
        gateOfPair(order.place[choice], 0) = gate.data[choice];
    for (int64_t e = 0; e < router.experts; ++e) {
        const int64_t first = order.offset[static_cast<size_t>(e)], last = order.offset[static_cast<size_t>(e) + 1];
        Matrix<T> rows(last - first, x.cols), dRows(last - first, x.cols);
        for (int64_t p = first; p < last; ++p)
            for (int64_t c = 0; c < x.cols; ++c) {
                rows(p - first, c) = x(order.token[static_cast<size_t>(p)], c);
                dRows(p - first, c) = gateOfPair(p, 0) * dy(order.token[static_cast<size_t>(p)], c);
            }
        GatedMlpGradients<T> own =
            gatedMlpBackward(rows, rowRange(saved.hidden, first, last), weights.experts[static_cast<size_t>(e)], dRows);
        for (int64_t p = first; p < last; ++p)
            for (int64_t c = 0; c < x.cols; ++c) d.x(order.token[static_cast<size_t>(p)], c) += own.x(p - first, c);
        d.weights.experts.push_back(std::move(own.weights));
    }

    Matrix<T> besides = dy;  // what reaches x beside router and experts
    if (weights.shared) {
        GatedMlpGradients<T> shared = gatedMlpBackward(x, saved.sharedHidden, *weights.shared, dy);
        besides = std::move(shared.x);
        d.weights.shared = std::move(shared.weights);
    }
    if (weights.shared || options.addsInput)
        for (size_t i = 0; i < d.x.data.size(); ++i) d.x.data[i] += besides.data[i];
    return d;
}

}  // namespace moescope::reference
