// SPDX-License-Identifier: Apache-2.0
// The form of torch.save before 1.6: pickles of magic number, protocol, system, object and storage keys, then raw
// storages.
#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "engine/io/torch_source.h"

namespace moescope {
namespace {

constexpr std::string_view kMagic =
    "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c, little-endian
constexpr int64_t kProtocol = 1001;
constexpr size_t kCountBytes = 8;  // every storage begins with its number of elements

struct StoredRange {
    uint64_t begin = 0;  // of the values, behind the count
    uint64_t elements = 0, elementSize = 1;
};

class TorchLegacySource final : public TorchSource {
public:
    TorchLegacySource(std::shared_ptr<const MappedFile> file, bool swapped)
        : TorchSource(std::move(file), swapped, "torch legacy") {}

    /// `keysAt`: where the object's pickle ends.
    void read(const Pickle& object, size_t keysAt) {
        const Pickle keys = readPickle(file().bytes().subspan(keysAt));
        placeStorages(object, keys, keysAt + keys.length);
        adopt(readTorchContents(object));
    }

private:
    /// Storages follow each other in the order of the keys; their sizes stand in the pickle.
    void placeStorages(const Pickle& object, const Pickle& keys, uint64_t position) {
        std::unordered_map<std::string, StoredRange> sizes;
        for (const PickleId persistent : object.persistents) {
            const TorchStorageReference storage = readTorchStorage(object.graph, persistent);
            const auto [at, added] = sizes.emplace(storage.key, StoredRange{0, storage.elements, storage.elementSize});
            if (!added && (at->second.elements != storage.elements || at->second.elementSize != storage.elementSize))
                refuse(fmt::format("storage {} is described in two ways", storage.key));
        }
        if (keys.graph.kind(keys.root) != PickleKind::List) refuse("the list of storages is missing");
        for (const PickleId id : keys.graph.items(keys.root, PickleGraph::kMostCells)) {
            const std::string key(keys.graph.text(id));
            const auto size = sizes.find(key);
            if (size == sizes.end() || keys.graph.kind(id) != PickleKind::Text)
                refuse("a stored block of values belongs to no tensor");
            StoredRange range = size->second;
            range.begin = position + kCountBytes;
            const uint64_t bytes = range.elements * range.elementSize;  // both were bounded when they were read
            if (file().size() - position < kCountBytes || file().size() - range.begin < bytes)
                refuse(fmt::format("the file ends inside storage {}", key));
            if (!m_ranges.emplace(key, range).second) refuse(fmt::format("storage {} is listed twice", key));
            position = range.begin + bytes;
        }
    }

    const StoredRange& rangeOf(const std::string& key) const {
        const auto found = m_ranges.find(key);
        if (found == m_ranges.end()) refuse(fmt::format("storage {} is not in the file", key));
        return found->second;
    }

    uint64_t storageBytes(const std::string& key) const override {
        const StoredRange& range = rangeOf(key);
        return range.elements * range.elementSize;
    }

    std::span<const std::byte> storageInPlace(const std::string& key, bool) const override {
        const StoredRange& range = rangeOf(key);
        uint64_t count = 0;
        std::memcpy(&count, file().bytes().data() + range.begin - kCountBytes, sizeof(count));
        if (count != range.elements && __builtin_bswap64(count) != range.elements)
            refuse(fmt::format("storage {} has {} elements where the pickle says {}", key, count, range.elements));
        return file().bytes().subspan(range.begin, range.elements * range.elementSize);
    }

    void readStorage(const std::string& key, uint64_t, std::span<std::byte>) const override {
        refuse(fmt::format("storage {} holds no values", key));  // legacy storages are always in place
    }

    std::unordered_map<std::string, StoredRange> m_ranges;
};

[[noreturn]] void notLegacy(const std::string& name, const std::string& found) {
    throw EngineException(
        ErrorCode::Format,
        fmt::format("{}: expected a checkpoint of torch.save, found {}; nothing in it was executed; choose "
                    "another file",
                    name, found));
}

/// False where the system record says that values are big-endian.
bool isLittleEndian(const Pickle& system) {
    const auto items = system.graph.items(system.root, 64);
    for (size_t i = 0; i + 1 < items.size(); i += 2)
        if (system.graph.text(items[i]) == "little_endian") return system.graph.kind(items[i + 1]) != PickleKind::False;
    return true;
}

}  // namespace

Result<std::shared_ptr<const TensorSource>> openTorchLegacy(std::shared_ptr<const MappedFile> file) {
    return guarded([&]() -> std::shared_ptr<const TensorSource> {
        const std::string name = file->name();
        try {
            size_t at = 0;
            const auto next = [&] {
                Pickle pickle = readPickle(file->bytes().subspan(at));
                at += pickle.length;
                return pickle;
            };
            const Pickle magic = next();
            if (magic.graph.kind(magic.root) != PickleKind::Big || magic.graph.text(magic.root) != kMagic)
                notLegacy(name, fmt::format("a pickle of {} without torch's magic number",
                                            pickleTypeName(magic.graph, magic.root)));
            const Pickle protocol = next();
            if (protocol.graph.integer(protocol.root) != kProtocol)
                notLegacy(name, "an unknown protocol of torch.save");
            const bool little = isLittleEndian(next());
            const Pickle object = next();
            auto source = std::make_shared<TorchLegacySource>(file, !little);
            source->read(object, at);
            return source;
        } catch (const EngineException& e) {
            if (e.error().message.starts_with(name)) throw;
            throw EngineException(e.error().code, fmt::format("{}: {}", name, e.error().message));
        }
    });
}

}  // namespace moescope
