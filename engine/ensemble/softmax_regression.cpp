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

/// Free parameters in one vector: for every feature, and last for the biases, one number per free row. So the inner
/// loops run over rows, which do not wait for each other.
class Objective {
public:
    Objective(const SoftmaxProblem& problem, const std::stop_token& stop)
        : m_problem(problem),
          m_stop(stop),
          m_width(static_cast<size_t>(problem.width)),
          m_frozen(static_cast<size_t>(problem.frozenRows)),
          m_free(static_cast<size_t>(problem.classes) - m_frozen) {
        for (int64_t sample = 0; sample < problem.samples(); ++sample)
            for (size_t row = 0; row < m_frozen; ++row) m_frozenLogits.push_back(frozenLogit(problem.row(sample), row));
    }

    size_t size() const { return m_free * (m_width + 1); }

    double at(const Vector& free, Vector& gradient) {
        const double share = 1.0 / static_cast<double>(m_problem.samples());
        std::ranges::fill(gradient, 0.0);
        double loss = 0;
        Vector logits(m_frozen + m_free), pulls(m_free);
        for (int64_t sample = 0; sample < m_problem.samples(); ++sample) {
            if (sample % 256 == 0 && m_stop.stop_requested())
                throw EngineException(ErrorCode::Cancelled, "fitting the router was stopped; nothing was changed");
            const auto index = static_cast<size_t>(sample);
            const std::span<const float> features = m_problem.row(sample);
            const auto label = static_cast<size_t>(m_problem.labels[index]);
            std::copy_n(m_frozenLogits.begin() + static_cast<std::ptrdiff_t>(index * m_frozen), m_frozen,
                        logits.begin());
            addLogits(free, features, &logits[m_frozen]);
            const double largest = *std::ranges::max_element(logits);
            double sum = 0;
            for (const double value : logits) sum += std::exp(value - largest);
            loss += share * (largest + std::log(sum) - logits[label]);
            for (size_t row = 0; row < m_free; ++row) {
                const double probability = std::exp(logits[m_frozen + row] - largest) / sum;
                pulls[row] = share * (probability - (m_frozen + row == label ? 1.0 : 0.0));
            }
            for (size_t i = 0; i <= m_width; ++i) {
                const double feature = i < m_width ? static_cast<double>(features[i]) : 1;
                for (size_t row = 0; row < m_free; ++row) gradient[i * m_free + row] += pulls[row] * feature;
            }
        }
        for (size_t i = 0; i < m_width * m_free; ++i) {  // biases are free of the penalty
            loss += 0.5 * m_problem.l2 * free[i] * free[i];
            gradient[i] += m_problem.l2 * free[i];
        }
        return loss;
    }

    SoftmaxSolution solution(const Vector& free) const {
        SoftmaxSolution solution;
        solution.weights = m_problem.frozenWeights;
        solution.biases = m_problem.frozenBiases;
        for (size_t row = 0; row < m_free; ++row) {
            for (size_t i = 0; i < m_width; ++i) solution.weights.push_back(free[i * m_free + row]);
            solution.biases.push_back(free[m_width * m_free + row]);
        }
        return solution;
    }

private:
    double frozenLogit(std::span<const float> features, size_t row) const {
        double sum = m_problem.frozenBiases[row];
        for (size_t i = 0; i < m_width; ++i)
            sum += m_problem.frozenWeights[row * m_width + i] * static_cast<double>(features[i]);
        return sum;
    }
    void addLogits(const Vector& free, std::span<const float> features, double* logits) const {
        std::copy_n(free.end() - static_cast<std::ptrdiff_t>(m_free), m_free, logits);
        for (size_t i = 0; i < m_width; ++i)
            for (size_t row = 0; row < m_free; ++row)
                logits[row] += free[i * m_free + row] * static_cast<double>(features[i]);
    }

    const SoftmaxProblem& m_problem;
    const std::stop_token& m_stop;
    size_t m_width, m_frozen, m_free;
    Vector m_frozenLogits;  // [samples, frozen rows]
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
    int iterations = 0;
    double loss = objective.at(at, gradient);
    for (; iterations < kMostIterations && steepestOf(gradient) > kSmallGradient; ++iterations) {
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
    SoftmaxSolution solution = objective.solution(at);
    solution.loss = loss;
    solution.iterations = iterations;
    solution.steepest = steepestOf(gradient);
    solution.converged = solution.steepest <= 10 * kSmallGradient;
    return solution;
}

}  // namespace moescope
