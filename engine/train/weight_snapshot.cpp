// SPDX-License-Identifier: Apache-2.0
#include "engine/train/weight_snapshot.h"

#include <algorithm>
#include <cstring>

#include "engine/io/safetensors_writer.h"
#include "engine/model/layout_options.h"

namespace moescope::train {
namespace {

constexpr const char* kConfigKey = "moescope.config";
constexpr size_t kPiece = size_t{1} << 20;  // values converted at a time

class SnapshotSource final : public TensorSource {
public:
    SnapshotSource(const ModelDescription& description, const ParameterLayout& layout, std::vector<float> values) : m_values(std::move(values)) {
        for (const Parameter& p : layout.parameters())
            m_tensors.push_back({p.name, DType::F32, p.shape, static_cast<size_t>(p.offset)});
        m_metadata[kConfigKey] = storedSettings(description).dump();
        m_format = "weights in memory";
        m_files = {"training run"};
        indexNames();
    }

    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override {
        std::memcpy(target.data(), m_values.data() + tensor.handle, target.size());
        return {};
    }
    void releasePages(const TensorInfo&) const override {}

protected:
    Result<std::span<const std::byte>> contiguousBytes(const TensorInfo& tensor) const override {
        return std::as_bytes(std::span(m_values).subspan(tensor.handle, static_cast<size_t>(tensor.elements())));
    }

private:
    std::vector<float> m_values;
};

}  // namespace

Result<std::shared_ptr<const Checkpoint>> openSnapshot(const ModelDescription& description, const ParameterLayout& layout,
                                                       std::vector<float> values) {
    return Checkpoint::fromSource(std::make_shared<SnapshotSource>(description, layout, std::move(values)));
}

Status writeSnapshot(const std::filesystem::path& file, const ModelDescription& description, const ParameterLayout& layout,
                     std::span<const float> values, DType dtype, const std::map<std::string, std::string>& metadata) {
    std::vector<SafetensorsEntry> entries;
    for (const Parameter& p : layout.parameters()) {
        const auto part = values.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.values));
        const bool exact = !p.learned && p.shape.size() == 1;  // selection biases: rounding them would move decisions
        if (dtype == DType::F32 || exact) {
            entries.push_back(safetensorsEntry(p.name, DType::F32, p.shape, std::as_bytes(part)));
            continue;
        }
        const auto round = dtype == DType::F16 ? floatToHalf : floatToBfloat16;
        entries.push_back({p.name, dtype, p.shape, [part, round](const SafetensorsEntry::Sink& sink) {
                               std::vector<uint16_t> piece;
                               for (size_t at = 0; at < part.size(); at += kPiece) {
                                   const auto from = part.subspan(at, std::min(kPiece, part.size() - at));
                                   piece.resize(from.size());
                                   std::transform(from.begin(), from.end(), piece.begin(), round);
                                   sink(std::as_bytes(std::span(piece)));
                               }
                               return Status();
                           }});
    }
    std::map<std::string, std::string> all = metadata;
    all[kConfigKey] = storedSettings(description).dump();
    return writeSafetensors(file, entries, all);
}

}  // namespace moescope::train
