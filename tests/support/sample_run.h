// SPDX-License-Identifier: GPL-3.0-or-later
// A run small enough to check by hand, with every shape that routing can take.
#pragma once

#include <memory>

#include "engine/trace/run_record.h"

namespace moescope::test {

/// Two images of 2 x 2 tokens, three experts, three evaluations (Heun: step 0 stages 0 and 1, then step 1), the
/// unconditional branch in the first two. Layers:
///   0 token choice, k = 1 (block 1):    token t of image i goes to expert (t + i + evaluation) % 3 with gate 0.5 + t /
///   8 1 expert choice, capacity 2 (block 3), a class token before the image:
///       token      class  (0,0)    (0,1)  (1,0)  (1,1)
///       experts    2      0 1 2    none   0      1        gates 0.25 each, 0.5 for the token of three
///   2 batch pool (block 5), all records of an evaluation in pool 0: only image 0 is served, every token by expert 1,
///       gate 1; with scores and norms in evaluation 0.
/// Unconditional records route like the conditional ones, but every token of layer 0 goes to expert 0.
RunRecord sampleRun();

/// A routing record whose counts and mass are derived from its assignments.
RoutingRecord recordOf(const RoutingTrace& trace, int evaluation, Branch branch, int layer,
                       const std::vector<std::vector<std::pair<int, float>>>& tokens);

}  // namespace moescope::test
