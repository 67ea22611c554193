// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_objects.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "engine/core/error.h"

namespace moescope {
namespace {

constexpr size_t kLargestRank = 64;
constexpr int kDeepestWrapping = 8;  // a parameter around a tensor; more is no file torch writes

[[noreturn]] void damaged(const std::string& what) {
    throw EngineException(ErrorCode::Format, what + "; fetch or save the file again");
}

struct StorageType {
    std::string_view name;
    uint64_t elementSize;
    std::optional<DType> dtype;
};

constexpr std::array<StorageType, 18> kStorageTypes{{{"DoubleStorage", 8, DType::F64},
                                                     {"FloatStorage", 4, DType::F32},
                                                     {"HalfStorage", 2, DType::F16},
                                                     {"BFloat16Storage", 2, DType::BF16},
                                                     {"LongStorage", 8, DType::I64},
                                                     {"IntStorage", 4, DType::I32},
                                                     {"ShortStorage", 2, DType::I16},
                                                     {"CharStorage", 1, DType::I8},
                                                     {"ByteStorage", 1, DType::U8},
                                                     {"BoolStorage", 1, DType::Bool},
                                                     {"ComplexFloatStorage", 8, {}},
                                                     {"ComplexDoubleStorage", 16, {}},
                                                     {"QInt8Storage", 1, {}},
                                                     {"QUInt8Storage", 1, {}},
                                                     {"QInt32Storage", 4, {}},
                                                     {"QUInt4x2Storage", 1, {}},
                                                     {"QUInt2x4Storage", 1, {}},
                                                     {"UntypedStorage", 1, {}}}};

struct ElementType {
    std::string_view name;
    DType dtype;
};

constexpr std::array<ElementType, 19> kElementTypes{{{"float64", DType::F64},
                                                     {"double", DType::F64},
                                                     {"float32", DType::F32},
                                                     {"float", DType::F32},
                                                     {"float16", DType::F16},
                                                     {"half", DType::F16},
                                                     {"bfloat16", DType::BF16},
                                                     {"float8_e4m3fn", DType::F8E4M3},
                                                     {"float8_e5m2", DType::F8E5M2},
                                                     {"int64", DType::I64},
                                                     {"int32", DType::I32},
                                                     {"int16", DType::I16},
                                                     {"int8", DType::I8},
                                                     {"uint64", DType::U64},
                                                     {"uint32", DType::U32},
                                                     {"uint16", DType::U16},
                                                     {"uint8", DType::U8},
                                                     {"bool", DType::Bool},
                                                     {"long", DType::I64}}};

enum class Rebuild { None, Tensor, TensorV2, TensorV3, Parameter, FromType };

Rebuild rebuildFunction(const PickleGraph& graph, PickleId callee) {
    if (callee == kNoPickle || graph.kind(callee) != PickleKind::Global) return Rebuild::None;
    const std::string_view module = graph.module(callee), name = graph.name(callee);
    if (module == "torch._tensor" && name == "_rebuild_from_type_v2") return Rebuild::FromType;
    if (module != "torch._utils") return Rebuild::None;
    if (name == "_rebuild_tensor") return Rebuild::Tensor;
    if (name == "_rebuild_tensor_v2") return Rebuild::TensorV2;
    if (name == "_rebuild_tensor_v3") return Rebuild::TensorV3;
    if (name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state") return Rebuild::Parameter;
    return Rebuild::None;
}

/// A call with its arguments, looked through _rebuild_from_type_v2(function, type, arguments, state).
struct Call {
    Rebuild function = Rebuild::None;
    std::vector<PickleId> arguments;
};

Call rebuildCall(const PickleGraph& graph, PickleId id) {
    if (graph.kind(id) != PickleKind::Object || graph[id].newObject) return {};
    const auto& node = graph[id];
    Call call{rebuildFunction(graph, node.c), {}};
    if (call.function == Rebuild::None || graph.kind(node.d) != PickleKind::Tuple) return {};
    call.arguments = graph.items(node.d, 9);
    if (call.function != Rebuild::FromType) return call;
    if (call.arguments.size() < 3 || graph.kind(call.arguments[2]) != PickleKind::Tuple ||
        !graph.module(call.arguments[1]).starts_with("torch"))
        return {};
    Call inner{rebuildFunction(graph, call.arguments[0]), graph.items(call.arguments[2], 9)};
    return inner.function == Rebuild::FromType ? Call{} : inner;
}

/// The tensor inside parameters; kNoPickle where there is none.
PickleId unwrapped(const PickleGraph& graph, PickleId id, Call& call) {
    for (int depth = 0; depth < kDeepestWrapping; ++depth) {
        call = rebuildCall(graph, id);
        if (call.function == Rebuild::None) return kNoPickle;
        if (call.function != Rebuild::Parameter) return id;
        if (call.arguments.empty()) return kNoPickle;
        id = call.arguments[0];
    }
    return kNoPickle;
}

int64_t wholeNumber(const PickleGraph& graph, PickleId id, const char* what) {
    const auto value = graph.integer(id);
    if (!value)
        damaged(fmt::format("a tensor's {} is {} where a whole number is needed", what, pickleTypeName(graph, id)));
    return *value;
}

Shape wholeNumbers(const PickleGraph& graph, PickleId id, const char* what) {
    // torch.Size((2, 3)) is accepted for (2, 3).
    if (graph.kind(id) == PickleKind::Object && graph.isGlobal(graph[id].c, "torch", "Size"))
        if (const auto only = graph.items(graph[id].d, 2); only.size() == 1) id = only[0];
    if (graph.kind(id) != PickleKind::Tuple && graph.kind(id) != PickleKind::List)
        damaged(fmt::format("a tensor's {} is {} where a list of whole numbers is needed", what,
                            pickleTypeName(graph, id)));
    Shape values;
    for (const PickleId item : graph.items(id, kLargestRank + 1)) values.push_back(wholeNumber(graph, item, what));
    if (values.size() > kLargestRank) damaged(fmt::format("a tensor has more than {} dimensions", kLargestRank));
    return values;
}

void readElementType(const PickleGraph& graph, PickleId id, TorchTensorReference& tensor) {
    if (graph.kind(id) != PickleKind::Global || graph.module(id) != "torch")
        damaged(fmt::format("a tensor's element type is {}", pickleTypeName(graph, id)));
    for (const ElementType& type : kElementTypes)
        if (type.name == graph.name(id)) {
            tensor.view.dtype = type.dtype;
            return;
        }
    tensor.unsupported = std::string(graph.name(id).substr(0, 64));
}

/// A view of a storage in files before torch 0.4: (key, first element, elements).
void readStorageView(const PickleGraph& graph, PickleId id, TorchStorageReference& storage) {
    if (graph.kind(id) == PickleKind::None) return;
    const auto parts = graph.items(id, 4);
    if (parts.size() != 3) damaged(fmt::format("a view of storage {} is not of torch's form", storage.key));
    const int64_t first = wholeNumber(graph, parts[1], "storage offset");
    const int64_t count = wholeNumber(graph, parts[2], "storage length");
    if (first < 0 || count < 0 || static_cast<uint64_t>(first) > storage.elements ||
        static_cast<uint64_t>(count) > storage.elements - static_cast<uint64_t>(first))
        damaged(fmt::format("a view of storage {} lies outside it", storage.key));
    storage.firstElement = static_cast<uint64_t>(first);
    storage.viewElements = static_cast<uint64_t>(count);
}

}  // namespace

bool isTorchTensor(const PickleGraph& graph, PickleId id) {
    Call call;
    return unwrapped(graph, id, call) != kNoPickle;
}

TorchStorageReference readTorchStorage(const PickleGraph& graph, PickleId persistent) {
    if (graph.kind(persistent) != PickleKind::Persistent)
        damaged(fmt::format("a tensor's storage is {} where a reference to stored bytes is needed",
                            pickleTypeName(graph, persistent)));
    const PickleId reference = graph[persistent].c;
    const auto parts = graph.kind(reference) == PickleKind::Tuple ? graph.items(reference, 7) : std::vector<PickleId>();
    if (parts.size() < 5 || parts.size() > 6 || graph.text(parts[0]) != "storage" ||
        graph.kind(parts[2]) != PickleKind::Text)
        damaged("a reference to stored bytes is not of torch's form (\"storage\", type, key, device, elements)");
    TorchStorageReference storage;
    storage.key = std::string(graph.text(parts[2]).substr(0, 200));
    const std::string_view module = graph.module(parts[1]);
    const StorageType* type = nullptr;
    if (module == "torch" || module == "torch.storage" || module == "torch.cuda")
        for (const StorageType& known : kStorageTypes)
            if (known.name == graph.name(parts[1])) type = &known;
    if (!type)
        damaged(fmt::format("storage {} is said to be of type {}, which is none of torch's storage types", storage.key,
                            pickleTypeName(graph, parts[1])));
    const auto elements = graph.integer(parts[4]);
    if (!elements || *elements < 0 || *elements > std::numeric_limits<int64_t>::max() / 16)
        damaged(fmt::format("storage {} has an impossible number of elements", storage.key));
    storage.typeName = type->name;
    storage.dtype = type->dtype;
    storage.untyped = type->name == "UntypedStorage";
    storage.elementSize = type->elementSize;
    storage.elements = storage.viewElements = static_cast<uint64_t>(*elements);
    if (parts.size() == 6) readStorageView(graph, parts[5], storage);
    return storage;
}

TorchTensorReference readTorchTensor(const PickleGraph& graph, PickleId id) {
    Call call;
    if (unwrapped(graph, id, call) == kNoPickle) damaged("a tensor is not of a form torch writes");
    const size_t needed = call.function == Rebuild::TensorV3 ? 7 : call.function == Rebuild::TensorV2 ? 6 : 4;
    if (call.arguments.size() < needed)
        damaged(fmt::format("a tensor is described by {} values where {} are needed", call.arguments.size(), needed));
    TorchTensorReference tensor;
    tensor.storage = readTorchStorage(graph, call.arguments[0]);
    tensor.view.offset = wholeNumber(graph, call.arguments[1], "offset");
    tensor.view.shape = wholeNumbers(graph, call.arguments[2], "shape");
    tensor.view.strides = wholeNumbers(graph, call.arguments[3], "strides");
    if (call.function == Rebuild::TensorV3) {
        readElementType(graph, call.arguments[6], tensor);
    } else if (tensor.storage.dtype) {
        tensor.view.dtype = *tensor.storage.dtype;
    } else {
        tensor.unsupported = tensor.storage.typeName;
    }
    // A last dictionary carries lazy conjugation and negation; applying neither would give wrong values.
    if (needed >= 6 && call.arguments.size() > needed) {
        const auto& extra = graph[call.arguments[needed]];
        if (extra.kind != PickleKind::None && !(extra.kind == PickleKind::Dict && extra.b == 0))
            tensor.unsupported = "a lazily negated or conjugated tensor";
    }
    return tensor;
}

std::string pickleTypeName(const PickleGraph& graph, PickleId id) {
    if (id == kNoPickle) return "nothing";
    switch (graph.kind(id)) {
        case PickleKind::None:
            return "None";
        case PickleKind::False:
        case PickleKind::True:
            return "a truth value";
        case PickleKind::Int:
        case PickleKind::Big:
            return "an integer";
        case PickleKind::Float:
            return "a number";
        case PickleKind::Text:
            return "a text";
        case PickleKind::Bytes:
            return "bytes";
        case PickleKind::List:
            return "a list";
        case PickleKind::Tuple:
            return "a tuple";
        case PickleKind::Set:
            return "a set";
        case PickleKind::Dict:
            return "a dictionary";
        case PickleKind::Persistent: {
            const auto parts = graph.items(graph[id].c, 2);
            return parts.size() == 2 && graph.kind(parts[1]) == PickleKind::Global
                       ? fmt::format("a storage of type {}", pickleTypeName(graph, parts[1]))
                       : "a storage";
        }
        case PickleKind::Opaque:
            return "an unknown value";
        case PickleKind::Global:
            return fmt::format("{}.{}", graph.module(id).substr(0, 80), graph.name(id).substr(0, 80));
        case PickleKind::Object: {
            const PickleId callee = graph[id].c;
            return graph.kind(callee) == PickleKind::Global ? pickleTypeName(graph, callee)
                                                            : "an object of unknown class";
        }
    }
    return "an unknown value";
}

}  // namespace moescope
