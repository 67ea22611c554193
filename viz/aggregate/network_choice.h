// SPDX-License-Identifier: GPL-3.0-or-later
// Mixtures of whole networks: which network worked on which picture, and with what weight.
#pragma once

#include <map>
#include <utility>

#include "viz/aggregate/load.h"
#include "viz/aggregate/matrix.h"

namespace moescope {

/// The layer of the trace whose experts are the networks (expert e is trace.networks[e]); -1 where there is one
/// network.
int networkLayer(const RoutingTrace& trace);

/// Looks up which network worked on which image. Keeps a reference to the trace.
class NetworkPresence {
public:
    explicit NetworkPresence(const RoutingTrace& trace);

    /// Whether a layer's network worked on an image of the batch; image -1: on any. True where no choice of networks
    /// was recorded, and for the choice itself.
    bool ran(const MoeLayerDescriptor& layer, int evaluation, Branch branch, int64_t image) const;

private:
    std::map<std::pair<int, Branch>, const RoutingRecord*> m_choices;  // by evaluation and branch
    int64_t m_networks = 0;
};

/// [networks, evaluations of the query] mean weight with which a network entered the pictures of the query (`measure`
/// has no meaning here); column 0 is `query.firstEvaluation`. Weights of a picture sum to what its blend sums to,
/// usually 1. A network that worked on none of them has no data, unlike one that worked with weight 0. Both: mean over
/// the branches that ran; Difference: cond - uncond where both ran, and a network that worked in one of them only
/// counts as 0 in the other.
Matrix networkWeights(const RoutingTrace& trace, const LoadQuery& query);

}  // namespace moescope
