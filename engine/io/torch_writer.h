// SPDX-License-Identifier: Apache-2.0
// Writes files as torch.save does: a zip archive of a pickle (protocol 2) and one entry per tensor, which
// `torch.load(weights_only=True)` opens. Tensors are streamed, so that no second copy of a model is needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// A contiguous tensor of any type that torch has. `write` is called once, in the order of the tensors, and hands its
/// bytes to the sink in any number of pieces.
struct TorchTensor {
    using Sink = std::function<void(std::span<const std::byte>)>;
    DType dtype = DType::F32;
    Shape shape;
    std::function<Status(const Sink& sink)> write;
};

struct TorchValue;

struct TorchList {
    std::vector<TorchValue> items;
};

/// Items in order, by text or by integer.
struct TorchDict {
    enum class Kind : uint8_t {
        Dict,
        Ordered /* collections.OrderedDict */,
        Namespace /* argparse.Namespace; keys are texts */
    };
    std::vector<std::pair<TorchValue, TorchValue>> items;
    Kind kind = Kind::Dict;

    void add(TorchValue key, TorchValue value);
};

/// None, or a plain value, or a container of them, or a tensor.
struct TorchValue {
    std::variant<std::monostate, bool, int64_t, double, std::string, TorchList, TorchDict, TorchTensor> held;

    TorchValue() = default;
    TorchValue(bool value) : held(value) {}
    TorchValue(int value) : held(int64_t{value}) {}
    TorchValue(int64_t value) : held(value) {}
    TorchValue(double value) : held(value) {}
    TorchValue(const char* value) : held(std::string(value)) {}
    TorchValue(std::string value) : held(std::move(value)) {}
    TorchValue(TorchList value) : held(std::move(value)) {}
    TorchValue(TorchDict value) : held(std::move(value)) {}
    TorchValue(TorchTensor value) : held(std::move(value)) {}
    /// Objects become dictionaries.
    static TorchValue fromJson(const nlohmann::json& value);
};

/// Writes to a temporary name beside `path`, syncs, renames. Tensors lie at multiples of 64 bytes.
Status writeTorchFile(const std::filesystem::path& path, const TorchValue& root);

}  // namespace moescope
