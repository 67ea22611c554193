// SPDX-License-Identifier: Apache-2.0
// What zip and legacy checkpoints of torch have in common: tensors as strided views of named storages.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/io/mapped_file.h"
#include "engine/io/strided_view.h"
#include "engine/io/tensor_source.h"
#include "engine/io/torch_contents.h"

namespace moescope {

/// Files up to this size are checked wholly on opening; in larger ones the small headers in front of each storage are
/// checked when the storage is first read, so that opening touches a few pages only.
inline constexpr uint64_t kEagerFileSize = 64 << 20;

class TorchSource : public TensorSource {
public:
    Status readRaw(const TensorInfo& tensor, std::span<std::byte> target) const override;
    bool prepare(const TensorInfo& tensor, const std::stop_token& stop) const override;
    void expectScatteredReads(bool scattered) const override;
    void releasePages(const TensorInfo& tensor) const override;
    Result<std::span<const std::byte>> contiguousBytes(const TensorInfo& tensor) const override;

protected:
    TorchSource(std::shared_ptr<const MappedFile> file, bool swapped, std::string format);

    /// Bytes of a storage, found by its key; called while opening. Throws where there is none.
    virtual uint64_t storageBytes(const std::string& key) const = 0;
    /// Storage `key` in the mapping; empty where it is packed. Throws where it is damaged. `whole`: the checksum of the
    /// storage is worth its time because all of it is read.
    virtual std::span<const std::byte> storageInPlace(const std::string& key, bool whole) const = 0;
    /// Brings a storage that is in place into memory and checks it, piece by piece; false where `stop` was requested.
    virtual bool checkStorage(const std::string& key, const std::stop_token& stop) const;
    /// Copies a part of a storage that is not in place.
    virtual void readStorage(const std::string& key, uint64_t begin, std::span<std::byte> target) const = 0;

    /// Takes the tensors over, checking that each lies inside its storage.
    void adopt(TorchContents contents);

    const MappedFile& file() const { return *m_file; }
    /// Throws Format with "<file name>: <what>; ...".
    [[noreturn]] void refuse(const std::string& what) const;

private:
    const StridedView* viewOf(const TensorInfo& tensor) const;
    /// True where the view is its whole storage, element after element.
    bool coversStorage(const StridedView& view) const;
    std::span<const std::byte> inPlace(const StridedView& view) const;
    void copyValues(const TensorInfo& tensor, const StridedView& view, std::span<std::byte> target) const;

    std::shared_ptr<const MappedFile> m_file;
    bool m_swapped = false;                  // storages are in the other byte order
    std::vector<StridedView> m_views;        // by handle
    std::vector<std::string> m_storageKeys;  // by StridedView::storage
};

/// Tells the two forms of torch files apart and reads them from a mapped file.
Result<std::shared_ptr<const TensorSource>> openTorchZip(std::shared_ptr<const MappedFile> file);
Result<std::shared_ptr<const TensorSource>> openTorchLegacy(std::shared_ptr<const MappedFile> file);

}  // namespace moescope
