// SPDX-License-Identifier: Apache-2.0
// The reference sparse mixture-of-experts layer for a routing that is already decided.
#pragma once

#include "engine/reference/mlp.h"
#include "engine/reference/policies.h"
#include "engine/reference/router.h"

namespace moescope::reference {

template <class T>
struct MoeLayerOutput {
    Matrix<T>
        routed;  // [tokens, D] sum over chosen experts of gate * expert(x), added in ascending order of the experts
    Matrix<T> shared;  // [tokens, D] the shared expert's output, or the layer's input where there is none
    Matrix<T> sum;     // routed + shared: what the layer returns
};

/// x [tokens, D]; `expert` [tokens * k] and `gate` [tokens, k] as `route` returns them; `sharedExpert` may be null
/// (Dai et al., 2024, DeepSeekMoE, equation 9; the residual of that equation is the block's business).
template <class T>
MoeLayerOutput<T> moeLayer(const Matrix<T>& x, const std::vector<int64_t>& expert, const Matrix<T>& gate,
                           const std::vector<GatedMlp<T>>& experts, const GatedMlp<T>* sharedExpert) {
    Matrix<T> routed(x.rows, x.cols);
    for (int64_t token = 0; token < x.rows; ++token) {
        const Matrix<T> row(1, x.cols,
                            std::vector<T>(x.data.begin() + token * x.cols, x.data.begin() + (token + 1) * x.cols));
        for (int64_t i = 0; i < gate.cols; ++i) {
            const Matrix<T> y =
                gatedMlp(row, experts[static_cast<size_t>(expert[static_cast<size_t>(token * gate.cols + i)])]);
            for (int64_t c = 0; c < x.cols; ++c) routed(token, c) += gate(token, i) * y(0, c);
        }
    }
    Matrix<T> shared = sharedExpert ? gatedMlp(x, *sharedExpert) : x;
    Matrix<T> sum = routed;
    for (size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += shared.data[i];
    return {std::move(routed), std::move(shared), std::move(sum)};
}

/// The routed sum [tokens, D] of any list of pairs: gate * expert(row, number), added in ascending order of the
/// experts; zero for a token without a pair. `expert` maps a row [1, D] and an expert's number to [1, D].
template <class T, class Expert>
Matrix<T> routedSum(const Matrix<T>& x, const Pairs<T>& pairs, const Expert& expert) {
    Matrix<T> routed(x.rows, x.cols);
    for (int64_t token = 0; token < x.rows; ++token) {
        const Matrix<T> row(1, x.cols,
                            std::vector<T>(x.data.begin() + token * x.cols, x.data.begin() + (token + 1) * x.cols));
        for (auto p = static_cast<size_t>(pairs.start[static_cast<size_t>(token)]);
             p < static_cast<size_t>(pairs.start[static_cast<size_t>(token) + 1]); ++p) {
            const Matrix<T> y = expert(row, pairs.expert[p]);
            for (int64_t c = 0; c < x.cols; ++c) routed(token, c) += pairs.gate[p] * y(0, c);
        }
    }
    return routed;
}

}  // namespace moescope::reference
