// SPDX-License-Identifier: Apache-2.0
// Multinomial logistic regression with an L2 penalty, solved by L-BFGS: convex, deterministic, one thread.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

namespace moescope {

/// Minimises  mean over samples of -log softmax(W f + b)[label]  +  l2 / 2 |W|^2  over the rows of W and b from
/// `frozenRows` on; the earlier rows stay as given.
struct SoftmaxProblem {
    std::vector<float> features;  // [samples, width]
    std::vector<int> labels;      // [samples], within 0 .. classes - 1
    int64_t width = 0;
    int64_t classes = 0;
    double l2 = 1e-4;
    int64_t frozenRows = 0;
    std::vector<double> frozenWeights;  // [frozenRows, width]
    std::vector<double> frozenBiases;   // [frozenRows]

    int64_t samples() const { return static_cast<int64_t>(labels.size()); }
    std::span<const float> row(int64_t sample) const {
        return std::span(features).subspan(static_cast<size_t>(sample * width), static_cast<size_t>(width));
    }
};

struct SoftmaxSolution {
    std::vector<double> weights;  // [classes, width]
    std::vector<double> biases;   // [classes]
    double loss = 0;
    double steepest = 0;  // largest absolute component of the gradient at the end
    int iterations = 0;
    bool converged = false;

    /// The class of the largest logit; of equal ones the lower.
    int classOf(std::span<const float> features) const;
};

/// Ends where no component of the gradient is above 1e-6, or after 500 iterations. Throws EngineException (Cancelled).
SoftmaxSolution solveSoftmax(const SoftmaxProblem& problem, const std::stop_token& stop = {});

}  // namespace moescope
