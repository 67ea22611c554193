// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/io/atomic_file.h"

namespace moescope {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr size_t kDataAlignment = 64;
constexpr size_t kLargestHeader = 100'000'000;  // readers refuse more

/// Bytes of a tensor; nothing for a negative or overflowing shape.
std::optional<uint64_t> byteCount(const SafetensorsEntry& entry) {
    uint64_t count = dtypeSize(entry.dtype);
    for (const int64_t size : entry.shape)
        if (size < 0 || __builtin_mul_overflow(count, static_cast<uint64_t>(size), &count)) return std::nullopt;
    return count;
}

/// The JSON header, padded with spaces so that data begin at a multiple of 64.
std::string headerText(const std::vector<SafetensorsEntry>& entries, const std::vector<uint64_t>& sizes,
                       const std::map<std::string, std::string>& metadata) {
    std::string text = "{";
    if (!metadata.empty()) text += "\"__metadata__\":" + nlohmann::json(metadata).dump();
    uint64_t begin = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
        if (text.size() > 1) text += ',';
        // Entries are written one by one because a JSON object would sort them.
        const nlohmann::json value = {{"dtype", dtypeName(entries[i].dtype)},
                                      {"shape", entries[i].shape},
                                      {"data_offsets", {begin, begin + sizes[i]}}};
        text += nlohmann::json(entries[i].name).dump() + ':' + value.dump();
        begin += sizes[i];
    }
    text += '}';
    const size_t used = sizeof(uint64_t) + text.size();
    text.append((kDataAlignment - used % kDataAlignment) % kDataAlignment, ' ');
    return text;
}

/// Sizes of all entries; throws where an entry can not be written.
std::vector<uint64_t> checkedSizes(const std::string& file, const std::vector<SafetensorsEntry>& entries) {
    std::vector<uint64_t> sizes;
    std::vector<std::string_view> names;
    uint64_t total = 0;
    for (const SafetensorsEntry& entry : entries) {
        const auto size = byteCount(entry);
        if (!size || __builtin_add_overflow(total, *size, &total))
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("{}: tensor {} has the impossible shape {}; sizes are 0 or more and their "
                            "product fits in 64 bits",
                            file, entry.name, shapeText(entry.shape)));
        if (entry.name == "__metadata__")
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{}: a tensor can not be named __metadata__; choose another name", file));
        sizes.push_back(*size);
        names.push_back(entry.name);
    }
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{}: two tensors are named {}; names must differ", file, *twice));
    return sizes;
}

void writeEntry(AtomicFile& out, const std::string& file, const SafetensorsEntry& entry, uint64_t size) {
    uint64_t written = 0;
    Status failure;
    const auto sink = [&](std::span<const std::byte> bytes) {
        written += bytes.size();
        if (failure.ok() && written <= size) failure = out.write(bytes);
    };
    if (entry.write) entry.write(sink).orThrow();
    failure.orThrow();
    if (written != size)
        throw EngineException(ErrorCode::Internal,
                              fmt::format("{}: tensor {} was to give {} bytes and gave {}; the file was not written",
                                          file, entry.name, size, written));
}

bool writeAll(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
              const std::map<std::string, std::string>& metadata) {
    const std::string file = path.filename().string();
    const std::vector<uint64_t> sizes = checkedSizes(file, entries);
    std::string header;
    try {
        header = headerText(entries, sizes, metadata);
    } catch (const nlohmann::json::exception&) {
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{}: names and metadata must be UTF-8 text; rename what is not", file));
    }
    if (header.size() > kLargestHeader)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{}: names and metadata take {} bytes where readers accept {}; shorten them",
                                          file, header.size(), kLargestHeader));
    AtomicFile out = AtomicFile::create(path).orThrow();
    const uint64_t length = header.size();
    out.write(std::as_bytes(std::span(&length, 1))).orThrow();
    out.write(header).orThrow();
    for (size_t i = 0; i < entries.size(); ++i) writeEntry(out, file, entries[i], sizes[i]);
    out.commit().orThrow();
    return true;
}

}  // namespace

SafetensorsEntry safetensorsEntry(std::string name, DType dtype, Shape shape, std::span<const std::byte> bytes) {
    return {std::move(name), dtype, std::move(shape), [bytes](const SafetensorsEntry::Sink& sink) {
                sink(bytes);
                return Status();
            }};
}

Status writeSafetensors(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                        const std::map<std::string, std::string>& metadata) {
    const auto result = guarded([&] { return writeAll(path, entries, metadata); });
    return result.ok() ? Status() : Status(result.error());
}

}  // namespace moescope
