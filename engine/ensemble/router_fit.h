// SPDX-License-Identifier: Apache-2.0
// Fits a router from examples without touching the experts: a convex problem, seconds on a CPU, the same result every
// time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/ensemble/labelled_examples.h"
#include "engine/ensemble/learned_router.h"

namespace moescope {

/// The hidden layer is chosen, not learned, which leaves a convex problem for the output rows:
///
/// - prompts: the identity, so that the logits are linear in the embedding: few examples in many dimensions are best
/// told
///   apart by planes, and the row of any later expert can be added. The time is not looked at.
/// - pictures: random features (Rahimi and Recht, 2007): a Gaussian matrix over the standardised features and the time.
///   What a mean or a deviation says depends on the noise, and linear logits could not express that product.
struct RouterFitOptions {
    double holdout = 0.2;  // share of each expert's groups (or pictures) that is held out; 0: none
    uint64_t seed = 0;     // of the split, and for pictures of noise and random features
    double l2 = 1e-4;
    int64_t hidden = 256;                                                        // random features (pictures)
    std::vector<float> flowTimes{0.05F, 0.2F, 0.35F, 0.5F, 0.65F, 0.8F, 0.95F};  // noise levels of each picture
    std::stop_token stop;
};

/// Held out and never trained on: `heldOut` examples. The router that is written was then fitted on all examples.
struct RouterFitReport {
    int64_t examples = 0;  // lines, or pictures times noise levels
    int64_t heldOut = 0;
    double heldOutAccuracy = 0;                   // of the fit without them; NaN where nothing was held out
    double likeliest = 0;                         // accuracy on them of always naming the most frequent expert
    double accuracy = 0;                          // of the written router on all examples
    std::vector<std::vector<int64_t>> confusion;  // [expert][chosen] of the held-out ones, else of all
    int iterations = 0;
    double loss = 0;
    bool converged = false;
};

struct FittedRouter {
    LearnedRouterWeights weights;
    RouterSight sight;
    RouterFitReport report;
    std::map<std::string, std::string> metadata;  // of the file: the report and how it came about
};

/// Every expert needs an example.
Result<FittedRouter> fitPromptRouter(std::span<const LabelledPrompt> prompts, std::span<const std::string> expertNames,
                                     const PromptFeatures& hashing, const RouterFitOptions& options = {});

/// Noisy pictures t x + (1 - t) n at every time of `flowTimes`, n drawn anew for each. All pictures of one shape.
Result<FittedRouter> fitPictureRouter(std::span<const LabelledPicture> pictures,
                                      std::span<const std::string> expertNames, int64_t grid,
                                      const RouterFitOptions& options = {});

/// Rows for the experts that a prompt router does not have yet, fitted on all examples against the rows it has, which
/// stay bit for bit, as does its hidden layer. `known` has rows for the first experts of the list.
Result<FittedRouter> fitAddedRows(const LearnedRouterWeights& known, const RouterSight& sight,
                                  std::span<const LabelledPrompt> prompts, std::span<const std::string> expertNames,
                                  const RouterFitOptions& options = {});

}  // namespace moescope
