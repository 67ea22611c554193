// SPDX-License-Identifier: Apache-2.0
#include "engine/io/safetensors_source.h"

#include <fmt/format.h>

#include <cstring>

#include "engine/io/safetensors_header.h"

namespace moescope {

Result<std::shared_ptr<const SafetensorsSource>> SafetensorsSource::open(std::shared_ptr<const MappedFile> file) {
    return guarded([&]() -> std::shared_ptr<const SafetensorsSource> {
        SafetensorsHeader header = readSafetensorsHeader(file->bytes(), file->name());
        auto source = std::make_shared<SafetensorsSource>();
        source->m_tensors.reserve(header.records.size());
        source->m_begins.reserve(header.records.size());
        for (SafetensorsRecord& record : header.records) {
            source->m_tensors.push_back(
                {std::move(record.name), record.dtype, std::move(record.shape), source->m_begins.size()});
            source->m_begins.push_back(record.begin);
        }
        for (auto& [key, text] : header.metadata) source->m_metadata[key] = std::move(text);
        source->m_format = "safetensors";
        source->m_files = {file->path()};
        source->m_file = std::move(file);
        source->indexNames();
        return source;
    });
}

Result<std::span<const std::byte>> SafetensorsSource::contiguousBytes(const TensorInfo& tensor) const {
    if (tensor.handle >= m_begins.size())
        return {ErrorCode::InvalidArgument,
                fmt::format("{}: tensor {} belongs to another file", m_file->name(), tensor.name)};
    const TensorInfo& own = m_tensors[tensor.handle];
    return m_file->bytes().subspan(m_begins[tensor.handle], static_cast<size_t>(own.elements()) * dtypeSize(own.dtype));
}

Status SafetensorsSource::readRaw(const TensorInfo& tensor, std::span<std::byte> target) const {
    const auto bytes = contiguousBytes(tensor);
    if (!bytes.ok()) return bytes.error();
    if (bytes->size() != target.size())
        return {ErrorCode::InvalidArgument, fmt::format("{}: tensor {} has {} bytes and the target {}", m_file->name(),
                                                        tensor.name, bytes->size(), target.size())};
    if (!target.empty()) std::memcpy(target.data(), bytes->data(), target.size());
    return {};
}

void SafetensorsSource::expectScatteredReads(bool scattered) const {
    m_file->advise(0, m_file->size(), scattered ? AccessHint::Random : AccessHint::Normal);
}

void SafetensorsSource::releasePages(const TensorInfo& tensor) const {
    const auto bytes = contiguousBytes(tensor);
    if (bytes.ok()) m_file->releasePages(m_begins[tensor.handle], bytes->size());
}

}  // namespace moescope
