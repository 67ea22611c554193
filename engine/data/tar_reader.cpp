// SPDX-License-Identifier: Apache-2.0
#include "engine/data/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>

namespace moescope {
namespace {

constexpr uint64_t kMostTextBytes = uint64_t{1} << 20;  // of a member that is read while the shard is opened

struct CloseArchive {
    void operator()(archive* tar) const { archive_read_free(tar); }
};
using Archive = std::unique_ptr<archive, CloseArchive>;

Archive openTar(std::span<const std::byte> bytes) {
    Archive tar(archive_read_new());
    if (!tar) throw std::bad_alloc();
    archive_read_support_format_tar(tar.get());
    if (archive_read_open_memory(tar.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
        throw EngineException(ErrorCode::Format, "it is no tar archive");
    return tar;
}

std::string reasonOf(archive* tar) {
    const char* reason = archive_error_string(tar);
    return reason ? reason : "it is damaged";
}

std::string readContent(archive* tar, uint64_t size, uint64_t most) {
    if (size > most)
        throw EngineException(ErrorCode::Unsupported,
                              fmt::format("it has {} bytes and at most {} are read; make it smaller", size, most));
    std::string content(size, '\0');
    size_t filled = 0;
    while (filled < size) {
        const la_ssize_t count = archive_read_data(tar, content.data() + filled, size - filled);
        if (count < 0)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("its shard is damaged here ({}); fetch the shard again", reasonOf(tar)));
        if (count == 0) throw EngineException(ErrorCode::Format, "its shard ends too early; fetch the shard again");
        filled += static_cast<size_t>(count);
    }
    return content;
}

}  // namespace

std::string visitTar(std::span<const std::byte> bytes,
                     const std::function<void(const TarMember&, const std::function<std::string()>&)>& visit) {
    Archive tar;
    if (const auto opened = guarded([&] { return tar = openTar(bytes), 0; }); !opened) return opened.error().message;
    archive_entry* entry = nullptr;
    for (;;) {
        const int status = archive_read_next_header(tar.get(), &entry);
        if (status == ARCHIVE_EOF) return {};
        if (status == ARCHIVE_RETRY) continue;
        if (status < ARCHIVE_WARN) return reasonOf(tar.get());
        const char* name = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || !name) continue;
        const TarMember member{name, static_cast<uint64_t>(archive_read_header_position(tar.get())),
                               static_cast<uint64_t>(archive_entry_size(entry))};
        visit(member, [&] { return readContent(tar.get(), member.size, kMostTextBytes); });
    }
}

std::string readTarMember(std::span<const std::byte> bytes, const TarMember& member, uint64_t most) {
    const Archive tar = openTar(bytes.subspan(member.position));
    archive_entry* entry = nullptr;
    if (archive_read_next_header(tar.get(), &entry) < ARCHIVE_WARN)
        throw EngineException(ErrorCode::Format, fmt::format("its shard is damaged here ({}); fetch the shard again",
                                                             reasonOf(tar.get())));
    return readContent(tar.get(), static_cast<uint64_t>(archive_entry_size(entry)), most);
}

}  // namespace moescope
