// SPDX-License-Identifier: Apache-2.0
#include "engine/io/tensor_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/io/mapped_file.h"
#include "engine/io/open_tensor_source.h"
#include "engine/io/pieces.h"
#include "engine/io/safetensors_header.h"
#include "engine/io/safetensors_index.h"
#include "engine/io/safetensors_source.h"
#include "engine/io/torch_source.h"

namespace moescope {

const TensorInfo* TensorSource::find(std::string_view name) const {
    const auto found =
        std::ranges::lower_bound(m_byName, name, {}, [&](size_t i) { return std::string_view(m_tensors[i].name); });
    return found != m_byName.end() && m_tensors[*found].name == name ? &m_tensors[*found] : nullptr;
}

void TensorSource::indexNames() {
    m_byName.resize(m_tensors.size());
    std::iota(m_byName.begin(), m_byName.end(), size_t{0});
    std::ranges::sort(m_byName, {}, [&](size_t i) { return std::string_view(m_tensors[i].name); });
}

Result<std::span<const std::byte>> TensorSource::contiguousBytes(const TensorInfo&) const {
    return std::span<const std::byte>();
}

Result<std::span<const float>> TensorSource::floatsInPlace(const TensorInfo& tensor) const {
    if (tensor.dtype != DType::F32) return std::span<const float>();
    const auto mapped = contiguousBytes(tensor);
    if (!mapped.ok()) return mapped.error();
    if (mapped->empty() || reinterpret_cast<uintptr_t>(mapped->data()) % alignof(float) != 0) return std::span<const float>();
    return std::span<const float>(reinterpret_cast<const float*>(mapped->data()), mapped->size() / sizeof(float));
}

bool TensorSource::prepare(const TensorInfo& tensor, const std::stop_token& stop) const {
    const auto mapped = contiguousBytes(tensor);
    return mapped.ok() ? touchPages(*mapped, stop) : !stop.stop_requested();
}

Status TensorSource::readFloat(const TensorInfo& tensor, std::span<float> target) const {
    if (static_cast<int64_t>(target.size()) != tensor.elements())
        return {ErrorCode::InvalidArgument, fmt::format("tensor {} has {} values and the target {}", tensor.name,
                                                        tensor.elements(), target.size())};
    if (tensor.dtype == DType::F32) return readRaw(tensor, std::as_writable_bytes(target));
    const auto mapped = contiguousBytes(tensor);
    if (!mapped.ok()) return mapped.error();
    if (!mapped->empty()) {
        convertToFloat(tensor.dtype, mapped->data(), target);
        return {};
    }
    const auto done = guarded([&] {
        std::vector<std::byte> raw(target.size() * dtypeSize(tensor.dtype));
        readRaw(tensor, raw).orThrow();
        convertToFloat(tensor.dtype, raw.data(), target);
        return true;
    });
    return done.ok() ? Status() : Status(done.error());
}

namespace {

/// A source of any kind as what openTensorSource returns; without tensors it is an error.
template <class Source>
Result<std::shared_ptr<const TensorSource>> accepted(Result<std::shared_ptr<const Source>> source,
                                                     const std::string& name) {
    if (!source.ok()) return source.error();
    if ((*source)->tensors().empty())
        return {ErrorCode::Format,
                fmt::format("{}: the file is readable but holds no tensors; choose a file with weights", name)};
    return std::shared_ptr<const TensorSource>(std::move(*source));
}

bool beginsWith(std::span<const std::byte> bytes, std::string_view text) {
    return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin(), [](char c, std::byte b) {
               return static_cast<std::byte>(c) == b;
           });
}

/// First byte that is not white space, among the first few.
char firstVisible(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes.first(std::min<size_t>(bytes.size(), 256)))
        if (const char c = static_cast<char>(byte); c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    return '\0';
}

}  // namespace

Result<std::shared_ptr<const TensorSource>> openTensorSource(const std::shared_ptr<const MappedFile>& file) {
    const auto bytes = file->bytes();
    if (beginsWith(bytes, "PK\x03\x04")) return accepted(openTorchZip(file), file->name());
    if (looksLikeSafetensors(bytes)) return accepted(SafetensorsSource::open(file), file->name());
    if (beginsWith(bytes, "\x80")) return accepted(openTorchLegacy(file), file->name());
    if (firstVisible(bytes) == '{') return accepted(ShardedSource::open(file), file->name());
    // Nothing fits: the name decides whose complaint is the useful one.
    if (file->name().ends_with(".safetensors")) return accepted(SafetensorsSource::open(file), file->name());
    return {ErrorCode::Format,
            fmt::format("{}: expected a safetensors file, a safetensors index or a torch checkpoint, found "
                        "none of them; choose a file with weights",
                        file->name())};
}

Result<std::shared_ptr<const TensorSource>> openTensorSource(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    if (!file.ok()) return file.error();
    return openTensorSource(*file);
}

}  // namespace moescope
