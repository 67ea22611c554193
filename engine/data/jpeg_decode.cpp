// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg, whose errors leave by longjmp: the function that calls setjmp owns nothing with a destructor.
#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>  // needs <cstdio>

#include <csetjmp>
#include <cstdio>

#include "engine/data/picture_decode.h"

namespace moescope {
namespace {

constexpr int kMostScans = 200;  // of a progressive picture; an ordinary one has about ten

struct Failure {
    jpeg_error_mgr base;
    std::jmp_buf leave;
    char message[JMSG_LENGTH_MAX];
    bool cutShort;
};

Failure& failureOf(j_common_ptr jpeg) {
    return *reinterpret_cast<Failure*>(jpeg->err);
}

void onError(j_common_ptr jpeg) {
    Failure& failure = failureOf(jpeg);
    jpeg->err->format_message(jpeg, failure.message);
    std::longjmp(failure.leave, 1);
}

/// A file that ends too early is only a warning to libjpeg, which paints the rest grey. Other warnings are common in
/// pictures that look right.
void onMessage(j_common_ptr jpeg, int level) {
    const int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) failureOf(jpeg).cutShort = true;
}

void printNothing(j_common_ptr) {}

/// Ends files of very many scans, each of which costs a pass over the picture.
void onProgress(j_common_ptr jpeg) {
    const auto* decoder = reinterpret_cast<j_decompress_ptr>(jpeg);
    if (decoder->input_scan_number <= kMostScans) return;
    std::snprintf(failureOf(jpeg).message, JMSG_LENGTH_MAX, "it has more than %d scans", kMostScans);
    std::longjmp(failureOf(jpeg).leave, 1);
}

struct Decoder {
    jpeg_decompress_struct jpeg{};
    Failure failure{};
    jpeg_progress_mgr progress{};

    Decoder() {
        jpeg.err = jpeg_std_error(&failure.base);
        failure.base.error_exit = onError;
        failure.base.emit_message = onMessage;
        failure.base.output_message = printNothing;
        progress.progress_monitor = onProgress;
    }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    ~Decoder() { jpeg_destroy_decompress(&jpeg); }
};

bool readHeader(Decoder* decoder, const unsigned char* bytes, unsigned long size) {
    if (setjmp(decoder->failure.leave)) return false;
    jpeg_create_decompress(&decoder->jpeg);
    decoder->jpeg.progress = &decoder->progress;
    jpeg_mem_src(&decoder->jpeg, bytes, size);
    jpeg_read_header(&decoder->jpeg, TRUE);
    const bool inks = decoder->jpeg.jpeg_color_space == JCS_CMYK || decoder->jpeg.jpeg_color_space == JCS_YCCK;
    decoder->jpeg.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    return true;
}

bool readRows(Decoder* decoder, unsigned char* rows, size_t rowBytes) {
    if (setjmp(decoder->failure.leave)) return false;
    jpeg_start_decompress(&decoder->jpeg);
    while (decoder->jpeg.output_scanline < decoder->jpeg.output_height) {
        JSAMPROW row = rows + rowBytes * decoder->jpeg.output_scanline;
        jpeg_read_scanlines(&decoder->jpeg, &row, 1);
    }
    jpeg_finish_decompress(&decoder->jpeg);
    return true;
}

}  // namespace

Picture8 decodeJpegPicture(std::span<const std::byte> bytes) {
    Decoder decoder;
    const auto refuse = [&](const char* reason) {
        throw EngineException(ErrorCode::Format, fmt::format("the JPEG cannot be read ({}); replace the file", reason));
    };
    if (!readHeader(&decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()))
        refuse(decoder.failure.message);
    Picture8 picture = pictureOfSize(decoder.jpeg.image_width, decoder.jpeg.image_height);
    const bool inks = decoder.jpeg.out_color_space == JCS_CMYK;
    const size_t pixels = picture.rgb.size() / 3;
    std::vector<uint8_t> cmyk(inks ? 4 * pixels : 0);
    const size_t rowBytes = (inks ? 4 : 3) * static_cast<size_t>(picture.width);
    if (!readRows(&decoder, inks ? cmyk.data() : picture.rgb.data(), rowBytes)) refuse(decoder.failure.message);
    if (decoder.failure.cutShort) refuse("it ends too early");
    // Adobe's programs store inks inverted, so that 255 is none.
    const bool inverted = decoder.jpeg.saw_Adobe_marker != 0;
    for (size_t pixel = 0; inks && pixel < pixels; ++pixel) {
        const auto light = [&](size_t ink) {
            return static_cast<unsigned>(inverted ? cmyk[4 * pixel + ink] : 255 - cmyk[4 * pixel + ink]);
        };
        for (size_t channel = 0; channel < 3; ++channel)
            picture.rgb[3 * pixel + channel] = static_cast<uint8_t>((light(channel) * light(3) + 127) / 255);
    }
    return picture;
}

}  // namespace moescope
