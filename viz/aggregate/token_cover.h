// SPDX-License-Identifier: GPL-3.0-or-later
// How tokens and experts match where neither side has a fixed number of the other: what experts take, and who is left
// over.
#pragma once

#include <vector>

#include "viz/aggregate/load.h"
#include "viz/aggregate/matrix.h"

namespace moescope {

/// [E, evaluations of the query] tokens that an expert took, as a multiple of N / E: N tokens of the images and
/// branches of the query, E experts. 1 is an even share with one expert per token on average; with expert choice it is
/// the capacity factor. `measure` has no meaning here; column 0 is `query.firstEvaluation`. No data where nothing was
/// recorded and for Difference.
Matrix capacityOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query);

/// One evaluation of a layer; from counts alone but for `unrouted`, which needs assignments.
struct TokenCover {
    double expertsPerToken = noData;  // mean number of routed experts of a token
    double unrouted = noData;         // share of the tokens that no routed expert took, 0 .. 1
};
/// [evaluations of the query]; all tokens of the images and branches of the query (Difference: no data).
std::vector<TokenCover> coverOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query);

/// [E + 1, evaluations of the query] tokens that had 0, 1, ... E routed experts (see expertsPerToken); no data where no
/// assignments of the query's branch were recorded.
Matrix expertsPerTokenOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query);

}  // namespace moescope
