// SPDX-License-Identifier: Apache-2.0
// The zip form of torch.save: <root>/data.pkl, <root>/byteorder, and one entry <root>/data/<key> per storage.
#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>

#include "engine/io/torch_source.h"
#include "engine/io/zip_directory.h"

namespace moescope {
namespace {

constexpr uint64_t kNotRead = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kLargestPackedPickle = 32 << 20;
constexpr uint64_t kLargestCached =
    32 << 20;  // a packed storage that several tensors share is kept unpacked up to this size

class TorchZipSource final : public TorchSource {
public:
    TorchZipSource(std::shared_ptr<const MappedFile> file, std::shared_ptr<const ZipDirectory> zip, std::string root,
                   bool swapped)
        : TorchSource(std::move(file), swapped, "torch zip"),
          m_zip(std::move(zip)),
          m_root(std::move(root)),
          m_offsets(m_zip->entries().size()),
          m_verified(m_zip->entries().size()) {
        for (auto& offset : m_offsets) offset = kNotRead;
    }

    void read() {
        const ZipEntry* entry = m_zip->find(m_root + "data.pkl");
        std::vector<std::byte> unpacked;
        std::span<const std::byte> text;
        if (entry->size > kLargestPickle || (entry->deflated && entry->size > kLargestPackedPickle))
            refuse(fmt::format("its data.pkl has {} bytes, far beyond any checkpoint", entry->size));
        if (entry->deflated) {
            unpacked.resize(entry->size);
            m_zip->read(*entry, 0, unpacked);
            text = unpacked;
        } else {
            text = file().bytes().subspan(m_zip->dataOffset(*entry), entry->size);
            m_zip->verify(*entry, text);
        }
        if (m_zip->find(m_root + "constants.pkl"))
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format("{}: the file is a TorchScript program, not a checkpoint; save the module's "
                            "state_dict() with torch.save",
                            file().name()));
        try {
            adopt(readTorchContents(readPickle(text)));
        } catch (const EngineException& e) {
            if (e.error().message.starts_with(file().name())) throw;
            throw EngineException(e.error().code, fmt::format("{}: {}", file().name(), e.error().message));
        }
    }

private:
    const ZipEntry& entryOf(const std::string& key) const {
        const ZipEntry* entry = m_zip->find(m_root + "data/" + key);
        if (!entry) refuse(fmt::format("the pickle names storage {}, which is not in the archive", key));
        return *entry;
    }

    uint64_t storageBytes(const std::string& key) const override {
        const ZipEntry& entry = entryOf(key);
        if (!entry.readable)
            refuse(fmt::format("storage {} is encrypted or packed by a method other than deflate", key));
        return entry.size;
    }

    std::span<const std::byte> storageInPlace(const std::string& key, bool whole) const override {
        const ZipEntry& entry = entryOf(key);
        const auto index = static_cast<size_t>(&entry - m_zip->entries().data());
        uint64_t offset = m_offsets[index].load(std::memory_order_relaxed);
        if (offset == kNotRead) {
            offset = m_zip->dataOffset(entry);
            m_offsets[index].store(offset, std::memory_order_relaxed);
        }
        if (entry.deflated) return {};
        const auto bytes = file().bytes().subspan(offset, entry.size);
        if (whole && !m_verified[index].load(std::memory_order_relaxed)) {
            m_zip->verify(entry, bytes);
            m_verified[index].store(true, std::memory_order_relaxed);
        }
        return bytes;
    }

    bool checkStorage(const std::string& key, const std::stop_token& stop) const override {
        const auto bytes = storageInPlace(key, false);
        const ZipEntry& entry = entryOf(key);
        auto& verified = m_verified[static_cast<size_t>(&entry - m_zip->entries().data())];
        if (entry.deflated || verified.load(std::memory_order_relaxed)) return TorchSource::checkStorage(key, stop);
        if (!m_zip->verify(entry, bytes, stop)) return false;
        verified.store(true, std::memory_order_relaxed);
        return true;
    }

    void readStorage(const std::string& key, uint64_t begin, std::span<std::byte> target) const override {
        const ZipEntry& entry = entryOf(key);
        const bool part = begin != 0 || target.size() != entry.size;
        if (!part || entry.size > kLargestCached) return m_zip->read(entry, begin, target);
        const std::scoped_lock lock(m_cacheMutex);
        if (m_cachedKey != key || m_cached.size() != entry.size) {
            m_cachedKey.clear();
            m_cached.resize(entry.size);
            m_zip->read(entry, 0, m_cached);
            m_cachedKey = key;
        }
        std::memcpy(target.data(), m_cached.data() + begin, target.size());
    }

    std::shared_ptr<const ZipDirectory> m_zip;
    std::string m_root;                                    // "archive/"
    mutable std::vector<std::atomic<uint64_t>> m_offsets;  // by entry: where its data begin
    mutable std::vector<std::atomic<bool>> m_verified;     // by entry
    mutable std::mutex m_cacheMutex;
    mutable std::string m_cachedKey;
    mutable std::vector<std::byte> m_cached;
};

/// The folder of the shortest entry that is called data.pkl, with its slash.
std::string rootFolder(const ZipDirectory& zip, const std::string& fileName) {
    const ZipEntry* pickle = nullptr;
    for (const ZipEntry& entry : zip.entries())
        if ((entry.name == "data.pkl" || entry.name.ends_with("/data.pkl")) &&
            (!pickle || entry.name.size() < pickle->name.size()))
            pickle = &entry;
    if (!pickle)
        throw EngineException(
            ErrorCode::Format,
            fmt::format("{}: the zip archive holds no data.pkl, so it is no torch checkpoint; choose another "
                        "file",
                        fileName));
    return pickle->name.substr(0, pickle->name.size() - std::strlen("data.pkl"));
}

/// True where storages are big-endian. Files before torch 2.1 have no such record and are little-endian.
bool isBigEndian(const ZipDirectory& zip, const std::string& root, const std::string& fileName) {
    const ZipEntry* entry = zip.find(root + "byteorder");
    if (!entry) return false;
    std::string text(std::min<uint64_t>(entry->size, 16), '\0');
    zip.read(*entry, 0, std::as_writable_bytes(std::span(text)));
    if (text == "little") return false;
    if (text == "big") return true;
    throw EngineException(ErrorCode::Format,
                          fmt::format("{}: the byteorder record says {:?} where \"little\" or \"big\" is "
                                      "expected; fetch or save the file again",
                                      fileName, text));
}

}  // namespace

Result<std::shared_ptr<const TensorSource>> openTorchZip(std::shared_ptr<const MappedFile> file) {
    return guarded([&]() -> std::shared_ptr<const TensorSource> {
        auto zip = std::make_shared<const ZipDirectory>(file);
        const std::string root = rootFolder(*zip, file->name());
        const bool swapped = isBigEndian(*zip, root, file->name());
        auto source = std::make_shared<TorchZipSource>(std::move(file), std::move(zip), root, swapped);
        source->read();
        return source;
    });
}

}  // namespace moescope
