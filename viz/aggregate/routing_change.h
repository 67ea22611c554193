// SPDX-License-Identifier: GPL-3.0-or-later
// How much a layer's load moved between its experts from one evaluation to the next.
#pragma once

#include "viz/aggregate/load.h"
#include "viz/aggregate/matrix.h"

namespace moescope {

/// [layers, evaluations of the query] share of the layer's load that moved since the evaluation before: 0 nothing
/// moved, 1 the two have nothing in common (`shareDistance`). Column 0 is `query.firstEvaluation`, which is compared
/// with the evaluation before it even though the query leaves that out. A row is a layer of `trace.layers`. No data: at
/// evaluation 0, where one of the two evaluations has no positive load in the query's branch and image, and for Both
/// where only one of them ran both branches, as such a sum changes without anything having moved. Negative values
/// (cosine gates) count as 0. Difference makes no sense here and gives no data.
Matrix routingChange(const RoutingTrace& trace, const LoadQuery& query);

}  // namespace moescope
