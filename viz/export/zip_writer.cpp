// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/export/zip_writer.h"

#include <fmt/format.h>
#include <minizip/zip.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/io/atomic_file.h"

namespace moescope {
namespace {

/// minizip goes back inside a member to fill in its sizes, AtomicFile only goes forward: what belongs to the current
/// member waits in `pending`, whose first byte is at `flushed` in the file.
struct MemberBuffer {
    AtomicFile file;
    std::vector<std::byte> pending;
    uint64_t flushed = 0;
    uint64_t position = 0;
    Status failure;

    uint64_t end() const { return flushed + pending.size(); }

    void flush() {
        if (failure.ok()) failure = file.write(pending);
        flushed = end();
        pending.clear();
    }
};

MemberBuffer& bufferOf(voidpf stream) {
    return *static_cast<MemberBuffer*>(stream);
}

uLong writeBuffer(voidpf, voidpf stream, const void* data, uLong size) {
    MemberBuffer& buffer = bufferOf(stream);
    const auto at = static_cast<size_t>(buffer.position - buffer.flushed);
    if (at + size > buffer.pending.size()) buffer.pending.resize(at + size);
    std::memcpy(buffer.pending.data() + at, data, size);
    buffer.position += size;
    return size;
}

/// Refuses to leave the current member.
long seekBuffer(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
    MemberBuffer& buffer = bufferOf(stream);
    const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                          : origin == ZLIB_FILEFUNC_SEEK_CUR ? buffer.position
                                                             : buffer.end();
    const uint64_t target = base + offset;
    if (target < buffer.flushed || target > buffer.end()) return -1;
    buffer.position = target;
    return 0;
}

/// The file functions that minizip calls.
zlib_filefunc64_def callbacks(MemberBuffer& buffer) {
    zlib_filefunc64_def functions{};
    functions.zopen64_file = [](voidpf opaque, const void*, int) -> voidpf { return opaque; };
    functions.zread_file = [](voidpf, voidpf, void*, uLong) -> uLong { return 0; };
    functions.zwrite_file = writeBuffer;
    functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return bufferOf(stream).position; };
    functions.zseek64_file = seekBuffer;
    functions.zclose_file = [](voidpf, voidpf) -> int { return 0; };
    functions.zerror_file = [](voidpf, voidpf stream) -> int { return bufferOf(stream).failure.ok() ? 0 : 1; };
    functions.opaque = &buffer;
    return functions;
}

}  // namespace

struct ZipWriter::State {
    std::string name;
    MemberBuffer buffer;
    zipFile zip = nullptr;

    State(std::string n, AtomicFile file) : name(std::move(n)), buffer{.file = std::move(file)} {}
    ~State() {
        if (zip) zipClose(zip, nullptr);  // frees minizip's memory; the file itself is dropped by AtomicFile
    }

    Status failed(const char* doing) const {
        if (!buffer.failure.ok()) return buffer.failure;
        return {ErrorCode::Io,
                fmt::format("{} could not be written ({}); try again or choose another folder", name, doing)};
    }
};

ZipWriter::ZipWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ZipWriter::ZipWriter(ZipWriter&&) noexcept = default;
ZipWriter::~ZipWriter() = default;

Result<ZipWriter> ZipWriter::create(const std::filesystem::path& target) {
    auto file = AtomicFile::create(target);
    if (!file) return file.error();
    auto state = std::make_unique<State>(target.filename().string(), std::move(file).value());
    zlib_filefunc64_def functions = callbacks(state->buffer);
    state->zip = zipOpen2_64(state->name.c_str(), APPEND_STATUS_CREATE, nullptr, &functions);
    if (!state->zip) return state->failed("opening the archive").error();
    return ZipWriter(std::move(state));
}

Status ZipWriter::begin(const std::string& member, uint64_t uncompressedSize) {
    zip_fileinfo info{};
    info.tmz_date = {.tm_mday = 1, .tm_year = 1980};  // the same data give the same bytes
    const int large = uncompressedSize >= 0xffff0000u ? 1 : 0;
    const int result = zipOpenNewFileInZip64(m_state->zip, member.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                                             Z_DEFLATED, Z_BEST_SPEED, large);
    if (result != ZIP_OK) return m_state->failed("beginning a member");
    return {};
}

Status ZipWriter::write(std::span<const std::byte> bytes) {
    constexpr size_t most = size_t{1} << 30;  // minizip counts in unsigned int
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(most, bytes.size()));
        if (zipWriteInFileInZip(m_state->zip, piece.data(), static_cast<unsigned>(piece.size())) != ZIP_OK)
            return m_state->failed("adding data");
        bytes = bytes.subspan(piece.size());
    }
    return {};
}

Status ZipWriter::end() {
    if (zipCloseFileInZip(m_state->zip) != ZIP_OK) return m_state->failed("closing a member");
    m_state->buffer.flush();
    return m_state->buffer.failure;
}

Status ZipWriter::finish() {
    const int result = zipClose(m_state->zip, nullptr);
    m_state->zip = nullptr;
    if (result != ZIP_OK) return m_state->failed("closing the archive");
    m_state->buffer.flush();
    if (!m_state->buffer.failure.ok()) return m_state->buffer.failure;
    return m_state->buffer.file.commit();
}

}  // namespace moescope
