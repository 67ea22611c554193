// SPDX-License-Identifier: Apache-2.0
#include "engine/data/picture_decode.h"

#include <fmt/format.h>
#include <png.h>
#include <webp/decode.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace moescope {
namespace {

bool startsWith(std::span<const std::byte> bytes, std::string_view magic, size_t offset = 0) {
    return bytes.size() >= offset + magic.size() && std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

/// What libpng keeps while it reads; released however the reading ends.
struct PngImage {
    png_image image{};
    PngImage() { image.version = PNG_IMAGE_VERSION; }
    PngImage(const PngImage&) = delete;
    PngImage& operator=(const PngImage&) = delete;
    ~PngImage() { png_image_free(&image); }
};

}  // namespace

Picture8 pictureOfSize(int64_t width, int64_t height) {
    if (width < 1 || height < 1)
        throw EngineException(
            ErrorCode::Format,
            fmt::format("the picture is {} x {} pixels, so there is nothing to see; replace the file", width, height));
    if (width > maxDecodedSide || height > maxDecodedSide || width * height > maxDecodedPixels)
        throw EngineException(
            ErrorCode::Unsupported,
            fmt::format("the picture has {} x {} pixels and at most {} a side and {} in all are read; make it smaller",
                        width, height, maxDecodedSide, maxDecodedPixels));
    return {width, height, std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
}

void layOver(std::span<const uint8_t> rgba, Rgb8 background, std::span<uint8_t> rgb) {
    for (size_t pixel = 0; 4 * pixel < rgba.size(); ++pixel) {
        const unsigned alpha = rgba[4 * pixel + 3];
        for (size_t channel = 0; channel < 3; ++channel)
            rgb[3 * pixel + channel] = static_cast<uint8_t>(
                (rgba[4 * pixel + channel] * alpha + background[channel] * (255 - alpha) + 127) / 255);
    }
}

Picture8 decodePngPicture(std::span<const std::byte> bytes, Rgb8 background) {
    PngImage png;
    const auto refuse = [&] {
        throw EngineException(ErrorCode::Format,
                              fmt::format("the PNG cannot be read ({}); replace the file", png.image.message));
    };
    if (!png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size())) refuse();
    png.image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits are the same colours as 8
    const bool transparent = (png.image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    png.image.format = transparent ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
    Picture8 picture = pictureOfSize(png.image.width, png.image.height);
    if (!transparent) {
        if (!png_image_finish_read(&png.image, nullptr, picture.rgb.data(), 0, nullptr)) refuse();
        return picture;
    }
    std::vector<uint8_t> rgba(picture.rgb.size() / 3 * 4);
    if (!png_image_finish_read(&png.image, nullptr, rgba.data(), 0, nullptr)) refuse();
    layOver(rgba, background, picture.rgb);
    return picture;
}

Picture8 decodeWebpPicture(std::span<const std::byte> bytes, Rgb8 background) {
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    const auto refuse = [](const char* reason) {
        throw EngineException(ErrorCode::Format,
                              fmt::format("the WebP picture cannot be read ({}); replace the file", reason));
    };
    WebPBitstreamFeatures features{};
    if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) refuse("its header is damaged");
    if (features.has_animation)
        throw EngineException(
            ErrorCode::Unsupported,
            "the WebP file is an animation, and single pictures are read; export one of its pictures");
    Picture8 picture = pictureOfSize(features.width, features.height);
    const auto stride = [&](int channels) { return static_cast<int>(picture.width) * channels; };
    if (!features.has_alpha) {
        if (!WebPDecodeRGBInto(data, bytes.size(), picture.rgb.data(), picture.rgb.size(), stride(3)))
            refuse("it is damaged or cut short");
        return picture;
    }
    std::vector<uint8_t> rgba(picture.rgb.size() / 3 * 4);
    if (!WebPDecodeRGBAInto(data, bytes.size(), rgba.data(), rgba.size(), stride(4)))
        refuse("it is damaged or cut short");
    layOver(rgba, background, picture.rgb);
    return picture;
}

Result<Picture8> decodePicture(std::span<const std::byte> bytes, Rgb8 background) {
    return guarded([&]() -> Picture8 {
        if (bytes.size() > maxEncodedBytes)
            throw EngineException(ErrorCode::Unsupported,
                                  fmt::format("the file has {} bytes and at most {} are read; make the picture smaller",
                                              bytes.size(), maxEncodedBytes));
        if (startsWith(bytes, "\x89PNG\r\n\x1a\n")) return decodePngPicture(bytes, background);
        if (startsWith(bytes, "\xff\xd8\xff")) return decodeJpegPicture(bytes);
        if (startsWith(bytes, "RIFF") && startsWith(bytes, "WEBP", 8)) return decodeWebpPicture(bytes, background);
        throw EngineException(
            ErrorCode::Format,
            bytes.empty() ? "the file is empty; replace it"
                          : "the file is no PNG, JPEG or WebP picture, whatever its name says; convert or replace it");
    });
}

bool isPictureName(std::string_view name) {
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    std::string ending(name.substr(dot + 1));
    std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return ending == "png" || ending == "jpg" || ending == "jpeg" || ending == "webp";
}

}  // namespace moescope
