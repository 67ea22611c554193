// SPDX-License-Identifier: Apache-2.0
#include "engine/io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

namespace moescope {
namespace {

constexpr size_t kLargestWrite = size_t{1} << 30;  // one system call; the kernel takes a little under 2 GiB

EngineError writeError(const std::filesystem::path& target, uint64_t written, int reason) {
    const std::string name = target.filename().string();
    switch (reason) {
        case ENOSPC:
            return {ErrorCode::NoSpace, fmt::format("{} could not be written: the disk is full after {} bytes; free "
                                                    "some space or choose another folder",
                                                    name, written)};
        case EDQUOT:
            return {ErrorCode::NoSpace,
                    fmt::format("{} could not be written: the disk quota is used up after {} bytes; "
                                "free some space or choose another folder",
                                name, written)};
        case EFBIG:
            return {ErrorCode::NoSpace, fmt::format("{} could not be written: the largest allowed file size is reached "
                                                    "after {} bytes; raise the limit or choose another disk",
                                                    name, written)};
        default:
            return {ErrorCode::Io, fmt::format("{} could not be written ({}); check the disk or choose another folder",
                                               name, std::generic_category().message(reason))};
    }
}

EngineError createError(const std::filesystem::path& target, int reason) {
    const std::string name = target.filename().string();
    switch (reason) {
        case ENOENT:
        case ENOTDIR:
            return {ErrorCode::Io,
                    fmt::format("{} could not be created: its folder does not exist; create the folder or "
                                "choose another one",
                                name)};
        case EACCES:
        case EPERM:
        case EROFS:
            return {ErrorCode::Io,
                    fmt::format("{} could not be created: its folder may not be written to; choose another "
                                "folder or change its permissions",
                                name)};
        default:
            return writeError(target, 0, reason);
    }
}

/// "<name>.<random>.part"; a name near the 255-byte limit is shortened so that the temporary name still fits.
std::filesystem::path temporaryName(const std::filesystem::path& target, uint32_t random) {
    std::string stem = target.filename().string().substr(0, 220);
    return target.parent_path() / fmt::format("{}.{:08x}.part", stem, random);
}

/// Makes the rename itself durable. A folder that can not be synced (some network disks) is no reason to fail.
void syncFolder(const std::filesystem::path& target) {
    const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& named) {
    std::error_code ignored;
    const std::filesystem::file_status found = std::filesystem::status(named, ignored);
    if (!named.has_filename() || std::filesystem::is_directory(found))
        return {ErrorCode::Io,
                fmt::format("{} could not be created: expected the name of a file, found a folder; add a "
                            "file name",
                            named.filename().empty() ? named.string() : named.filename().string())};
    if (std::filesystem::exists(found) && !std::filesystem::is_regular_file(found))
        return {ErrorCode::Io, fmt::format("{} could not be created: expected the name of a file, found a device, a pipe "
                                           "or a socket, which would be replaced; choose another name",
                                           named.filename().string())};
    std::filesystem::path target = named;
    if (std::filesystem::is_symlink(named, ignored)) {  // the file behind a link is replaced, not the link
        target = std::filesystem::canonical(named, ignored);
        if (ignored) target = named;
    }
    std::random_device random;
    for (int attempt = 0; attempt < 32; ++attempt) {
        std::filesystem::path temporary = temporaryName(target, random());
        const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) return AtomicFile(fd, target, std::move(temporary));
        if (errno != EEXIST && errno != EINTR) return createError(target, errno);
    }
    return createError(target, EEXIST);
}

AtomicFile::AtomicFile(int fd, std::filesystem::path target, std::filesystem::path temporary)
    : m_fd(fd), m_target(std::move(target)), m_temporary(std::move(temporary)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : m_fd(std::exchange(other.m_fd, -1)),
      m_size(other.m_size),
      m_target(std::move(other.m_target)),
      m_temporary(std::move(other.m_temporary)) {}

AtomicFile::~AtomicFile() {
    discard();
}

void AtomicFile::discard() {
    if (m_fd < 0) return;
    ::close(std::exchange(m_fd, -1));
    ::unlink(m_temporary.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
    if (m_fd < 0)
        return {ErrorCode::Io,
                fmt::format("{} is closed after an error or a commit; write it anew", m_target.filename().string())};
    while (!bytes.empty()) {
        const ssize_t count = ::write(m_fd, bytes.data(), std::min(bytes.size(), kLargestWrite));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            const EngineError error = writeError(m_target, m_size, count == 0 ? ENOSPC : errno);
            discard();
            return error;
        }
        m_size += static_cast<uint64_t>(count);
        bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return {};
}

Status AtomicFile::write(std::string_view text) {
    return write(std::as_bytes(std::span(text)));
}

Status AtomicFile::overwrite(uint64_t at, std::span<const std::byte> bytes) {
    if (m_fd < 0 || at + bytes.size() > m_size)
        return {ErrorCode::Io, fmt::format("{} is closed, or shorter than what was to be replaced; write it anew",
                                           m_target.filename().string())};
    while (!bytes.empty()) {
        const ssize_t count = ::pwrite(m_fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            const EngineError error = writeError(m_target, m_size, count == 0 ? ENOSPC : errno);
            discard();
            return error;
        }
        at += static_cast<uint64_t>(count);
        bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return {};
}

Status AtomicFile::commit() {
    if (m_fd < 0)
        return {ErrorCode::Io,
                fmt::format("{} is closed after an error or a commit; write it anew", m_target.filename().string())};
    int reason = 0;
    if (::fsync(m_fd) != 0) reason = errno;
    if (::close(std::exchange(m_fd, -1)) != 0 && reason == 0 && errno != EINTR) reason = errno;
    if (reason == 0 && std::rename(m_temporary.c_str(), m_target.c_str()) != 0) reason = errno;
    if (reason != 0) {
        ::unlink(m_temporary.c_str());
        return writeError(m_target, m_size, reason);
    }
    syncFolder(m_target);
    return {};
}

}  // namespace moescope
