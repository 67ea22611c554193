// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace moescope {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kLargestHeader = 100'000'000;
constexpr size_t kMostTensors = 300'000;  // far above any model; keeps a hostile header inside the memory rule
constexpr size_t kMostMetadata = 50'000;  // likewise
constexpr size_t kLargestRank = 64;
constexpr int kDeepestUnknown = 16;  // nesting inside fields this reader does not know

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
    throw EngineException(ErrorCode::Format, fmt::format("{}: {}; fetch or save the file again", file, what));
}

/// Receives the header's JSON event by event: {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets"}}.
class HeaderEvents {
public:
    HeaderEvents(const std::string& file, SafetensorsHeader& header) : m_file(file), m_header(header) {}

    bool start_object(size_t) {
        switch (m_at) {
            case At::Start:
                m_at = At::Root;
                return true;
            case At::Entry:
                m_at = At::Tensor;
                return true;
            case At::MetadataValue:
                m_at = At::Metadata;
                return true;
            case At::Unknown:
                return deeper();
            default:
                return unexpected("an object");
        }
    }
    bool end_object() {
        if (m_at == At::Tensor) {
            finishTensor();
            m_at = At::Root;
        } else if (m_at == At::Metadata) {
            m_at = At::Root;
        } else if (m_at == At::Unknown) {
            shallower();
        } else {
            m_at = At::End;
        }
        return true;
    }
    bool start_array(size_t) {
        if (m_at == At::Shape && !m_inArray) return m_inArray = true;
        if (m_at == At::Offsets && !m_inArray) return m_inArray = true;
        return m_at == At::Unknown ? deeper() : unexpected("a list");
    }
    bool end_array() {
        if (m_at == At::Unknown) {
            shallower();
            return true;
        }
        if (m_at == At::Offsets && m_offsets != 2)
            refuse(m_file, fmt::format("tensor {} has {} data offsets where 2 are needed", m_record.name, m_offsets));
        m_inArray = false;
        m_at = At::Tensor;
        return true;
    }
    bool key(std::string& name) {
        if (m_at == At::Root) return rootKey(name);
        if (m_at == At::Tensor) return tensorKey(name);
        if (m_at == At::Metadata) {
            m_metadataKey = name;
            m_at = At::MetadataText;
        }
        return true;
    }
    bool string(std::string& text) {
        if (m_at == At::MetadataText) {
            if (m_header.metadata.size() >= kMostMetadata)
                refuse(m_file, fmt::format("the metadata hold more than {} entries", kMostMetadata));
            if (!m_header.metadata.emplace(std::move(m_metadataKey), std::move(text)).second)
                refuse(m_file, "the metadata hold one key twice");
            m_at = At::Metadata;
            return true;
        }
        if (m_at == At::DTypeText) {
            const auto dtype = dtypeFromName(text);
            if (!dtype)
                throw EngineException(
                    ErrorCode::Unsupported,
                    fmt::format("{}: tensor {} has the element type {}, which this program does not read; "
                                "convert the file to F32, F16 or BF16",
                                m_file, m_record.name, text.substr(0, 32)));
            m_record.dtype = *dtype;
            m_at = At::Tensor;
            return true;
        }
        return scalar("a text");
    }
    bool number_unsigned(uint64_t value) {
        if (m_at == At::Shape && m_inArray) {
            if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
                refuse(m_file, fmt::format("tensor {} has a dimension of {}", m_record.name, value));
            if (m_record.shape.size() == kLargestRank)
                refuse(m_file, fmt::format("tensor {} has more than {} dimensions", m_record.name, kLargestRank));
            m_record.shape.push_back(static_cast<int64_t>(value));
            return true;
        }
        if (m_at == At::Offsets && m_inArray) {
            if (m_offsets == 0) m_record.begin = value;
            if (m_offsets == 1) m_record.end = value;
            ++m_offsets;
            return true;
        }
        return scalar("a number");
    }
    bool number_integer(int64_t value) { return scalar(fmt::format("the number {}", value)); }
    bool number_float(double, const std::string& text) { return scalar("the number " + text.substr(0, 32)); }
    bool boolean(bool) { return scalar("true or false"); }
    bool null() {
        if (m_at == At::MetadataValue) {
            m_at = At::Root;
            return true;
        }
        return scalar("null");
    }
    bool binary(Json::binary_t&) { return unexpected("binary data"); }
    bool parse_error(size_t position, const std::string&, const Json::exception&) {
        refuse(m_file, fmt::format("the header is not valid JSON at its byte {}", position));
    }

private:
    enum class At {
        Start,
        Root,
        Entry,
        Tensor,
        DTypeText,
        Shape,
        Offsets,
        MetadataValue,
        Metadata,
        MetadataText,
        Unknown,
        End
    };

