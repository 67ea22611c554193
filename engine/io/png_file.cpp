// SPDX-License-Identifier: Apache-2.0
#include "engine/io/png_file.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <fstream>

#include "engine/io/atomic_file.h"
#include "engine/io/utf8.h"

// libpng reports errors by longjmp. Every function below that calls setjmp holds only plain values, and what it fills
// belongs to its caller, so that no destructor is ever jumped over.
namespace moescope {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

/// What libpng's callbacks see: the bytes on either side, and the message of the error that ended the work.
struct Io {
    std::span<const std::byte> input;
    std::vector<std::byte>* output = nullptr;
    bool outOfMemory = false;
    char message[160] = "";
};

void onError(png_structp png, png_const_charp message) {
    Io& io = *static_cast<Io*>(png_get_error_ptr(png));
    std::snprintf(io.message, sizeof io.message, "%s", message);
    png_longjmp(png, 1);
}

void onWarning(png_structp, png_const_charp) {}

void readBytes(png_structp png, png_bytep target, size_t count) {
    Io& io = *static_cast<Io*>(png_get_io_ptr(png));
    if (count > io.input.size()) png_error(png, "the file ends too early");
    std::memcpy(target, io.input.data(), count);
    io.input = io.input.subspan(count);
}

void writeBytes(png_structp png, png_bytep source, size_t count) {
    Io& io = *static_cast<Io*>(png_get_io_ptr(png));
    const auto* bytes = reinterpret_cast<const std::byte*>(source);
    try {
        io.output->insert(io.output->end(), bytes, bytes + count);
    } catch (const std::bad_alloc&) {
        io.outOfMemory = true;
    }
    if (io.outOfMemory) png_error(png, "no memory for the encoded picture");
}

void flushNothing(png_structp) {}

/// Owns libpng's two structures, for reading or for writing.
class PngHandle {
public:
    enum class For { Reading, Writing };
    PngHandle(For use, Io& io) : m_use(use) {
        png = use == For::Reading ? png_create_read_struct(PNG_LIBPNG_VER_STRING, &io, onError, onWarning)
                                  : png_create_write_struct(PNG_LIBPNG_VER_STRING, &io, onError, onWarning);
        info = png ? png_create_info_struct(png) : nullptr;
        if (!info) {
            release();
            throw std::bad_alloc();
        }
    }
    PngHandle(const PngHandle&) = delete;
    PngHandle& operator=(const PngHandle&) = delete;
    ~PngHandle() { release(); }

    png_structp png = nullptr;
    png_infop info = nullptr;

private:
    void release() {
        if (m_use == For::Reading)
            png_destroy_read_struct(&png, &info, nullptr);
        else
            png_destroy_write_struct(&png, &info);
    }
    For m_use;
};

bool writeAll(png_structp png, png_infop info, Io* io, const Picture* picture, png_textp texts, int textCount) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, io, writeBytes, flushNothing);
    png_set_IHDR(png, info, static_cast<png_uint_32>(picture->width), static_cast<png_uint_32>(picture->height), 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, texts, textCount);
    png_write_info(png, info);
    const size_t rowBytes = 3 * static_cast<size_t>(picture->width);
    for (int row = 0; row < picture->height; ++row)
        png_write_row(png, picture->rgb.data() + static_cast<size_t>(row) * rowBytes);
    png_write_end(png, info);
    return true;
}

struct Header {
    png_uint_32 width = 0, height = 0;
};

bool readHeader(png_structp png, png_infop info, Io* io, Header* header) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, io, readBytes);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_chunk_malloc_max(png, maxPngTextBytes);
    png_set_chunk_cache_max(png, 128);
    png_set_user_limits(png, static_cast<png_uint_32>(maxPicturePixels), static_cast<png_uint_32>(maxPicturePixels));
    png_read_info(png, info);
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    return true;
}

bool readPixels(png_structp png, png_infop info, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_image(png, rows);
    png_read_end(png, info);  // texts may follow the pixels
    return true;
}

bool isKeyword(std::string_view keyword) {
    return !keyword.empty() && keyword.size() <= 79 && keyword.front() != ' ' && keyword.back() != ' ' &&
           keyword.find("  ") == std::string_view::npos &&
           std::ranges::all_of(keyword, [](char c) { return c >= ' ' && c <= '~'; });
}

