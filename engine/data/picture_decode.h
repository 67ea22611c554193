// SPDX-License-Identifier: Apache-2.0
// PNG, JPEG and WebP bytes to pixels, for files that nobody vouches for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/core/error.h"
#include "engine/data/picture_set.h"

namespace moescope {

inline constexpr int64_t maxDecodedSide = 16384;
inline constexpr int64_t maxDecodedPixels = 100'000'000;
/// Larger files of pictures are not read.
inline constexpr uint64_t maxEncodedBytes = uint64_t{256} << 20;

using Rgb8 = std::array<uint8_t, 3>;

/// Told apart by the first bytes, not by a name. Grey, palette, 16-bit and CMYK pictures become 8-bit RGB; alpha is
/// laid over `background` in the space of the stored values. Format or Unsupported, in one sentence; sizes are checked
/// before memory is taken. A JPEG that ends too early is an error. Any thread.
Result<Picture8> decodePicture(std::span<const std::byte> bytes, Rgb8 background = {255, 255, 255});

/// Whether a file of that name is one that decodePicture is for: .png, .jpg, .jpeg, .webp in any case.
bool isPictureName(std::string_view name);

// The three formats, each of which throws EngineException.
Picture8 decodePngPicture(std::span<const std::byte> bytes, Rgb8 background);
Picture8 decodeJpegPicture(std::span<const std::byte> bytes);
Picture8 decodeWebpPicture(std::span<const std::byte> bytes, Rgb8 background);

/// Throws Unsupported where the size is above the limits, Format where it is none; else an empty picture of that size.
Picture8 pictureOfSize(int64_t width, int64_t height);
/// rgb = rgba over background, rounded. `rgba` [pixels, 4], not premultiplied.
void layOver(std::span<const uint8_t> rgba, Rgb8 background, std::span<uint8_t> rgb);

}  // namespace moescope
