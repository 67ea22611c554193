// SPDX-License-Identifier: Apache-2.0
#include "engine/io/named_tensors.h"

#include <fmt/format.h>

#include <cstring>

#include "engine/io/tensor_source.h"

namespace moescope {
namespace {

EngineError missing(std::string_view name) {
    return {ErrorCode::NotFound,
            fmt::format("tensor {} is not in the file; check that the file belongs to this use", name)};
}

template <class Stored>
std::vector<int64_t> widened(const std::vector<std::byte>& bytes) {
    std::vector<int64_t> values(bytes.size() / sizeof(Stored));
    for (size_t i = 0; i < values.size(); ++i) {
        Stored value;
        std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
        values[i] = static_cast<int64_t>(value);
    }
    return values;
}

}  // namespace

Result<HostTensor> NamedTensors::asFloat(std::string_view name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) return missing(name);
    HostTensor result(found->second.shape);
    convertToFloat(found->second.dtype, found->second.bytes.data(), result.data);
    return result;
}

Result<std::vector<int64_t>> NamedTensors::asInt64(std::string_view name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) return missing(name);
    const NamedTensor& tensor = found->second;
    switch (tensor.dtype) {
        case DType::I64:
            return widened<int64_t>(tensor.bytes);
        case DType::I32:
            return widened<int32_t>(tensor.bytes);
        case DType::I16:
            return widened<int16_t>(tensor.bytes);
        case DType::I8:
            return widened<int8_t>(tensor.bytes);
        case DType::U64:
            return widened<uint64_t>(tensor.bytes);
        case DType::U32:
            return widened<uint32_t>(tensor.bytes);
        case DType::U16:
            return widened<uint16_t>(tensor.bytes);
        case DType::U8:
        case DType::Bool:
            return widened<uint8_t>(tensor.bytes);
        default:
            return {
                ErrorCode::InvalidArgument,
                fmt::format(
                    "tensor {} holds {} values where whole numbers are needed; check that the file belongs to this use",
                    name, dtypeName(tensor.dtype))};
    }
}

Result<NamedTensors> readAllTensors(const std::filesystem::path& path) {
    const auto source = openTensorSource(path);
    if (!source.ok()) return source.error();
    return guarded([&] {
        NamedTensors all;
        for (const TensorInfo& tensor : (*source)->tensors()) {
            NamedTensor copy{tensor.dtype, tensor.shape, {}};
            copy.bytes.resize(static_cast<size_t>(tensor.elements()) * dtypeSize(tensor.dtype));
            (*source)->readRaw(tensor, copy.bytes).orThrow();
            all.tensors.emplace(tensor.name, std::move(copy));
        }
        all.metadata = (*source)->metadata();
        return all;
    });
}

}  // namespace moescope