    bool rootKey(std::string& name) {
        if (name == "__metadata__") {
            if (std::exchange(m_sawMetadata, true)) refuse(m_file, "the header holds __metadata__ twice");
            m_at = At::MetadataValue;
            return true;
        }
        if (m_header.records.size() >= kMostTensors)
            refuse(m_file, fmt::format("the header names more than {} tensors", kMostTensors));
        m_record = {};
        m_record.name = std::move(name);
        m_sawDType = m_sawShape = m_sawOffsets = false;
        m_offsets = 0;
        m_at = At::Entry;
        return true;
    }
    bool tensorKey(const std::string& field) {
        bool* seen = field == "dtype"          ? &m_sawDType
                     : field == "shape"        ? &m_sawShape
                     : field == "data_offsets" ? &m_sawOffsets
                                               : nullptr;
        if (!seen) {
            m_at = At::Unknown;
            m_unknownDepth = 0;
            return true;
        }
        if (std::exchange(*seen, true))
            refuse(m_file, fmt::format("tensor {} has its field {} twice", m_record.name, field));
        m_at = seen == &m_sawDType ? At::DTypeText : seen == &m_sawShape ? At::Shape : At::Offsets;
        return true;
    }
    void finishTensor() {
        if (!m_sawDType || !m_sawShape || !m_sawOffsets)
            refuse(m_file, fmt::format("tensor {} has no {}", m_record.name,
                                       !m_sawDType   ? "dtype"
                                       : !m_sawShape ? "shape"
                                                     : "data_offsets"));
        m_record.shape.shrink_to_fit();
        m_header.records.push_back(std::move(m_record));
    }
    bool scalar(const std::string& found) {
        if (m_at != At::Unknown) return unexpected(found);
        if (m_unknownDepth == 0) m_at = At::Tensor;
        return true;
    }
    bool deeper() {
        if (++m_unknownDepth > kDeepestUnknown) refuse(m_file, "the header is nested too deeply");
        return true;
    }
    void shallower() {
        if (--m_unknownDepth == 0) m_at = At::Tensor;
    }
    bool unexpected(const std::string& found) {
        switch (m_at) {
            case At::Start:
                refuse(m_file, fmt::format("expected a JSON object as header, found {}", found));
            case At::Entry:
                refuse(m_file, fmt::format("tensor {} is described by {} instead of an object", m_record.name, found));
            case At::DTypeText:
                refuse(m_file, fmt::format("the dtype of tensor {} is {} instead of a text", m_record.name, found));
            case At::Shape:
                refuse(m_file, fmt::format("the shape of tensor {} holds {} where whole numbers in a list are needed",
                                           m_record.name, found));
            case At::Offsets:
                refuse(m_file, fmt::format("the data_offsets of tensor {} hold {} where two whole numbers are needed",
                                           m_record.name, found));
            case At::MetadataText:
                refuse(m_file, fmt::format("the metadata value of {} is {} instead of a text",
                                           m_metadataKey.substr(0, 64), found));
            default:
                refuse(m_file, fmt::format("the header holds {} in an unexpected place", found));
        }
    }

