// SPDX-License-Identifier: Apache-2.0
#include "engine/data/set_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <system_error>

#include "engine/data/tar_writer.h"
#include "engine/io/png_file.h"

namespace moescope {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void failed(const fs::path& path, int reason) {
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    throw EngineException(
        full ? ErrorCode::NoSpace : ErrorCode::Io,
        fmt::format(
            "{} could not be written ({}); {}", path.filename().string(), std::generic_category().message(reason),
            full ? "free some space or choose another folder" : "choose another folder or change its permissions"));
}

/// Not synced: the whole folder is, once, before it gets its name.
void writeBytes(const fs::path& path, std::span<const std::byte> bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) failed(path, errno);
    int reason = 0;
    while (!bytes.empty() && reason == 0) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0)
            reason = count == 0 ? ENOSPC : errno;
        else
            bytes = bytes.subspan(static_cast<size_t>(count));
    }
    if (::close(fd) != 0 && reason == 0 && errno != EINTR) reason = errno;
    if (reason != 0) failed(path, reason);
}

void makeFolder(const fs::path& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) failed(path, code.value());
}

std::vector<std::byte> encoded(const Picture8& picture) {
    return encodePng({static_cast<int>(picture.width), static_cast<int>(picture.height), picture.rgb}).orThrow();
}

fs::path besideTarget(const fs::path& target, const char* ending) {
    std::random_device random;
    return target.parent_path() / fmt::format("{}.{:08x}.{}", target.filename().string(), random(), ending);
}

}  // namespace

struct SetWriter::Shards {
    std::unique_ptr<TarWriter> open;
    int64_t written = 0, inShard = 0;
};

SetWriter::SetWriter(SetTarget target) : m_target(std::move(target)), m_shards(std::make_unique<Shards>()) {
    fs::path& folder = m_target.folder;
    if (folder.empty())
        throw EngineException(ErrorCode::InvalidArgument, "no folder was named for the data set; give one");
    folder = fs::absolute(folder).lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
    std::error_code code;
    if (fs::exists(folder, code)) {
        const bool empty = fs::is_directory(folder, code) && fs::is_empty(folder, code);
        const bool ours = fs::is_regular_file(folder / "dataset.json", code);
        if (!empty && !ours)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("'{}' is there already and is no data set of this program; choose another name",
                            folder.string()));
        if (!empty && !m_target.replace)
            throw EngineException(
                ErrorCode::InvalidArgument,
                fmt::format("'{}' holds a data set already; choose another name, or replace it with --force",
                            folder.string()));
    }
    makeFolder(folder.parent_path());
    m_temporary = besideTarget(folder, "part");
    makeFolder(m_temporary);
}

SetWriter::~SetWriter() {
    if (m_finished) return;
    m_shards.reset();
    std::error_code ignored;
    fs::remove_all(m_temporary, ignored);
}

void SetWriter::add(const std::string& subfolder, const std::string& stem, const Picture8& picture,
                    nlohmann::ordered_json facts) {
    constexpr auto replaceBad = nlohmann::ordered_json::error_handler_t::replace;
    if (m_target.layout == SetLayout::Folder) {
        if (subfolder != m_lastSubfolder) makeFolder(place(subfolder));
        m_lastSubfolder = subfolder;
        const std::string name = subfolder.empty() ? stem + ".png" : fmt::format("{}/{}.png", subfolder, stem);
        writeBytes(place(name), encoded(picture));
        nlohmann::ordered_json line{{"file_name", name}};
        line.update(facts);
        m_metadata += line.dump(-1, ' ', false, replaceBad) + "\n";
        return;
    }
    Shards& shards = *m_shards;
    if (shards.open && shards.inShard == m_target.perShard) {
        shards.open->close();
        shards.open.reset();
    }
    if (!shards.open) {
        shards.open = std::make_unique<TarWriter>(place(fmt::format("shard-{:05}.tar", shards.written++)));
        shards.inShard = 0;
    }
    ++shards.inShard;
    const std::string name = subfolder.empty() ? stem : fmt::format("{}/{}", subfolder, stem);
    shards.open->add(name + ".png", encoded(picture));
    shards.open->add(name + ".json", facts.dump(-1, ' ', false, replaceBad));
}

void SetWriter::addFile(const std::string& name, const std::string& text) {
    writeBytes(place(name), std::as_bytes(std::span(text)));
}

void SetWriter::finish() {
    if (m_target.layout == SetLayout::Folder) addFile("metadata.jsonl", m_metadata);
    if (m_shards->open) m_shards->open->close();
    m_shards->open.reset();
    if (const int fd = ::open(m_temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); fd >= 0) {
        ::syncfs(fd);
        ::close(fd);
    }
    // An old set steps aside first, and comes back if the new one can not take its place.
    const fs::path aside = besideTarget(m_target.folder, "old");
    std::error_code code;
    const bool replaces = fs::exists(m_target.folder, code) && !fs::is_empty(m_target.folder, code);
    if (replaces) fs::rename(m_target.folder, aside, code);
    if (replaces && code) failed(m_target.folder, code.value());
    fs::rename(m_temporary, m_target.folder, code);
    if (code) {
        std::error_code ignored;
        if (replaces) fs::rename(aside, m_target.folder, ignored);
        failed(m_target.folder, code.value());
    }
    m_finished = true;
    if (replaces) fs::remove_all(aside, code);
}

}  // namespace moescope
