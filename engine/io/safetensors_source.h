// SPDX-License-Identifier: Apache-2.0
// A single safetensors file as a TensorSource.
#pragma once

#include <memory>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"
#include "engine/io/tensor_source.h"

namespace moescope {

class SafetensorsSource final : public TensorSource {
public:
    static Result<std::shared_ptr<const SafetensorsSource>> open(std::shared_ptr<const MappedFile> file);

    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override;
    void expectScatteredReads(bool scattered) const override;
    void releasePages(const TensorInfo& tensor) const override;
    Result<std::span<const std::byte>> contiguousBytes(const TensorInfo& tensor) const override;

private:
    std::shared_ptr<const MappedFile> m_file;
    std::vector<uint64_t> m_begins;  // by handle: first byte in the file
};

}  // namespace moescope