/// libpng's description of one text; it points into `text`.
png_text describe(const PngText& text) {
    const bool ascii = std::ranges::all_of(text.text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    const bool international = text.international || !ascii;
    png_text chunk{};
    chunk.compression = international ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(text.keyword.c_str());
    chunk.text = const_cast<char*>(text.text.c_str());
    (international ? chunk.itxt_length : chunk.text_length) = text.text.size();
    return chunk;
}

/// tEXt and zTXt are Latin-1 by the standard, but programs write UTF-8 into them too; iTXt is UTF-8.
PngText fromChunk(const png_text& chunk) {
    PngText text;
    text.international = chunk.compression >= PNG_ITXT_COMPRESSION_NONE;
    const std::string_view stored(chunk.text ? chunk.text : "",
                                  text.international ? chunk.itxt_length : chunk.text_length);
    text.keyword = latin1ToUtf8(chunk.key);
    text.text = text.international || isUtf8(stored) ? std::string(stored) : latin1ToUtf8(stored);
    return text;
}

EngineError damaged(const Io& io) {
    return {ErrorCode::Format,
            fmt::format("this PNG cannot be read ({}); the file is damaged or is not a PNG", io.message)};
}

}  // namespace

std::optional<std::string> PngContents::text(std::string_view keyword) const {
    const auto found = std::ranges::find(texts, keyword, &PngText::keyword);
    if (found == texts.end()) return std::nullopt;
    return found->text;
}

Result<std::vector<std::byte>> encodePng(const Picture& picture, std::span<const PngText> texts) {
    return guarded([&]() -> std::vector<std::byte> {
        const int64_t pixels = static_cast<int64_t>(picture.width) * picture.height;
        if (picture.width < 1 || picture.height < 1 || pixels > maxPicturePixels ||
            picture.rgb.size() != static_cast<size_t>(3 * pixels))
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("a picture of {} x {} pixels with {} bytes cannot be written; expected 3 "
                                              "bytes for each of 1 to {} pixels",
                                              picture.width, picture.height, picture.rgb.size(), maxPicturePixels));
        std::vector<png_text> chunks;
        for (const PngText& text : texts) {
            if (!isKeyword(text.keyword))
                throw EngineException(
                    ErrorCode::InvalidArgument,
                    fmt::format("\"{}\" cannot be the keyword of a PNG text; it needs 1 to 79 printable "
                                "ASCII characters without spaces at its ends",
                                text.keyword));
            if (text.text.size() > maxPngTextBytes || text.text.find('\0') != std::string::npos || !isUtf8(text.text))
                throw EngineException(
                    ErrorCode::InvalidArgument,
                    fmt::format("the PNG text \"{}\" cannot be written; expected UTF-8 without zero bytes "
                                "of at most {} bytes, found {} bytes",
                                text.keyword, maxPngTextBytes, text.text.size()));
            chunks.push_back(describe(text));
        }
        std::vector<std::byte> bytes;
        Io io;
        io.output = &bytes;
        const PngHandle handle(PngHandle::For::Writing, io);
        const bool written =
            writeAll(handle.png, handle.info, &io, &picture, chunks.data(), static_cast<int>(chunks.size()));
        if (io.outOfMemory) throw std::bad_alloc();
        if (!written)
            throw EngineException(ErrorCode::Internal, fmt::format("the picture could not be encoded: {}", io.message));
        return bytes;
    });
}

Result<PngContents> decodePng(std::span<const std::byte> bytes) {
    return guarded([&]() -> PngContents {
        Io io;
        io.input = bytes;
        const PngHandle handle(PngHandle::For::Reading, io);
        Header header;
        if (!readHeader(handle.png, handle.info, &io, &header)) throw EngineException(damaged(io));
        const int64_t pixels = static_cast<int64_t>(header.width) * header.height;
        if (pixels > maxPicturePixels)
            throw EngineException(ErrorCode::Unsupported,
                                  fmt::format("this PNG has {} x {} pixels and at most {} are read; make it smaller",
                                              header.width, header.height, maxPicturePixels));
        PngContents contents;
        contents.picture = {static_cast<int>(header.width), static_cast<int>(header.height),
                            std::vector<uint8_t>(static_cast<size_t>(3 * pixels))};
        std::vector<png_bytep> rows(header.height);
        for (size_t row = 0; row < rows.size(); ++row) rows[row] = contents.picture.rgb.data() + row * 3 * header.width;
        if (!readPixels(handle.png, handle.info, rows.data())) throw EngineException(damaged(io));
        png_textp chunks = nullptr;
        const int count = png_get_text(handle.png, handle.info, &chunks, nullptr);
        size_t total = 0;
        for (int i = 0; i < count; ++i) {
            contents.texts.push_back(fromChunk(chunks[i]));
            total += contents.texts.back().text.size();
            if (total > maxPngTextBytes)
                throw EngineException(
                    ErrorCode::Unsupported,
                    fmt::format("this PNG holds more than {} bytes of text, which is no picture of this "
                                "program; remove its text",
                                maxPngTextBytes));
        }
        return contents;
    });
}

