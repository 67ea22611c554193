// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/data/picture_set.h"
#include "engine/data/resample.h"

namespace moescope {
namespace {

/// Grey pixels [height, width] from numbers.
Picture8 grey(int64_t width, int64_t height, const std::vector<int>& values) {
    Picture8 picture{width, height, {}};
    for (const int value : values) picture.rgb.insert(picture.rgb.end(), 3, static_cast<uint8_t>(value));
    return picture;
}

TEST(PreparedPicture, AveragesAreasWhenShrinking) {
    // 4 x 2 is cut to columns 1 and 2, then averaged to one pixel: (10 + 20 + 30 + 40) / 4.
    const auto bytes = preparedBytes(grey(4, 2, {0, 10, 20, 0, 0, 30, 40, 0}), {.side = 1}, false);
    EXPECT_EQ(bytes, (std::vector<uint8_t>{25, 25, 25}));
    // 3 to 2: each takes one pixel and half of the middle one.
    const auto halves = preparedBytes(grey(3, 3, {0, 90, 240, 0, 90, 240, 0, 90, 240}), {.side = 2}, false);
    EXPECT_EQ(halves[0], 30);
    EXPECT_EQ(halves[1], 190);
}

TEST(PreparedPicture, PadsBesideAndBelow) {
    PreparedSize size{.side = 4, .fit = PreparedSize::Fit::Pad, .padding = {1, 2, 3}};
    const auto bytes = preparedBytes(grey(2, 1, {100, 200}), size, false);
    const std::vector<uint8_t> red(bytes.begin(), bytes.begin() + 16);
    // 2 x 1 becomes 4 x 2 in rows 1 and 2; enlarging interpolates between the two pixels.
    EXPECT_EQ(red, (std::vector<uint8_t>{1, 1, 1, 1, 100, 125, 175, 200, 100, 125, 175, 200, 1, 1, 1, 1}));
    EXPECT_EQ(bytes[16], 2);
    EXPECT_EQ(bytes[32], 3);
}

TEST(PreparedPicture, MirrorsAndScalesToMinusOneToOne) {
    const Picture8 picture = grey(2, 2, {0, 255, 51, 102});
    const auto plain = preparePicture(picture, {.side = 2}, false),
               mirrored = preparePicture(picture, {.side = 2}, true);
    EXPECT_EQ(plain[0], -1.0F);
    EXPECT_EQ(plain[1], 1.0F);
    EXPECT_EQ(mirrored[0], plain[1]);
    EXPECT_EQ(mirrored[2], plain[3]);
}

TEST(PreparedPicture, TakesPicturesOfOnePixel) {
    for (const auto fit : {PreparedSize::Fit::Crop, PreparedSize::Fit::Pad}) {
        const auto bytes = preparedBytes(grey(1, 1, {77}), {.side = 8, .fit = fit}, false);
        EXPECT_EQ(bytes, std::vector<uint8_t>(3 * 64, 77));
    }
    const auto thin =
        preparedBytes(grey(100, 1, std::vector<int>(100, 9)), {.side = 4, .fit = PreparedSize::Fit::Pad}, false);
    EXPECT_EQ(std::ranges::count(thin, 9), 3 * 4);
}

TEST(Resample, KeepsFlatPicturesFlat) {
    const Picture8 flat = grey(7, 5, std::vector<int>(35, 200));
    for (const auto filter : {ResampleFilter::Area, ResampleFilter::Lanczos})
        for (const int64_t side : {1, 3, 5, 16})
            EXPECT_EQ(resample(flat, {0.3, 0.2, 6.5, 4.9}, side, side, filter).rgb,
                      std::vector<uint8_t>(static_cast<size_t>(3 * side * side), 200));
}

}  // namespace
}  // namespace moescope
