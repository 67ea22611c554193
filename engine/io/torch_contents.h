// SPDX-License-Identifier: Apache-2.0
// Walks a pickled checkpoint: names its tensors by their path and keeps its plain values.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/io/pickle_reader.h"
#include "engine/io/torch_objects.h"

namespace moescope {

struct NamedTorchTensor {
    std::string name;  // path of dictionary keys and list positions, joined with dots
    TorchTensorReference tensor;
};

struct TorchContents {
    std::vector<NamedTorchTensor> tensors;  // in the order of the file, names differ
    nlohmann::json metadata = nlohmann::json::object();
    std::vector<std::string> notes;
};

/// Shared objects appear under each of their paths as long as the whole stays within fixed limits; cycles are cut.
/// Throws EngineException, without file name: damaged tensors, no tensor at all, a whole pickled module.
TorchContents readTorchContents(const Pickle& pickle);

}  // namespace moescope