Status writePng(const std::filesystem::path& path, const Picture& picture, std::span<const PngText> texts) {
    const auto bytes = encodePng(picture, texts);
    if (!bytes) return bytes.error();
    auto file = AtomicFile::create(path);
    if (!file) return file.error();
    if (Status written = file->write(std::span<const std::byte>(*bytes)); !written) return written;
    return file->commit();
}

Result<PngContents> readPng(const std::filesystem::path& path) {
    return guarded([&]() -> PngContents {
        std::error_code failure;
        const uint64_t size = std::filesystem::file_size(path, failure);
        std::ifstream file(path, std::ios::binary);
        if (failure || !file)
            throw EngineException(std::filesystem::exists(path, failure) ? ErrorCode::Io : ErrorCode::NotFound,
                                  fmt::format("cannot open '{}'; give a PNG file that can be read", path.string()));
        if (size > kMaxFileBytes)
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format("'{}' has {} bytes and at most {} are read as a PNG", path.string(), size, kMaxFileBytes));
        std::vector<std::byte> bytes(size);
        file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
        if (!file) throw EngineException(ErrorCode::Io, fmt::format("reading '{}' failed half-way", path.string()));
        auto contents = decodePng(bytes);
        if (!contents)
            throw EngineException(contents.error().code,
                                  fmt::format("'{}': {}", path.string(), contents.error().message));
        return std::move(contents).value();
    });
}

Result<Picture> toPicture(const HostTensor& tensor, int64_t image) {
    const size_t rank = tensor.shape.size();
    const int64_t images = rank == 4 ? tensor.shape[0] : 1;
    const bool fits = (rank == 3 || rank == 4) && tensor.shape[rank - 3] == 3 && tensor.shape[rank - 2] > 0 &&
                      tensor.shape[rank - 1] > 0 && tensor.size() == elementCount(tensor.shape);
    if (!fits || image < 0 || image >= images)
        return {ErrorCode::InvalidArgument, fmt::format("image {} of a tensor of shape {} is no picture; expected "
                                                        "[3, height, width] or [images, 3, height, width]",
                                                        image, shapeText(tensor.shape))};
    const int64_t height = tensor.shape[rank - 2], width = tensor.shape[rank - 1], pixels = height * width;
    if (pixels > maxPicturePixels)
        return {ErrorCode::InvalidArgument,
                fmt::format("a picture of {} x {} pixels is too large; at most {} are written", width, height,
                            maxPicturePixels)};
    return guarded([&]() -> Picture {
        Picture picture{static_cast<int>(width), static_cast<int>(height),
                        std::vector<uint8_t>(static_cast<size_t>(3 * pixels))};
        const float* planes = tensor.data.data() + 3 * pixels * image;
        for (int64_t channel = 0; channel < 3; ++channel) {
            for (int64_t pixel = 0; pixel < pixels; ++pixel) {
                const float value = planes[channel * pixels + pixel];
                if (std::isnan(value))
                    throw EngineException(ErrorCode::Numeric,
                                          fmt::format("image {} is not a number at row {}, column {}; the model or its "
                                                      "weights are broken",
                                                      image, pixel / width, pixel % width));
                const float scaled = 127.5F * (std::clamp(value, -1.0F, 1.0F) + 1.0F);
                picture.rgb[static_cast<size_t>(3 * pixel + channel)] = static_cast<uint8_t>(std::nearbyint(scaled));
            }
        }
        return picture;
    });
}

}  // namespace moescope
