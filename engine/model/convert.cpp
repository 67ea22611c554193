// SPDX-License-Identifier: Apache-2.0
#include "engine/model/convert.h"

#include <cstring>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "engine/io/safetensors_writer.h"
#include "engine/model/layout_options.h"

namespace moescope {
namespace {

/// fp32 values rounded to a stored type (nearest even).
std::vector<std::byte> rounded(const std::vector<float>& values, DType dtype) {
    std::vector<std::byte> bytes(values.size() * dtypeSize(dtype));
    if (dtype == DType::F32) {
        if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
        return bytes;
    }
    for (size_t i = 0; i < values.size(); ++i) {
        const uint16_t bits = dtype == DType::F16 ? floatToHalf(values[i]) : floatToBfloat16(values[i]);
        std::memcpy(bytes.data() + 2 * i, &bits, 2);
    }
    return bytes;
}

class Writer {
public:
    Writer(const TensorSource& source, const ConvertOptions& options) : m_source(source), m_options(options) {}

    void add(const std::string& name, const TensorInfo& tensor, bool keepType = false) {
        const DType dtype = m_options.dtype && isFloating(tensor.dtype) && !keepType ? *m_options.dtype : tensor.dtype;
        m_total += tensor.elements() * static_cast<int64_t>(dtypeSize(dtype));
        m_entries.push_back({name, dtype, tensor.shape, [this, &tensor, dtype](const SafetensorsEntry::Sink& sink) {
                                 return copy(tensor, dtype, sink);
                             }});
    }

    Result<ConvertSummary> write(const std::filesystem::path& target, const std::map<std::string, std::string>& metadata) {
        if (const Status written = writeSafetensors(target, m_entries, metadata); !written.ok()) return written.error();
        return ConvertSummary{static_cast<int64_t>(m_entries.size()), m_total};
    }

private:
    Status copy(const TensorInfo& tensor, DType dtype, const SafetensorsEntry::Sink& sink) {
        if (m_options.stop.stop_requested()) return {ErrorCode::Cancelled, "cancelled; nothing was written"};
        const size_t elements = static_cast<size_t>(tensor.elements());
        if (dtype == tensor.dtype) {
            std::vector<std::byte> bytes(elements * dtypeSize(dtype));
            if (const Status read = m_source.readRaw(tensor, bytes); !read.ok()) return read;
            sink(bytes);
            m_done += static_cast<int64_t>(bytes.size());
        } else {
            std::vector<float> values(elements);
            if (const Status read = m_source.readFloat(tensor, values); !read.ok()) return read;
            const std::vector<std::byte> bytes = rounded(values, dtype);
            sink(bytes);
            m_done += static_cast<int64_t>(bytes.size());
        }
        m_source.releasePages(tensor);
        if (m_options.progress) m_options.progress(m_done, m_total);
        return {};
    }

    const TensorSource& m_source;
    const ConvertOptions& m_options;
    std::vector<SafetensorsEntry> m_entries;
    int64_t m_done = 0, m_total = 0;
};

}  // namespace

Result<ConvertSummary> convertCheckpoint(const Checkpoint& checkpoint, const std::filesystem::path& target,
                                         const ConvertOptions& options) {
    Writer writer(checkpoint.source(), options);
    std::set<std::string_view> exact;  // thresholds and the like: rounding them would move decisions
    for (const ExpectedTensor& tensor : checkpoint.description().tensors)
        if (tensor.role != ExpectedTensor::Role::Learned && tensor.shape.size() == 1) exact.insert(tensor.name);
    for (const std::string& name : checkpoint.view().names()) writer.add(name, *checkpoint.view().find(name), exact.contains(name));
    std::map<std::string, std::string> metadata{{"moescope.config", storedSettings(checkpoint.description()).dump()},
                                                {"moescope.name", options.name.empty() ? checkpoint.name() : options.name},
                                                {"moescope.weights", checkpoint.view().set().name}};
    const nlohmann::json& stored = checkpoint.source().metadata();
    for (const char* kept : {"moescope.labels", "moescope.notice"})
        if (const auto text = stored.find(kept); text != stored.end() && text->is_string()) metadata[kept] = text->get<std::string>();
    if (!options.notice.empty()) metadata["moescope.notice"] = options.notice;
    return writer.write(target, metadata);
}

Result<ConvertSummary> convertTensors(const TensorSource& source, const std::filesystem::path& target, const ConvertOptions& options) {
    Writer writer(source, options);
    for (const TensorInfo& tensor : source.tensors()) writer.add(tensor.name, tensor);
    std::map<std::string, std::string> metadata;
    if (!options.name.empty()) metadata["moescope.name"] = options.name;
    if (!options.notice.empty()) metadata["moescope.notice"] = options.notice;
    return writer.write(target, metadata);
}

}  // namespace moescope
