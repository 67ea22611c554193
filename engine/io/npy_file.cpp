// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npy_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"

namespace moescope {
namespace {

constexpr size_t kMaxHeader = 1 << 16;
constexpr size_t kMaxRank = 16;

struct NpyHeader {
    DType dtype = DType::F32;
    Shape shape;
};

/// Walks the Python dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), } that numpy writes.
class HeaderCursor {
public:
    explicit HeaderCursor(std::string_view text) : m_rest(text) {}

    bool take(std::string_view token) {
        skipSpaces();
        if (!m_rest.starts_with(token)) return false;
        m_rest.remove_prefix(token.size());
        return true;
    }

    std::optional<std::string_view> quoted() {
        if (!take("'")) return std::nullopt;
        const size_t end = m_rest.find('\'');
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view value = m_rest.substr(0, end);
        m_rest.remove_prefix(end + 1);
        return value;
    }

    std::optional<int64_t> integer() {
        skipSpaces();
        int64_t value = 0;
        const auto read = std::from_chars(m_rest.data(), m_rest.data() + m_rest.size(), value);
        if (read.ec != std::errc{} || value < 0) return std::nullopt;
        m_rest.remove_prefix(static_cast<size_t>(read.ptr - m_rest.data()));
        return value;
    }

    /// (), (5,), (2, 3)
    std::optional<Shape> tuple() {
        if (!take("(")) return std::nullopt;
        Shape shape;
        while (!take(")")) {
            const auto extent = integer();
            if (!extent || shape.size() == kMaxRank) return std::nullopt;
            shape.push_back(*extent);
            if (!take(",")) return take(")") ? std::optional(shape) : std::nullopt;
        }
        return shape;
    }

    bool atEnd() {
        skipSpaces();
        return m_rest.empty();
    }

private:
    void skipSpaces() {
        const size_t start = m_rest.find_first_not_of(" \n");
        m_rest.remove_prefix(start == std::string_view::npos ? m_rest.size() : start);
    }

    std::string_view m_rest;
};

/// The header, or what is wrong with it.
Result<NpyHeader> parseHeader(std::string_view text) {
    const EngineError damaged{ErrorCode::Format, "its header is not the dictionary that numpy writes"};
    HeaderCursor cursor(text);
    NpyHeader header;
    bool hasType = false, hasOrder = false, hasShape = false;
    if (!cursor.take("{")) return damaged;
    while (!cursor.take("}")) {
        const auto key = cursor.quoted();
        if (!key || !cursor.take(":")) return damaged;
        if (*key == "descr" && !hasType) {
            const auto type = cursor.quoted();
            if (!type) return damaged;
            if (*type != "<f4" && *type != "<f8")
                return {ErrorCode::Format,
                        fmt::format("it holds numbers of type '{}' where '<f4' (float32) or '<f8' (float64) is read",
                                    *type)};
            header.dtype = *type == "<f4" ? DType::F32 : DType::F64;
            hasType = true;
        } else if (*key == "fortran_order" && !hasOrder) {
            if (cursor.take("True"))
                return {ErrorCode::Format, "it is in Fortran order; save numpy.ascontiguousarray of it"};
            if (!cursor.take("False")) return damaged;
            hasOrder = true;
        } else if (*key == "shape" && !hasShape) {
            auto shape = cursor.tuple();
            if (!shape) return damaged;
            header.shape = std::move(*shape);
            hasShape = true;
        } else {
            return damaged;
        }
        if (!cursor.take(",")) {
            if (!cursor.take("}")) return damaged;
            break;
        }
    }
    if (!hasType || !hasOrder || !hasShape || !cursor.atEnd()) return damaged;
    return header;
}

Result<HostTensor> readStream(std::ifstream& file, uint64_t fileSize) {
    const auto damaged = [](std::string message) { return EngineError{ErrorCode::Format, std::move(message)}; };
    unsigned char start[12] = {};
    file.read(reinterpret_cast<char*>(start), 10);
    if (!file || std::memcmp(start, "\x93NUMPY", 6) != 0) return damaged("it does not begin as an .npy file does");
    const int version = start[6];
    if ((version != 1 && version != 2) || start[7] != 0)
        return damaged(fmt::format("it is of format version {}.{} where 1.0 and 2.0 are read", version, start[7]));
    size_t headerSize = start[8] | static_cast<size_t>(start[9]) << 8;
    if (version == 2) {
        file.read(reinterpret_cast<char*>(start) + 10, 2);
        headerSize |= static_cast<size_t>(start[10]) << 16 | static_cast<size_t>(start[11]) << 24;
    }
    const uint64_t dataStart = (version == 1 ? 10 : 12) + static_cast<uint64_t>(headerSize);
    if (!file || headerSize > kMaxHeader || dataStart > fileSize) return damaged("its header is cut off or too long");
    std::string text(headerSize, '\0');
    file.read(text.data(), static_cast<std::streamsize>(headerSize));
    auto header = parseHeader(text);
    if (!header) return header.error();

    const uint64_t stored = (fileSize - dataStart) / dtypeSize(header->dtype);
    uint64_t count = 1;
    for (const int64_t extent : header->shape) {
        if (extent != 0 && count > stored / static_cast<uint64_t>(extent))
            return damaged(
                fmt::format("it holds {} numbers, fewer than its shape {} needs", stored, shapeText(header->shape)));
        count *= static_cast<uint64_t>(extent);
    }
    if (count * dtypeSize(header->dtype) != fileSize - dataStart)
        return damaged(fmt::format("it holds {} bytes of numbers where its shape {} needs {}", fileSize - dataStart,
                                   shapeText(header->shape), count * dtypeSize(header->dtype)));
    std::vector<std::byte> bytes(fileSize - dataStart);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file) return EngineError{ErrorCode::Io, "reading failed half-way"};
    HostTensor tensor(header->shape);
    convertToFloat(header->dtype, bytes.data(), tensor.data);
    return tensor;
}

}  // namespace

Result<HostTensor> readNpy(const std::filesystem::path& path) {
    return guarded([&]() -> HostTensor {
        std::error_code failure;
        const uint64_t size = std::filesystem::file_size(path, failure);
        std::ifstream file(path, std::ios::binary);
        if (failure || !file)
            throw EngineException(std::filesystem::exists(path, failure) ? ErrorCode::Io : ErrorCode::NotFound,
                                  fmt::format("cannot open '{}'; give an .npy file that can be read", path.string()));
        auto tensor = readStream(file, size);
        if (!tensor)
            throw EngineException(tensor.error().code,
                                  fmt::format("cannot read '{}': {}", path.string(), tensor.error().message));
        return std::move(tensor).value();
    });
}

}  // namespace moescope
