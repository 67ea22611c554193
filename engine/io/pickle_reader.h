// SPDX-License-Identifier: Apache-2.0
// Reads a pickle (protocols 0 to 5) into a PickleGraph. It executes nothing: calls become Object nodes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/io/pickle_graph.h"

namespace moescope {

struct Pickle {
    PickleGraph graph;
    PickleId root = kNoPickle;
    std::vector<PickleId> persistents;  // every reference to a storage, in the order of the pickle
    size_t length = 0;                  // bytes up to and with STOP
};

/// Bytes of pickle that are looked at; a checkpoint's is a few megabytes at most.
inline constexpr size_t kLargestPickle = size_t{64} << 20;

/// Reads one pickle at the start of `bytes`, which outlives the result. Throws EngineException (Format) whose message
/// says what is wrong at which byte, without the file's name.
Pickle readPickle(std::span<const std::byte> bytes);

}  // namespace moescope
