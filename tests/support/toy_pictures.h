// SPDX-License-Identifier: GPL-3.0-or-later
// Small pictures and sets of pictures for tests of data.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/picture_set.h"

namespace moescope::test {

/// All pixels of one colour.
Picture8 flatPicture(int64_t width, int64_t height, std::array<uint8_t, 3> colour);
std::vector<std::byte> pngOf(const Picture8& picture);
void writePngFile(const std::filesystem::path& path, const Picture8& picture);

/// `count` pictures in memory: item i is a 4 x 4 picture of colour (i, 2 i, 255 - i), of class i % classes, with the
/// captions "i a" and "i b". Items in `broken` can not be decoded.
std::shared_ptr<const PictureSet> toySet(int64_t count, int classes, std::vector<int64_t> broken = {});

}  // namespace moescope::test
