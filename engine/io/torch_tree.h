// SPDX-License-Identifier: Apache-2.0
// How a pickled value looks to somebody who walks a checkpoint: a mapping, a sequence, a tensor, or a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/io/pickle_graph.h"

namespace moescope {

enum class TorchShape : uint8_t { Plain, Mapping, Sequence, Tensor, Opaque };

struct TorchNode {
    TorchShape shape = TorchShape::Plain;
    uint32_t firstCell = kNoPickle;  // of the items; a mapping's are key, value, key, value ...
    PickleId value = kNoPickle;      // what stands for the node (an omegaconf node stands for the value in it)
    PickleId owner = kNoPickle;      // whose items these are: the node, or the dictionary of its attributes
};

/// OrderedDict and the like are mappings, so are a Namespace and plain objects by their fields; torch.Size and sets are
/// sequences. Calls of anything else are opaque.
TorchNode torchNode(const PickleGraph& graph, PickleId id);

/// What a walk needs to know beforehand, for every node: found in one pass without recursion.
struct TorchReach {
    std::vector<bool> holdsTensor;      // a tensor can be reached through mappings and sequences
    std::vector<uint32_t> plainValues;  // values that a full copy would have (saturating); cycles are cut
};
TorchReach torchReach(const PickleGraph& graph, PickleId root);

/// Text of a dictionary key as part of a name; empty for keys that are neither text nor integer.
std::string keyText(const PickleGraph& graph, PickleId key);

}  // namespace moescope
