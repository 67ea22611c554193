// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/softmax_regression.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "engine/core/error.h"

namespace moescope {
namespace {

using Vector = std::vector<double>;

constexpr int kMostIterations = 500;
constexpr size_t kMemory = 12;           // pairs of steps and gradient changes that stand for the curvature
constexpr double kSmallGradient = 1e-6;  // far below what changes a choice
constexpr double kEnoughDecrease = 1e-4;

double dot(const Vector& a, const Vector& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
void addScaled(Vector& target, double factor, const Vector& what) {
    for (size_t i = 0; i < target.size(); ++i) target[i] += factor * what[i];
}

/// Free parameters in one vector: each row's weights, then its bias.
class Objective {
public:
    Objective(const SoftmaxProblem& problem, const std::stop_token& stop)
        : m_problem(problem), m_stop(stop), m_logits(static_cast<size_t>(problem.classes)) {}

    size_t size() const {
        return static_cast<size_t>((m_problem.classes - m_problem.frozenRows) * (m_problem.width + 1));
    }

    double at(const Vector& free, Vector& gradient) {
        const auto width = static_cast<size_t>(m_problem.width);
        const auto frozen = static_cast<size_t>(m_problem.frozenRows);
        const double share = 1.0 / static_cast<double>(m_problem.samples());
        std::ranges::fill(gradient, 0.0);
        double loss = 0;
        for (int64_t sample = 0; sample < m_problem.samples(); ++sample) {
            if (sample % 256 == 0 && m_stop.stop_requested())
                throw EngineException(ErrorCode::Cancelled, "fitting the router was stopped; nothing was changed");
            const std::span<const float> features = m_problem.row(sample);
            const auto label = static_cast<size_t>(m_problem.labels[static_cast<size_t>(sample)]);
            for (size_t row = 0; row < m_logits.size(); ++row) m_logits[row] = logit(free, features, row);
            const double largest = *std::ranges::max_element(m_logits);
            double sum = 0;
            for (const double value : m_logits) sum += std::exp(value - largest);
            loss += share * (largest + std::log(sum) - m_logits[label]);
            for (size_t row = frozen; row < m_logits.size(); ++row) {
                const double pull = share * (std::exp(m_logits[row] - largest) / sum - (row == label ? 1.0 : 0.0));
                double* slope = &gradient[(row - frozen) * (width + 1)];
                for (size_t i = 0; i < width; ++i) slope[i] += pull * static_cast<double>(features[i]);
                slope[width] += pull;
            }
        }
        for (size_t i = 0; i < free.size(); ++i) {
            if (i % (width + 1) == width) continue;  // biases are free of the penalty
            loss += 0.5 * m_problem.l2 * free[i] * free[i];
            gradient[i] += m_problem.l2 * free[i];
        }
        return loss;
    }

private:
    double logit(const Vector& free, std::span<const float> features, size_t row) const {
        const auto width = static_cast<size_t>(m_problem.width);
        const auto frozen = static_cast<size_t>(m_problem.frozenRows);
        const bool fixed = row < frozen;
        const double* weights = fixed ? &m_problem.frozenWeights[row * width] : &free[(row - frozen) * (width + 1)];
        double sum = fixed ? m_problem.frozenBiases[row] : weights[width];
        for (size_t i = 0; i < width; ++i) sum += weights[i] * static_cast<double>(features[i]);
        return sum;
    }

    const SoftmaxProblem& m_problem;
    const std::stop_token& m_stop;
    Vector m_logits;
};

struct Curvature {
    Vector step, change;
    double product;
};

/// The L-BFGS two-loop recursion (Nocedal and Wright, Numerical Optimization, algorithm 7.4).
Vector descent(const Vector& gradient, const std::deque<Curvature>& memory) {
    Vector direction = gradient;
    Vector factors(memory.size());
    for (size_t i = memory.size(); i-- > 0;) {
        factors[i] = dot(memory[i].step, direction) / memory[i].product;
        addScaled(direction, -factors[i], memory[i].change);
    }
    if (!memory.empty()) {
        const Curvature& last = memory.back();
        const double scale = last.product / dot(last.change, last.change);
        for (double& value : direction) value *= scale;
    }
    for (size_t i = 0; i < memory.size(); ++i)
        addScaled(direction, factors[i] - dot(memory[i].change, direction) / memory[i].product, memory[i].step);
    for (double& value : direction) value = -value;
    return direction;
}

double steepestOf(const Vector& gradient) {
    double steepest = 0;
    for (const double value : gradient) steepest = std::max(steepest, std::abs(value));
    return steepest;
}

}  // namespace

int SoftmaxSolution::classOf(std::span<const float> features) const {
    int best = 0;
    double largest = -INFINITY;
    for (size_t row = 0; row < biases.size(); ++row) {
        double logit = biases[row];
        for (size_t i = 0; i < features.size(); ++i)
            logit += weights[row * features.size() + i] * static_cast<double>(features[i]);
        if (logit <= largest) continue;
        largest = logit;
        best = static_cast<int>(row);
    }
    return best;
}

SoftmaxSolution solveSoftmax(const SoftmaxProblem& problem, const std::stop_token& stop) {
    Objective objective(problem, stop);
    Vector at(objective.size()), gradient(at.size()), nextGradient(at.size());
    std::deque<Curvature> memory;
    SoftmaxSolution solution;
    double loss = objective.at(at, gradient);
    for (; solution.iterations < kMostIterations && steepestOf(gradient) > kSmallGradient; ++solution.iterations) {
        Vector direction = descent(gradient, memory);
        const double slope = dot(direction, gradient);
        double length = memory.empty() ? 1 / std::max(1.0, std::sqrt(dot(gradient, gradient))) : 1;
        Vector next;
        double nextLoss = 0;
        for (int halvings = 0; halvings < 40; ++halvings, length /= 2) {
            next = at;
            addScaled(next, length, direction);
            nextLoss = objective.at(next, nextGradient);
            if (nextLoss <= loss + kEnoughDecrease * length * slope) break;
        }
        if (!(nextLoss < loss)) break;  // as low as double can tell
        Curvature pair{next, nextGradient, 0};
        addScaled(pair.step, -1, at);
        addScaled(pair.change, -1, gradient);
        pair.product = dot(pair.step, pair.change);
        if (pair.product > 0) memory.push_back(std::move(pair));  // positive wherever the problem is strictly convex
        if (memory.size() > kMemory) memory.pop_front();
        at.swap(next);
        gradient.swap(nextGradient);
        loss = nextLoss;
    }
    solution.loss = loss;
    solution.steepest = steepestOf(gradient);
    solution.converged = solution.steepest <= 10 * kSmallGradient;
    solution.weights = problem.frozenWeights;
    solution.biases = problem.frozenBiases;
    const auto width = static_cast<std::ptrdiff_t>(problem.width);
    for (auto row = at.begin(); row != at.end(); row += width + 1) {
        solution.weights.insert(solution.weights.end(), row, row + width);
        solution.biases.push_back(row[width]);
    }
    return solution;
}

}  // namespace moescope
