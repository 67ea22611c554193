// SPDX-License-Identifier: Apache-2.0
#include "engine/io/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace moescope {
namespace {

struct FileDescriptor {
    int fd;
    ~FileDescriptor() {
        if (fd >= 0) ::close(fd);
    }
};

EngineError openError(const std::string& name, int reason) {
    if (reason == ENOENT || reason == ENOTDIR)
        return {ErrorCode::NotFound, fmt::format("{}: there is no such file; check the name and the folder", name)};
    if (reason == EACCES || reason == EPERM)
        return {ErrorCode::Io, fmt::format("{}: the file may not be read; change its permissions", name)};
    return {ErrorCode::Io, fmt::format("{}: the file could not be opened ({}); check the disk and try again", name,
                                       std::generic_category().message(reason))};
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
    const std::string name = path.has_filename() ? path.filename().string() : path.string();
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) return openError(name, errno);
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) return openError(name, errno);
    if (S_ISDIR(info.st_mode))
        return {ErrorCode::InvalidArgument,
                fmt::format("{}: expected a file, found a folder; name a file in it", name)};
    if (!S_ISREG(info.st_mode))
        return {ErrorCode::InvalidArgument,
                fmt::format("{}: expected a regular file, found a device or a pipe; copy its content to a file", name)};
    if (info.st_size == 0)
        return {ErrorCode::Format, fmt::format("{}: the file is empty (0 bytes); fetch or save it again", name)};
    const auto size = static_cast<size_t>(info.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
    if (address == MAP_FAILED) {
        const int reason = errno;
        return {reason == ENOMEM ? ErrorCode::OutOfMemory : ErrorCode::Io,
                fmt::format("{}: the system could not map the file's {} bytes ({}); close other programs or copy the "
                            "file to a local disk",
                            name, size, std::generic_category().message(reason))};
    }
    const std::span<const std::byte> bytes{static_cast<const std::byte*>(address), size};
    return std::shared_ptr<const MappedFile>(new MappedFile(bytes, true, path, name));
}

std::shared_ptr<const MappedFile> MappedFile::borrow(std::span<const std::byte> bytes, std::string name) {
    return std::shared_ptr<const MappedFile>(new MappedFile(bytes, false, name, name));
}

MappedFile::MappedFile(std::span<const std::byte> bytes, bool mapped, std::filesystem::path path, std::string name)
    : m_bytes(bytes), m_mapped(mapped), m_path(std::move(path)), m_name(std::move(name)) {}

MappedFile::~MappedFile() {
    if (m_mapped) ::munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size());
}

void MappedFile::adviseRange(uint64_t offset, uint64_t length, int advice) const {
    if (!m_mapped || offset >= m_bytes.size() || length == 0) return;
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t begin = offset / page * page;
    const uint64_t end = offset + std::min<uint64_t>(length, m_bytes.size() - offset);  // madvise rounds the end up
    ::madvise(const_cast<std::byte*>(m_bytes.data()) + begin, end - begin, advice);
}

void MappedFile::releasePages(uint64_t offset, uint64_t length) const {
    adviseRange(offset, length, MADV_DONTNEED);
}

void MappedFile::advise(uint64_t offset, uint64_t length, AccessHint hint) const {
    switch (hint) {
        case AccessHint::Normal:
            return adviseRange(offset, length, MADV_NORMAL);
        case AccessHint::Sequential:
            return adviseRange(offset, length, MADV_SEQUENTIAL);
        case AccessHint::Random:
            return adviseRange(offset, length, MADV_RANDOM);
        case AccessHint::WillNeed:
            return adviseRange(offset, length, MADV_WILLNEED);
    }
}

}  // namespace moescope
