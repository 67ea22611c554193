// SPDX-License-Identifier: Apache-2.0
// The few pickled objects of torch that have a meaning here: storages, tensors, parameters, element types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/io/pickle_graph.h"
#include "engine/io/strided_view.h"

namespace moescope {

/// A reference to stored bytes: ("storage", type, key, device, elements). The device is ignored.
struct TorchStorageReference {
    std::string key;
    std::string typeName;        // "FloatStorage"
    std::optional<DType> dtype;  // nothing for untyped storages and for types this program does not read
    bool untyped = false;
    uint64_t elementSize = 1;
    uint64_t elements = 0;
    uint64_t firstElement = 0;  // where a view of a storage begins (legacy files)
    uint64_t viewElements = 0;  // elements of that view; equal to `elements` without one

    uint64_t bytes() const { return elements * elementSize; }  // checked not to overflow
};

/// A tensor as pickled. `view.storage` is not set.
struct TorchTensorReference {
    TorchStorageReference storage;
    StridedView view;
    std::string unsupported;  // not empty: why this program can not read it ("complex64")
};

/// True for calls of the functions with which torch rebuilds a strided tensor or a parameter.
bool isTorchTensor(const PickleGraph& graph, PickleId id);
/// For nodes where isTorchTensor holds. Throws EngineException (Format), without file name, where it is damaged.
TorchTensorReference readTorchTensor(const PickleGraph& graph, PickleId id);
/// Throws EngineException (Format) where the reference is not a storage's.
TorchStorageReference readTorchStorage(const PickleGraph& graph, PickleId persistent);

/// "os.system" of a class or function, or of the class of an object; a description for everything else.
std::string pickleTypeName(const PickleGraph& graph, PickleId id);

}  // namespace moescope
