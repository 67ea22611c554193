// SPDX-License-Identifier: GPL-3.0-or-later
// How evenly a layer's work is spread over its experts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "viz/aggregate/load.h"

namespace moescope {

struct Balance {
    double entropy = noData;  // of the load shares over log E: 1 every expert the same, 0 one expert takes all
    double maxOverMean =
        noData;          // largest load over mean load: 1 .. E (for token counts: the MaxVio of the papers + 1)
    int64_t unused = 0;  // experts with no load at all
    double total = 0;    // sum of the loads, in their unit

    bool hasData() const { return moescope::hasData(entropy); }
};

/// `load` [E] of one layer, counts or gate mass; negative values (cosine gates) count as 0 for the entropy. Without any
/// positive load there is no entropy and no ratio. With one expert both are 1.
Balance balanceOf(std::span<const double> load);

/// The same of one layer, [E]: an unconditional expert is left out, as it takes no part in the competition for tokens.
Balance balanceOf(std::vector<double> load, const MoeLayerDescriptor& layer);

/// [layers] balance of each layer, of the load summed over the query. Difference makes no sense here and gives no data.
std::vector<Balance> balancePerLayer(const RoutingTrace& trace, const LoadQuery& query);

/// [evaluations of the query] balance of one layer over the run; entry 0 is `query.firstEvaluation`.
std::vector<Balance> balanceOverEvaluations(const RoutingTrace& trace, int layer, const LoadQuery& query);

/// Half the sum of |a - b| of two lists of load shares: 0 the same, 1 nothing in common. The share of the load that
/// would have to move. `noData` when a side has no data.
double shareDistance(std::span<const double> a, std::span<const double> b);

}  // namespace moescope