    const std::string& m_file;
    SafetensorsHeader& m_header;
    At m_at = At::Start;
    SafetensorsRecord m_record;
    std::string m_metadataKey;
    size_t m_offsets = 0;
    int m_unknownDepth = 0;
    bool m_inArray = false, m_sawMetadata = false, m_sawDType = false, m_sawShape = false, m_sawOffsets = false;
};

uint64_t headerLength(std::span<const std::byte> file) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    return length;
}

void checkNames(const std::vector<SafetensorsRecord>& records, const std::string& file) {
    std::vector<std::string_view> names;
    names.reserve(records.size());
    for (const SafetensorsRecord& record : records) names.push_back(record.name);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
        refuse(file, fmt::format("the header names tensor {} twice", *twice));
}

/// Data ranges follow each other without hole or overlap from the header to the end of the file.
void checkRanges(SafetensorsHeader& header, uint64_t dataBegin, uint64_t fileSize, const std::string& file) {
    std::ranges::stable_sort(header.records, [](const SafetensorsRecord& a, const SafetensorsRecord& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    const uint64_t dataSize = fileSize - dataBegin;
    uint64_t position = 0;
    for (SafetensorsRecord& record : header.records) {
        if (record.begin != position || record.end < record.begin)
            refuse(file, fmt::format("the data of tensor {} are at bytes {} to {} where {} is expected as the begin "
                                     "(tensors overlap or leave a hole)",
                                     record.name, record.begin, record.end, position));
        if (record.end > dataSize)
            refuse(file, fmt::format("the file ends after {} bytes of data, inside tensor {} which ends at {}",
                                     dataSize, record.name, record.end));
        uint64_t bytes = dtypeSize(record.dtype);
        for (const int64_t size : record.shape)
            if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
                refuse(file,
                       fmt::format("tensor {} with shape {} overflows 64 bits", record.name, shapeText(record.shape)));
        if (bytes != record.end - record.begin)
            refuse(file,
                   fmt::format("tensor {} of {} with shape {} needs {} bytes and has {}", record.name,
                               dtypeName(record.dtype), shapeText(record.shape), bytes, record.end - record.begin));
        position = record.end;
        record.begin += dataBegin;
        record.end += dataBegin;
    }
    if (position != dataSize)
        refuse(file, fmt::format("{} bytes behind the last tensor belong to none", dataSize - position));
}

}  // namespace

static_assert(std::endian::native == std::endian::little, "safetensors lengths and data are little-endian");

SafetensorsHeader readSafetensorsHeader(std::span<const std::byte> file, const std::string& fileName) {
    if (file.size() < sizeof(uint64_t))
        refuse(fileName,
               fmt::format("a safetensors file begins with 8 bytes of header length, this one has only {} bytes",
                           file.size()));
    const uint64_t length = headerLength(file);
    if (length > kLargestHeader)
        refuse(fileName, fmt::format("the header is said to be {} bytes long where at most {} are allowed", length,
                                     kLargestHeader));
    if (length > file.size() - sizeof(uint64_t))
        refuse(fileName, fmt::format("the header is said to be {} bytes long and the file has only {} bytes", length,
                                     file.size()));
    const auto* text = reinterpret_cast<const char*>(file.data()) + sizeof(uint64_t);
    if (length == 0 || text[0] != '{') refuse(fileName, "the header does not begin with an opening brace");

    SafetensorsHeader header;
    HeaderEvents events(fileName, header);
    if (!Json::sax_parse(text, text + length, &events)) refuse(fileName, "the header is not valid JSON");
    checkNames(header.records, fileName);
    checkRanges(header, sizeof(uint64_t) + length, file.size(), fileName);
    return header;
}

bool looksLikeSafetensors(std::span<const std::byte> file) {
    return file.size() > sizeof(uint64_t) && headerLength(file) <= file.size() - sizeof(uint64_t) &&
           file[sizeof(uint64_t)] == std::byte{'{'};
}

}  // namespace moescope
