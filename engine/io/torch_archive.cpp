// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_archive.h"

#include <fmt/format.h>
#include <minizip/zip.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/io/atomic_file.h"

namespace moescope {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kLocalHeader = 30, kFarFields = 20;  // of an entry, and what entries of 4 GiB and more have besides
constexpr uint64_t kLargestNear = 0xfffffffe;
constexpr size_t kExtraHeader = 4;
constexpr unsigned kPadding = 0x4246;        // "FB", the kind of extra field that torch pads with
constexpr size_t kPiece = size_t{64} << 20;  // minizip counts in 32 bits

}  // namespace

struct TorchArchiveWriter::Archive {
    AtomicFile file;
    uint64_t at = 0;
    Status failure;
    zipFile zip = nullptr;
    std::string name;
    uint64_t left = 0;
    bool open = false;

    static voidpf opened(voidpf opaque, const void*, int) { return opaque; }
    static int closed(voidpf, voidpf) { return 0; }
    static int failed(voidpf, voidpf stream) { return static_cast<Archive*>(stream)->failure.ok() ? 0 : 1; }
    static uLong read(voidpf, voidpf, void*, uLong) { return 0; }
    static ZPOS64_T tell(voidpf, voidpf stream) { return static_cast<Archive*>(stream)->at; }
    static long seek(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
        auto& self = *static_cast<Archive*>(stream);
        const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? self.at
                              : origin == ZLIB_FILEFUNC_SEEK_END ? self.file.size()
                                                                 : 0;
        if (base + offset > self.file.size()) return -1;
        self.at = base + offset;
        return 0;
    }
    static uLong write(voidpf, voidpf stream, const void* from, uLong size) {
        auto& self = *static_cast<Archive*>(stream);
        if (!self.failure.ok()) return 0;
        const std::span bytes(static_cast<const std::byte*>(from), size);
        // Sizes and checksums are put into an entry's header once its data are there.
        self.failure = self.at == self.file.size() ? self.file.write(bytes) : self.file.overwrite(self.at, bytes);
        if (!self.failure.ok()) return 0;
        self.at += size;
        return size;
    }

    /// Throws what the file said, else that the archive could not be made.
    void check(int code) {
        failure.orThrow();
        if (code != ZIP_OK)
            throw EngineException(ErrorCode::Internal,
                                  fmt::format("the archive could not be written (minizip error {})", code));
    }
};

TorchArchiveWriter::TorchArchiveWriter(const std::filesystem::path& path)
    : m_archive(new Archive{AtomicFile::create(path).orThrow(), 0, {}, nullptr, {}, 0, false}) {
    zlib_filefunc64_def calls{};
    calls.zopen64_file = Archive::opened;
    calls.zread_file = Archive::read;
    calls.zwrite_file = Archive::write;
    calls.ztell64_file = Archive::tell;
    calls.zseek64_file = Archive::seek;
    calls.zclose_file = Archive::closed;
    calls.zerror_file = Archive::failed;
    calls.opaque = m_archive.get();
    m_archive->zip = zipOpen2_64("archive", APPEND_STATUS_CREATE, nullptr, &calls);
    if (!m_archive->zip)
        throw EngineException(ErrorCode::OutOfMemory, "there is not enough memory for writing an archive");
}

TorchArchiveWriter::~TorchArchiveWriter() {
    if (!m_archive->zip) return;
    m_archive->failure = Status(ErrorCode::Cancelled, "given up");
    if (m_archive->open) zipCloseFileInZip(m_archive->zip);
    zipClose(m_archive->zip, nullptr);
}

void TorchArchiveWriter::begin(const std::string& name, uint64_t size) {
    const bool far = size > kLargestNear;
    const uint64_t unpadded = m_archive->at + kLocalHeader + name.size() + (far ? kFarFields : 0) + kExtraHeader;
    std::vector<char> extra(kExtraHeader + (kAlignment - unpadded % kAlignment) % kAlignment, 'Z');
    extra[0] = static_cast<char>(kPadding & 0xff);
    extra[1] = static_cast<char>(kPadding >> 8);
    extra[2] = static_cast<char>(extra.size() - kExtraHeader);
    extra[3] = 0;
    zip_fileinfo info{};
    info.dosDate = (1u << 21) | (1u << 16);  // the first of January 1980: equal values give equal files
    const int code = zipOpenNewFileInZip64(m_archive->zip, name.c_str(), &info, extra.data(),
                                           static_cast<uInt>(extra.size()), nullptr, 0, nullptr, 0, 0, far ? 1 : 0);
    m_archive->check(code);
    m_archive->name = name;
    m_archive->left = size;
    m_archive->open = true;
}

void TorchArchiveWriter::write(std::span<const std::byte> bytes) {
    if (bytes.size() > m_archive->left)
        throw EngineException(ErrorCode::Internal, fmt::format("'{}' was given {} bytes more than announced",
                                                               m_archive->name, bytes.size() - m_archive->left));
    m_archive->left -= bytes.size();
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size())))
        m_archive->check(
            zipWriteInFileInZip(m_archive->zip, bytes.data(), static_cast<unsigned>(std::min(kPiece, bytes.size()))));
}

void TorchArchiveWriter::end() {
    if (m_archive->left)
        throw EngineException(ErrorCode::Internal, fmt::format("'{}' lacks {} bytes; the file was not written",
                                                               m_archive->name, m_archive->left));
    m_archive->open = false;
    m_archive->check(zipCloseFileInZip(m_archive->zip));
}

void TorchArchiveWriter::commit() {
    const int code = zipClose(m_archive->zip, nullptr);
    m_archive->zip = nullptr;
    m_archive->check(code);
    m_archive->file.commit().orThrow();
}

}  // namespace moescope
