// SPDX-License-Identifier: Apache-2.0
// What a person changed about a mixture of networks for one run. Recorded with the run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moescope {

/// Networks are named as in RoutingTrace::networks. Nothing set: the router decides alone.
struct NetworkEdits {
    std::vector<std::string> muted;           // never run; the router's choice falls on the others
    std::vector<std::string> pinned;          // always among the chosen
    std::vector<std::vector<double>> weights; // instead of the router's: one row for the whole run or one per step, a number >= 0 for
                                              // each network in their order; scaled to sum 1, any number of networks
    int64_t topK = 0;                         // how many networks are chosen; 0: as the ensemble says

    bool empty() const { return muted.empty() && pinned.empty() && weights.empty() && topK == 0; }
    bool operator==(const NetworkEdits&) const = default;
};

}  // namespace moescope
