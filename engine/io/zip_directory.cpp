// SPDX-License-Identifier: Apache-2.0
#include "engine/io/zip_directory.h"

#include <fmt/format.h>
#include <minizip/unzip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/io/pieces.h"

namespace moescope {
namespace {

constexpr size_t kMostEntries = 300'000;
constexpr size_t kLongestName = 1024;
constexpr size_t kLongestExtra = 256;  // read of an entry's extra fields
constexpr uint64_t kPiece = 1 << 20;

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr bool kVerifyChecksums = false;  // a fuzzer would rarely get past a checksum
#else
constexpr bool kVerifyChecksums = true;
#endif

[[noreturn]] void refuse(const MappedFile& file, const std::string& what) {
    throw EngineException(ErrorCode::Format, fmt::format("{}: {}; fetch or save the file again", file.name(), what));
}

/// minizip reads the mapping through these callbacks.
struct Cursor {
    std::span<const std::byte> bytes;
    uint64_t at = 0;
};

voidpf openCursor(voidpf opaque, const void*, int) {
    return opaque;
}
int closeCursor(voidpf, voidpf) {
    return 0;
}
int cursorError(voidpf, voidpf) {
    return 0;
}
uLong writeCursor(voidpf, voidpf, const void*, uLong) {
    return 0;
}

uLong readCursor(voidpf, voidpf stream, void* target, uLong size) {
    auto& cursor = *static_cast<Cursor*>(stream);
    if (cursor.at >= cursor.bytes.size()) return 0;
    const uint64_t count = std::min<uint64_t>(size, cursor.bytes.size() - cursor.at);
    std::memcpy(target, cursor.bytes.data() + cursor.at, count);
    cursor.at += count;
    return static_cast<uLong>(count);
}

ZPOS64_T tellCursor(voidpf, voidpf stream) {
    return static_cast<Cursor*>(stream)->at;
}

long seekCursor(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
    auto& cursor = *static_cast<Cursor*>(stream);
    uint64_t base = 0;
    if (origin == ZLIB_FILEFUNC_SEEK_CUR) base = cursor.at;
    if (origin == ZLIB_FILEFUNC_SEEK_END) base = cursor.bytes.size();
    const uint64_t position = base + static_cast<uint64_t>(offset);  // minizip steps back by offsets that wrap around
    if (position > cursor.bytes.size()) return -1;
    cursor.at = position;
    return 0;
}

/// True where the archive's end record (22 bytes and a comment) is there completely. minizip does without it where a
/// 64-bit record precedes it, so a file that lost its last bytes would pass.
bool hasWholeEndRecord(std::span<const std::byte> file) {
    constexpr std::string_view kSignature = "PK\x05\x06";
    constexpr size_t kRecord = 22, kLongestComment = 65535;
    const size_t window = std::min(file.size(), kRecord + kLongestComment);
    const std::string_view tail(reinterpret_cast<const char*>(file.data() + file.size() - window), window);
    for (size_t at = tail.rfind(kSignature); at != std::string_view::npos; at = tail.rfind(kSignature, at - 1)) {
        if (tail.size() - at >= kRecord) {
            uint16_t comment = 0;
            std::memcpy(&comment, tail.data() + at + kRecord - sizeof(comment), sizeof(comment));
            if (comment <= tail.size() - at - kRecord) return true;
        }
        if (at == 0) break;
    }
    return false;
}

template <class Number>
Number numberAt(std::span<const std::byte> bytes, size_t at) {  // zip numbers are little-endian, as this machine is
    Number value = 0;
    if (at <= bytes.size() && sizeof(Number) <= bytes.size() - at)
        std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

/// Sizes and place of an entry beyond 4 GB stand in an extra field of its directory record, in this order, each only
/// where the 32-bit field is all ones. Debian 12's minizip skips them on 64-bit systems (it compares with 64 ones), so
/// they are taken from the record here. A build of minizip that reads them gives the same values.
void readLargeNumbers(std::span<const std::byte> file, std::span<const std::byte> extra, ZipEntry& entry) {
    constexpr uint32_t kSignature = 0x02014b50, kElsewhere = 0xffffffff;
    constexpr size_t kCompressed = 20, kSize = 24, kPlace = 42;  // in the directory record
    constexpr uint16_t kLargeNumbers = 1;
    if (entry.directoryPosition > file.size()) return;
    const auto record = file.subspan(entry.directoryPosition);
    if (numberAt<uint32_t>(record, 0) != kSignature) return;
    while (extra.size() >= 4) {
        const uint16_t kind = numberAt<uint16_t>(extra, 0);
        auto field = extra.subspan(4);
        field = field.first(std::min<size_t>(field.size(), numberAt<uint16_t>(extra, 2)));
        extra = extra.subspan(4 + field.size());
        if (kind != kLargeNumbers) continue;
        const auto next = [&](size_t place) -> std::optional<uint64_t> {
            if (numberAt<uint32_t>(record, place) != kElsewhere || field.size() < 8) return std::nullopt;
            const auto value = numberAt<uint64_t>(field, 0);
            field = field.subspan(8);
            return value;
        };
        if (const auto size = next(kSize)) entry.size = *size;
        if (const auto size = next(kCompressed)) entry.compressedSize = *size;
        entry.farHeader = next(kPlace);
        return;
    }
}

uint32_t checksumOf(uint32_t start, std::span<const std::byte> bytes) {
    return static_cast<uint32_t>(::crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

struct ZipDirectory::Stream {
    Cursor cursor;
    unzFile zip = nullptr;
    bool entryOpen = false;

    void closeEntry() {
        if (entryOpen) ::unzCloseCurrentFile(zip);
        entryOpen = false;
    }
    ~Stream() {
        closeEntry();
        if (zip) ::unzClose(zip);
    }
};

ZipDirectory::ZipDirectory(std::shared_ptr<const MappedFile> file)
    : m_file(std::move(file)), m_stream(std::make_unique<Stream>()) {
    m_stream->cursor.bytes = m_file->bytes();
    zlib_filefunc64_def callbacks{};
    callbacks.zopen64_file = openCursor;
    callbacks.zread_file = readCursor;
    callbacks.zwrite_file = writeCursor;
    callbacks.ztell64_file = tellCursor;
    callbacks.zseek64_file = seekCursor;
    callbacks.zclose_file = closeCursor;
    callbacks.zerror_file = cursorError;
    callbacks.opaque = &m_stream->cursor;
    unzFile zip = m_stream->zip = !hasWholeEndRecord(m_file->bytes()) ? nullptr : ::unzOpen2_64("", &callbacks);
    if (!zip)
        refuse(*m_file,
               "the file begins like a zip archive but has no usable directory at its end; it is cut short or damaged");

    unz_global_info64 global{};
    if (::unzGetGlobalInfo64(zip, &global) != UNZ_OK || global.number_entry > kMostEntries)
        refuse(*m_file, fmt::format("the zip directory claims {} entries where at most {} are sensible",
                                    static_cast<uint64_t>(global.number_entry), kMostEntries));
    std::array<char, kLongestName + 1> name{};
    std::array<std::byte, kLongestExtra> extra{};
    int status = global.number_entry == 0 ? UNZ_END_OF_LIST_OF_FILE : ::unzGoToFirstFile(zip);
    for (; status == UNZ_OK; status = ::unzGoToNextFile(zip)) {
        unz_file_info64 info{};
        unz64_file_pos position{};
        if (::unzGetCurrentFileInfo64(zip, &info, name.data(), kLongestName, extra.data(), extra.size(), nullptr, 0) !=
                UNZ_OK ||
            ::unzGetFilePos64(zip, &position) != UNZ_OK)
            refuse(*m_file, "the zip directory is damaged");
        if (info.size_filename > kLongestName) continue;  // no name that a checkpoint uses
        ZipEntry entry;
        entry.name.assign(name.data(), info.size_filename);
        entry.size = info.uncompressed_size;
        entry.compressedSize = info.compressed_size;
        entry.checksum = static_cast<uint32_t>(info.crc);
        entry.deflated = info.compression_method == Z_DEFLATED;
        entry.readable = (info.flag & 1) == 0 && (entry.deflated || info.compression_method == 0);
        entry.directoryPosition = position.pos_in_zip_directory;
        entry.directoryNumber = position.num_of_file;
        readLargeNumbers(m_file->bytes(), std::span(extra).first(std::min<size_t>(info.size_file_extra, extra.size())),
                         entry);
        if (entry.compressedSize > m_file->size() ||
            (!entry.deflated && entry.readable && entry.size != entry.compressedSize))
            refuse(*m_file, fmt::format("the zip directory gives entry {} a size that does not fit the file",
                                        entry.name.substr(0, 100)));
        m_entries.push_back(std::move(entry));
    }
    if (status != UNZ_END_OF_LIST_OF_FILE) refuse(*m_file, "the zip directory is damaged");
    std::ranges::stable_sort(m_entries, {}, &ZipEntry::name);
}

ZipDirectory::~ZipDirectory() = default;

const ZipEntry* ZipDirectory::find(std::string_view name) const {
    const auto found =
        std::ranges::lower_bound(m_entries, name, {}, [](const ZipEntry& e) { return std::string_view(e.name); });
    return found != m_entries.end() && found->name == name ? &*found : nullptr;
}

/// m_mutex is held. Leaves the entry open in m_stream.
void ZipDirectory::openEntry(const ZipEntry& entry) const {
    m_stream->closeEntry();
    const unz64_file_pos position{entry.directoryPosition, entry.directoryNumber};
    if (!entry.readable)
        refuse(*m_file, fmt::format("entry {} is encrypted or packed by a method other than deflate", entry.name));
    if (::unzGoToFilePos64(m_stream->zip, &position) != UNZ_OK || ::unzOpenCurrentFile(m_stream->zip) != UNZ_OK)
        refuse(*m_file,
               entry.farHeader
                   ? fmt::format("entry {} is compressed and lies beyond 4 GB, which the system's zip library does "
                                 "not read; repack the archive without compression",
                                 entry.name)
                   : fmt::format("entry {} is not where the zip directory says", entry.name));
    m_stream->entryOpen = true;
}

/// Where the data of an entry begin whose local header is known.
uint64_t ZipDirectory::dataBehind(uint64_t header, const ZipEntry& entry) const {
    constexpr uint32_t kSignature = 0x04034b50;
    constexpr size_t kNameLength = 26, kExtraLength = 28, kHeader = 30;
    const auto bytes = m_file->bytes();
    if (header < bytes.size()) {
        const auto record = bytes.subspan(header);
        const size_t length = numberAt<uint16_t>(record, kNameLength);
        if (numberAt<uint32_t>(record, 0) == kSignature && length == entry.name.size() &&
            length + kHeader <= record.size() && std::memcmp(record.data() + kHeader, entry.name.data(), length) == 0)
            return header + kHeader + length + numberAt<uint16_t>(record, kExtraLength);
    }
    refuse(*m_file, fmt::format("entry {} is not where the zip directory says", entry.name));
}

uint64_t ZipDirectory::dataOffset(const ZipEntry& entry) const {
    uint64_t offset = 0;
    if (entry.farHeader) {
        offset = dataBehind(*entry.farHeader, entry);
    } else {
        const std::scoped_lock lock(m_mutex);
        openEntry(entry);
        offset = ::unzGetCurrentFileZStreamPos64(m_stream->zip);
        m_stream->closeEntry();
    }
    if (offset > m_file->size() || entry.compressedSize > m_file->size() - offset)
        refuse(*m_file, fmt::format("entry {} reaches past the end of the file", entry.name));
    return offset;
}

void ZipDirectory::read(const ZipEntry& entry, uint64_t begin, std::span<std::byte> target) const {
    if (begin > entry.size || target.size() > entry.size - begin)
        refuse(*m_file,
               fmt::format("entry {} has {} bytes and {} are needed", entry.name, entry.size, begin + target.size()));
    if (entry.readable && !entry.deflated) {
        if (!target.empty())
            std::memcpy(target.data(), m_file->bytes().data() + dataOffset(entry) + begin, target.size());
        if (begin == 0 && target.size() == entry.size) verify(entry, target);
        return;
    }
    const std::scoped_lock lock(m_mutex);
    openEntry(entry);
    const auto readPiece = [&](std::span<std::byte> piece) {
        while (!piece.empty()) {
            const int count = ::unzReadCurrentFile(m_stream->zip, piece.data(),
                                                   static_cast<unsigned>(std::min<uint64_t>(piece.size(), kPiece)));
            if (count <= 0) {
                m_stream->closeEntry();
                refuse(*m_file, fmt::format("entry {} can not be unpacked", entry.name));
            }
            piece = piece.subspan(static_cast<size_t>(count));
        }
    };
    std::vector<std::byte> skipped(std::min<uint64_t>(begin, kPiece));
    for (uint64_t at = 0; at < begin;) {
        const uint64_t count = std::min<uint64_t>(begin - at, skipped.size());
        readPiece(std::span(skipped).first(count));
        at += count;
    }
    readPiece(target);
    m_stream->closeEntry();
    if (begin == 0 && target.size() == entry.size) verify(entry, target);
}

bool ZipDirectory::verify(const ZipEntry& entry, std::span<const std::byte> content, const std::stop_token& stop) const {
    if (!kVerifyChecksums || entry.checksum == 0) return !stop.stop_possible() || touchPages(content, stop);
    uint32_t checksum = 0;
    const auto add = [&](std::span<const std::byte> piece) { checksum = checksumOf(checksum, piece); };
    if (!inPieces(content, stop, add)) return false;
    if (checksum != entry.checksum)
        refuse(*m_file, fmt::format("the checksum of entry {} is wrong: its content has changed since it was saved",
                                    entry.name));
    return true;
}

}  // namespace moescope
