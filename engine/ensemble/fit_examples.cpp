// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/fit_examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/sampling/torch_cpu_rng.h"

namespace moescope {
namespace {

std::vector<bool> heldOut(const FitExamples& examples, const RouterFitOptions& options) {
    std::vector<std::vector<std::string>> ofExpert(examples.names.size());
    std::map<std::string, bool> held;
    for (size_t i = 0; i < examples.groups.size(); ++i)
        if (held.emplace(examples.groups[i], false).second)
            ofExpert[static_cast<size_t>(examples.problem.labels[i])].push_back(examples.groups[i]);
    TorchCpuGenerator generator(options.seed);
    for (const std::vector<std::string>& groups : ofExpert) {
        std::vector<int64_t> order(groups.size());
        generator.randperm(order);
        const auto wanted = static_cast<size_t>(std::lround(options.holdout * static_cast<double>(groups.size())));
        const size_t count = std::min(wanted, groups.empty() ? 0 : groups.size() - 1);
        for (size_t i = 0; i < count; ++i) held[groups[static_cast<size_t>(order[i])]] = true;
    }
    std::vector<bool> flags;
    for (const std::string& group : examples.groups) flags.push_back(held[group]);
    return flags;
}

SoftmaxProblem without(const SoftmaxProblem& all, const std::vector<bool>& held) {
    SoftmaxProblem part = all;
    part.features.clear();
    part.labels.clear();
    for (size_t i = 0; i < held.size(); ++i) {
        if (held[i]) continue;
        const auto row = all.row(static_cast<int64_t>(i));
        part.features.insert(part.features.end(), row.begin(), row.end());
        part.labels.push_back(all.labels[i]);
    }
    return part;
}

int mostFrequent(const SoftmaxProblem& problem) {
    std::vector<int64_t> count(static_cast<size_t>(problem.classes));
    for (const int label : problem.labels) ++count[static_cast<size_t>(label)];
    return static_cast<int>(std::ranges::max_element(count) - count.begin());
}

}  // namespace

void checkLabels(const FitExamples& examples, const char* what) {
    std::vector<int64_t> count(examples.names.size());
    for (const int label : examples.problem.labels) ++count[static_cast<size_t>(label)];
    for (size_t expert = 0; expert < count.size(); ++expert)
        if (count[expert] == 0)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("no {} belongs to the expert '{}', so that nothing could be learned about "
                            "it; give every expert some",
                            what, examples.names[expert]));
}

void checkOptions(const RouterFitOptions& options) {
    if (!(options.holdout >= 0 && options.holdout < 1))
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{} was given as the share to hold out where a number from 0 to below 1 is "
                                          "expected; 0.2 is common",
                                          options.holdout));
    if (!(options.l2 > 0 && std::isfinite(options.l2)))
        throw EngineException(
            ErrorCode::InvalidArgument,
            fmt::format("{} was given as the L2 penalty where a number above 0 is expected; 0.0001 is "
                        "common",
                        options.l2));
}

SoftmaxSolution fitTwice(const FitExamples& examples, const RouterFitOptions& options, RouterFitReport& report) {
    const SoftmaxProblem& problem = examples.problem;
    const auto classes = static_cast<size_t>(problem.classes);
    const std::vector<bool> held = heldOut(examples, options);
    report.examples = problem.samples();
    report.heldOut = std::ranges::count(held, true);
    report.heldOutAccuracy = report.likeliest = std::numeric_limits<double>::quiet_NaN();
    report.confusion.assign(classes, std::vector<int64_t>(classes));
    const SoftmaxSolution all = solveSoftmax(problem, options.stop);
    SoftmaxProblem trained = problem;
    if (report.heldOut > 0) trained = without(problem, held);
    const SoftmaxSolution judged = report.heldOut > 0 ? solveSoftmax(trained, options.stop) : all;
    const int frequent = mostFrequent(trained);
    int64_t right = 0, rightByHabit = 0, rightOfAll = 0;
    for (size_t i = 0; i < held.size(); ++i) {
        const auto row = problem.row(static_cast<int64_t>(i));
        const int label = problem.labels[i];
        rightOfAll += all.classOf(row) == label ? 1 : 0;
        if (report.heldOut > 0 && !held[i]) continue;
        const int chosen = judged.classOf(row);
        ++report.confusion[static_cast<size_t>(label)][static_cast<size_t>(chosen)];
        right += chosen == label ? 1 : 0;
        rightByHabit += frequent == label ? 1 : 0;
    }
    const auto shareOf = [](int64_t part, int64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    };
    if (report.heldOut > 0) {
        report.heldOutAccuracy = shareOf(right, report.heldOut);
        report.likeliest = shareOf(rightByHabit, report.heldOut);
    }
    report.accuracy = shareOf(rightOfAll, report.examples);
    report.iterations = all.iterations;
    report.loss = all.loss;
    report.converged = all.converged;
    return all;
}

std::map<std::string, std::string> fitMetadata(const RouterFitReport& report, const RouterFitOptions& options,
                                               std::span<const std::string> names, const char* from) {
    std::map<std::string, std::string> metadata{
        {"format", "moescope.router/v1"},
        {"experts", nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
        {"fitted_from", from},
        {"examples", fmt::format("{}", report.examples)},
        {"accuracy", fmt::format("{:.4f}", report.accuracy)},
        {"held_out", fmt::format("{}", report.heldOut)},
        {"holdout", fmt::format("{}", options.holdout)},
        {"seed", fmt::format("{}", options.seed)},
        {"l2", fmt::format("{}", options.l2)}};
    if (report.heldOut > 0) {
        metadata["held_out_accuracy"] = fmt::format("{:.4f}", report.heldOutAccuracy);
        metadata["held_out_accuracy_of_the_most_frequent_expert"] = fmt::format("{:.4f}", report.likeliest);
    }
    return metadata;
}

}  // namespace moescope
