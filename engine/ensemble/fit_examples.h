// SPDX-License-Identifier: Apache-2.0
// What every fit of a router shares: which examples are held out, the two fits, and what is said about them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/ensemble/router_fit.h"
#include "engine/ensemble/softmax_regression.h"

namespace moescope {

/// Examples as the solver takes them. `groups` [samples]: equal ones are held out together.
struct FitExamples {
    SoftmaxProblem problem;
    std::vector<std::string> groups;
    std::span<const std::string> names;
};

/// Throws a sentence for an expert without an example; `what` is one example: "prompt".
void checkLabels(const FitExamples& examples, const char* what);
void checkOptions(const RouterFitOptions& options);

/// Fits with all examples (the solution), and once without the held-out ones, for the report. Of every expert's groups,
/// each counted where it first appears, the whole number nearest to the share is held out, but never all.
SoftmaxSolution fitTwice(const FitExamples& examples, const RouterFitOptions& options, RouterFitReport& report);

/// `from`: "labelled prompts".
std::map<std::string, std::string> fitMetadata(const RouterFitReport& report, const RouterFitOptions& options,
                                               std::span<const std::string> names, const char* from);

}  // namespace moescope
