// SPDX-License-Identifier: Apache-2.0
// A file (or set of files) of named tensors, opened by its headers only; values are read on demand.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// One stored tensor. `name` is the path of dictionary keys joined with dots ("ema.blocks.0.attn.qkv.weight").
struct TensorInfo {
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    size_t handle = 0;  // meaning private to the source

    int64_t elements() const { return elementCount(shape); }
};

/// Const after opening and safe to read from several threads. Source files stay mapped while it lives.
class TensorSource {
public:
    virtual ~TensorSource() = default;

    /// All tensors in the order of the file.
    const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    /// nullptr when there is none of that name.
    const TensorInfo* find(std::string_view name) const;

    /// Contiguous row-major values in the stored dtype and native byte order; `target` holds elements() * dtypeSize
    /// bytes.
    virtual Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const = 0;
    /// The same converted to fp32; `target` holds elements() values.
    virtual Status readFloat(const TensorInfo& tensor, std::span<float> target) const;
    /// The tensor's fp32 values in the mapped file where they lie there ready to use; empty otherwise. Valid while the
    /// source lives.
    Result<std::span<const float>> floatsInPlace(const TensorInfo& tensor) const;
    /// Brings the tensor's bytes into memory and checks them where there is a checksum, in small pieces; false as soon as
    /// `stop` is requested. Not needed before reading, but reading then does not wait for the disk. Damage is told by
    /// the reading.
    virtual bool prepare(const TensorInfo& tensor, const std::stop_token& stop) const;
    /// Tells the system that small tensors far apart are read next (true): it should fetch no more than what is touched.
    virtual void expectScatteredReads(bool) const {}
    /// Tells the system that the pages behind this tensor are not needed for now (values can still be read again).
    virtual void releasePages(const TensorInfo& tensor) const = 0;

    /// What stands beside the tensors as plain values: the `__metadata__` strings of safetensors, or the pickled
    /// objects (dictionaries, lists, numbers, strings; an argparse.Namespace as an object of its fields). Things that
    /// are not understood are left out; depth and size are bounded.
    const nlohmann::json& metadata() const { return m_metadata; }
    /// "safetensors", "safetensors (2 files)", "torch zip", "torch legacy"
    const std::string& format() const { return m_format; }
    /// All files behind this source, the opened one first.
    const std::vector<std::filesystem::path>& files() const { return m_files; }
    /// Sentences worth telling a person (an entry whose checksum is wrong, a member that was skipped and why).
    const std::vector<std::string>& notes() const { return m_notes; }

protected:
    /// The tensor's bytes where they lie contiguous and in native byte order in the mapped file, else an empty span.
    virtual Result<std::span<const std::byte>> contiguousBytes(const TensorInfo& tensor) const;
    void indexNames();  // call once m_tensors is complete

    std::vector<TensorInfo> m_tensors;
    nlohmann::json m_metadata = nlohmann::json::object();
    std::string m_format;
    std::vector<std::filesystem::path> m_files;
    std::vector<std::string> m_notes;

private:
    std::vector<size_t> m_byName;  // indices into m_tensors, sorted by name
};

/// Opens `.safetensors`, a `*.safetensors.index.json`, or a torch `.pt`/`.pth`/`.bin` (told apart by content, not by
/// name). A file without any tensor is an error. Executes nothing that is stored in the file.
Result<std::shared_ptr<const TensorSource>> openTensorSource(const std::filesystem::path& path);

}  // namespace moescope
