// SPDX-License-Identifier: Apache-2.0
#include "engine/io/pickle_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <string_view>

namespace moescope {
namespace {

// Opcodes of pickle protocol 2, by the names of Python's pickletools.
enum Opcode : char {
    kProto = '\x80',
    kStop = '.',
    kMark = '(',
    kNone = 'N',
    kTrue = '\x88',
    kFalse = '\x89',
    kBinInt = 'J',
    kLong1 = '\x8a',
    kBinFloat = 'G',
    kBinUnicode = 'X',
    kEmptyList = ']',
    kAppends = 'e',
    kEmptyDict = '}',
    kSetItems = 'u',
    kEmptyTuple = ')',
    kTuple = 't',
    kGlobal = 'c',
    kReduce = 'R',
    kNewObject = '\x81',
    kBuild = 'b',
    kPersistentId = 'Q'
};

std::string_view storageName(DType dtype) {
    switch (dtype) {
        case DType::F64:
            return "DoubleStorage";
        case DType::F32:
            return "FloatStorage";
        case DType::F16:
            return "HalfStorage";
        case DType::BF16:
            return "BFloat16Storage";
        case DType::I64:
            return "LongStorage";
        case DType::I32:
            return "IntStorage";
        case DType::I16:
            return "ShortStorage";
        case DType::I8:
            return "CharStorage";
        case DType::U8:
            return "ByteStorage";
        case DType::Bool:
            return "BoolStorage";
        default:
            break;
    }
    throw EngineException(
        ErrorCode::InvalidArgument,
        fmt::format("a torch file can not hold tensors of type {}; choose F32, F16 or BF16", dtypeName(dtype)));
}

class Pickler {
public:
    explicit Pickler(PickledValue& out) : m_out(out) {}

    void write(const TorchValue& value) {
        std::visit([this](const auto& held) { put(held); }, value.held);
    }
    void code(char opcode) { m_out.bytes += opcode; }

private:
    template <class T>
    void littleEndian(T value) {
        char bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof(T));
        m_out.bytes.append(bytes, sizeof(T));
    }

    void global(std::string_view module, std::string_view name) {
        m_out.bytes += fmt::format("{}{}\n{}\n", static_cast<char>(kGlobal), module, name);
    }

    void put(std::monostate) { code(kNone); }
    void put(bool value) { code(value ? kTrue : kFalse); }
    void put(int64_t value) {
        if (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max()) {
            code(kBinInt);
            littleEndian(static_cast<int32_t>(value));
            return;
        }
        code(kLong1);
        code(sizeof(value));
        littleEndian(value);
    }
    void put(double value) {
        code(kBinFloat);
        littleEndian(__builtin_bswap64(__builtin_bit_cast(uint64_t, value)));
    }
    void put(const std::string& text) {
        if (text.size() > std::numeric_limits<int32_t>::max())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("a text of {} bytes is too long for a torch file", text.size()));
        code(kBinUnicode);
        littleEndian(static_cast<uint32_t>(text.size()));
        m_out.bytes += text;
    }
    void put(const TorchList& list) {
        code(kEmptyList);
        if (list.items.empty()) return;
        code(kMark);
        for (const TorchValue& item : list.items) write(item);
        code(kAppends);
    }
    void put(const TorchDict& dict) {
        if (dict.kind == TorchDict::Kind::Ordered) {
            emptyOrdered();
        } else if (dict.kind == TorchDict::Kind::Namespace) {
            global("argparse", "Namespace");
            code(kEmptyTuple);
            code(kNewObject);
            code(kEmptyDict);
        } else {
            code(kEmptyDict);
        }
        if (!dict.items.empty()) {
            code(kMark);
            for (const auto& [key, value] : dict.items) {
                write(key);
                write(value);
            }
            code(kSetItems);
        }
        if (dict.kind == TorchDict::Kind::Namespace) code(kBuild);
    }
    void put(const TorchTensor& tensor) {
        int64_t elements = 1;
        std::vector<int64_t> strides(tensor.shape.size());
        for (size_t axis = tensor.shape.size(); axis-- > 0;) {
            strides[axis] = elements;
            if (tensor.shape[axis] < 0 || __builtin_mul_overflow(elements, tensor.shape[axis], &elements))
                throw EngineException(ErrorCode::InvalidArgument,
                                      fmt::format("a tensor can not have the shape {}", shapeText(tensor.shape)));
        }
        global("torch._utils", "_rebuild_tensor_v2");
        code(kMark);
        code(kMark);
        put(std::string("storage"));
        global("torch", storageName(tensor.dtype));
        put(fmt::format("{}", m_out.tensors.size()));
        put(std::string("cpu"));
        put(elements);
        code(kTuple);
        code(kPersistentId);
        put(int64_t{0});
        tuple(tensor.shape);
        tuple(strides);
        put(false);      // requires no gradient
        emptyOrdered();  // has no hooks
        code(kTuple);
        code(kReduce);
        m_out.tensors.push_back(&tensor);
    }

    void emptyOrdered() {
        global("collections", "OrderedDict");
        code(kEmptyTuple);
        code(kReduce);
    }

    void tuple(const std::vector<int64_t>& values) {
        code(kMark);
        for (const int64_t value : values) put(value);
        code(kTuple);
    }

    PickledValue& m_out;
};

}  // namespace

PickledValue pickle(const TorchValue& value) {
    PickledValue out;
    Pickler pickler(out);
    pickler.code(kProto);
    pickler.code(2);
    pickler.write(value);
    pickler.code(kStop);
    return out;
}

}  // namespace moescope
