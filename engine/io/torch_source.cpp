// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "engine/io/pieces.h"

namespace moescope {
namespace {

constexpr uint64_t kLargestRepeat = 256 << 20;  // bytes of a tensor that repeats a smaller storage
constexpr uint64_t kLargestScattered = 256
                                       << 20;  // bytes unpacked at a time for one scattered view of a packed storage

}  // namespace

TorchSource::TorchSource(std::shared_ptr<const MappedFile> file, bool swapped, std::string format)
    : m_file(std::move(file)), m_swapped(swapped) {
    m_format = std::move(format);
    m_files = {m_file->path()};
}

void TorchSource::refuse(const std::string& what) const {
    throw EngineException(ErrorCode::Format, fmt::format("{}: {}; fetch or save the file again", m_file->name(), what));
}

void TorchSource::adopt(TorchContents contents) {
    std::unordered_map<std::string, size_t> storages;
    m_tensors.reserve(contents.tensors.size());
    m_views.reserve(contents.tensors.size());
    for (auto& [name, tensor] : contents.tensors) {
        const TorchStorageReference& storage = tensor.storage;
        const uint64_t stored = storageBytes(storage.key);
        if (stored < storage.bytes() || stored % storage.elementSize != 0)
            refuse(fmt::format("{}: its storage {} has {} bytes where {} elements of {} bytes are needed", name,
                               storage.key, stored, storage.elements, storage.elementSize));
        StridedView& view = tensor.view;
        const uint64_t size = dtypeSize(view.dtype);
        const auto reached = elementsReached(view);
        const uint64_t available = storage.viewElements * storage.elementSize;
        if (!reached || *reached > available / size)
            refuse(fmt::format(
                "{}: a tensor of shape {}, strides {}, offset {} does not lie inside its storage of {} elements", name,
                shapeText(view.shape), shapeText(view.strides), view.offset, available / size));
        const auto bytes = static_cast<uint64_t>(elementCount(view.shape)) * size;
        if (bytes > available && bytes > kLargestRepeat)
            refuse(fmt::format("{}: {} bytes would be repeated from a storage of {} bytes", name, bytes, available));
        if (storage.firstElement > 0)
            view.offset += static_cast<int64_t>(storage.firstElement * storage.elementSize / size);
        const auto [at, added] = storages.emplace(storage.key, m_storageKeys.size());
        if (added) m_storageKeys.push_back(storage.key);
        view.storage = at->second;
        m_tensors.push_back({std::move(name), view.dtype, view.shape, m_views.size()});
        m_views.push_back(std::move(view));
    }
    m_metadata = std::move(contents.metadata);
    std::ranges::move(contents.notes, std::back_inserter(m_notes));
    indexNames();
    if (m_file->size() <= kEagerFileSize)
        for (const std::string& key : m_storageKeys) storageInPlace(key, false);
}

const StridedView* TorchSource::viewOf(const TensorInfo& tensor) const {
    return tensor.handle < m_views.size() ? &m_views[tensor.handle] : nullptr;
}

bool TorchSource::coversStorage(const StridedView& view) const {
    const auto bytes = static_cast<uint64_t>(elementCount(view.shape)) * dtypeSize(view.dtype);
    return view.isContiguous() && view.offset == 0 && bytes == storageBytes(m_storageKeys[view.storage]);
}

/// The view's bytes from its first element to the end of its storage; empty where the storage is packed.
std::span<const std::byte> TorchSource::inPlace(const StridedView& view) const {
    const std::string& key = m_storageKeys[view.storage];
    const size_t size = dtypeSize(view.dtype);
    const auto bytes = storageInPlace(key, coversStorage(view));
    return bytes.empty() ? bytes : bytes.subspan(static_cast<size_t>(view.offset) * size);
}

void TorchSource::copyValues(const TensorInfo& tensor, const StridedView& view, std::span<std::byte> target) const {
    if (target.empty()) return;
    const size_t size = dtypeSize(view.dtype);
    const std::string& key = m_storageKeys[view.storage];
    if (const auto bytes = inPlace(view); !bytes.empty()) {
        gather(view, bytes.data(), target);
    } else if (view.isContiguous()) {
        readStorage(key, static_cast<uint64_t>(view.offset) * size, target);
    } else {
        const uint64_t span = (elementsReached(view).value_or(0) - static_cast<uint64_t>(view.offset)) * size;
        if (span > kLargestScattered)
            refuse(fmt::format(
                "{}: {} bytes of a compressed storage would have to be unpacked for a scattered tensor; repack "
                "the archive without compression",
                tensor.name, span));
        std::vector<std::byte> unpacked(span);
        readStorage(key, static_cast<uint64_t>(view.offset) * size, unpacked);
        gather(view, unpacked.data(), target);
    }
    if (m_swapped) swapByteOrder(target, size);
}

Status TorchSource::readRaw(const TensorInfo& tensor, std::span<std::byte> target) const {
    const StridedView* view = viewOf(tensor);
    if (!view)
        return {ErrorCode::InvalidArgument,
                fmt::format("{}: tensor {} belongs to another file", m_file->name(), tensor.name)};
    const uint64_t needed = static_cast<uint64_t>(elementCount(view->shape)) * dtypeSize(view->dtype);
    if (needed != target.size())
        return {ErrorCode::InvalidArgument, fmt::format("{}: tensor {} has {} bytes and the target {}", m_file->name(),
                                                        tensor.name, needed, target.size())};
    const auto done = guarded([&] {
        copyValues(tensor, *view, target);
        return true;
    });
    return done.ok() ? Status() : Status(done.error());
}

Result<std::span<const std::byte>> TorchSource::contiguousBytes(const TensorInfo& tensor) const {
    const StridedView* view = viewOf(tensor);
    if (!view || !view->isContiguous() || (m_swapped && dtypeSize(view->dtype) > 1))
        return std::span<const std::byte>();
    return guarded([&] {
        const size_t bytes = static_cast<size_t>(elementCount(view->shape)) * dtypeSize(view->dtype);
        const auto from = bytes == 0 ? std::span<const std::byte>() : inPlace(*view);
        return from.empty() ? from : from.first(bytes);
    });
}

bool TorchSource::checkStorage(const std::string& key, const std::stop_token& stop) const {
    return touchPages(storageInPlace(key, false), stop);
}

bool TorchSource::prepare(const TensorInfo& tensor, const std::stop_token& stop) const {
    const StridedView* view = viewOf(tensor);
    if (!view) return !stop.stop_requested();
    const auto ready = guarded([&] {
        const std::string& key = m_storageKeys[view->storage];
        if (coversStorage(*view)) return checkStorage(key, stop);
        const auto bytes = storageInPlace(key, false);
        const size_t size = dtypeSize(view->dtype);
        const uint64_t begin = static_cast<uint64_t>(view->offset) * size;
        const uint64_t end = elementsReached(*view).value_or(0) * size;
        return bytes.empty() || end <= begin ? !stop.stop_requested() : touchPages(bytes.subspan(begin, end - begin), stop);
    });
    return ready.ok() ? *ready : !stop.stop_requested();
}

void TorchSource::expectScatteredReads(bool scattered) const {
    m_file->advise(0, m_file->size(), scattered ? AccessHint::Random : AccessHint::Normal);
}

void TorchSource::releasePages(const TensorInfo& tensor) const {
    const StridedView* view = viewOf(tensor);
    if (!view) return;
    const auto released = guarded([&] {
        const auto bytes = storageInPlace(m_storageKeys[view->storage], false);
        const size_t size = dtypeSize(view->dtype);
        const uint64_t begin = static_cast<uint64_t>(view->offset) * size;
        const uint64_t end = elementsReached(*view).value_or(0) * size;
        if (!bytes.empty() && end > begin)
            m_file->releasePages(static_cast<uint64_t>(bytes.data() - m_file->bytes().data()) + begin, end - begin);
        return true;
    });
    static_cast<void>(released.ok());  // a hint; what is damaged is told when it is read
}

}  // namespace moescope
