// SPDX-License-Identifier: Apache-2.0
// Pictures as PNG bytes, with the text that travels inside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/host_tensor.h"

namespace moescope {

/// 8-bit colour, row-major [height, width, 3].
struct Picture {
    int width = 0;
    int height = 0;
    std::vector<uint8_t> rgb;

    bool operator==(const Picture&) const = default;
};

/// One text of a PNG; UTF-8 here, whatever the chunk holds. ASCII is written as tEXt, which every program reads, unless
/// `international` asks for iTXt; other text always goes to iTXt.
struct PngText {
    std::string keyword;  // 1 to 79 printable ASCII characters, no space at either end or two in a row
    std::string text;
    bool international = false;
};

struct PngContents {
    Picture picture;
    std::vector<PngText> texts;

    /// The first text of that keyword.
    std::optional<std::string> text(std::string_view keyword) const;
};

/// Larger pictures and longer texts are refused.
inline constexpr int64_t maxPicturePixels = int64_t{64} << 20;
inline constexpr size_t maxPngTextBytes = size_t{16} << 20;

Result<std::vector<std::byte>> encodePng(const Picture& picture, std::span<const PngText> texts = {});
/// Any PNG: grey and palette become colour, 16 bits become 8, transparency is dropped.
Result<PngContents> decodePng(std::span<const std::byte> bytes);

/// Appears under its name only when it is complete.
Status writePng(const std::filesystem::path& path, const Picture& picture, std::span<const PngText> texts = {});
Result<PngContents> readPng(const std::filesystem::path& path);

/// Image `image` of [3, H, W] or [images, 3, H, W] with values in [-1, 1]: round(127.5 (clamp(x) + 1)), ties to even.
Result<Picture> toPicture(const HostTensor& tensor, int64_t image = 0);

}  // namespace moescope
