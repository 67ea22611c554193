// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/picture_decode.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

std::vector<std::byte> stored(const std::string& name) {
    return test::fileBytes(std::filesystem::path(MOESCOPE_TEST_DATA) / "golden/pictures" / name);
}

/// The pictures are 32 x 16: (200, 40, 30) on the left, (20, 60, 220) on the right.
void expectHalves(const Picture8& picture, int tolerance, const std::string& name) {
    ASSERT_EQ(picture.width, 32) << name;
    ASSERT_EQ(picture.height, 16) << name;
    const std::array<int, 3> left{200, 40, 30}, right{20, 60, 220};
    for (const size_t x : {2u, 12u, 20u, 29u})
        for (size_t channel = 0; channel < 3; ++channel)
            EXPECT_NEAR(picture.rgb[3 * (8 * 32 + x) + channel], (x < 16 ? left : right)[channel], tolerance)
                << name << " at column " << x;
}

TEST(PictureDecode, ReadsEveryKindOfPictureAlike) {
    // Lossless kinds are exact. JPEG at quality 95 rounds by at most 2 levels after quantising flat blocks whose DC
    // step is 2 (luma) and 2 to 3 (chroma, times 1.77 for blue); inks go through two products more.
    for (const auto& [name, tolerance] : std::initializer_list<std::pair<const char*, int>>{{"two-halves.png", 0},
                                                                                            {"palette.png", 0},
                                                                                            {"lossless.webp", 0},
                                                                                            {"baseline.jpg", 5},
                                                                                            {"progressive.jpg", 5},
                                                                                            {"inks.jpg", 7}}) {
        const auto picture = decodePicture(stored(name));
        ASSERT_TRUE(picture.ok()) << name << ": " << picture.error().message;
        expectHalves(*picture, tolerance, name);
    }
}

TEST(PictureDecode, LaysTransparentPixelsOverTheBackground) {
    for (const char* name : {"alpha.png", "alpha.webp"}) {
        const auto picture = decodePicture(stored(name), {10, 250, 100});
        ASSERT_TRUE(picture.ok()) << picture.error().message;
        const auto at = [&](size_t x, size_t y, size_t channel) {
            return static_cast<int>(picture->rgb[3 * (y * 32 + x) + channel]);
        };
        EXPECT_EQ(at(3, 3, 0), 200) << name;  // opaque
        EXPECT_EQ(at(3, 12, 0), 10) << name;  // transparent
        EXPECT_EQ(at(3, 12, 1), 250) << name;
        EXPECT_EQ(at(20, 3, 2), (220 * 128 + 100 * 127 + 127) / 255) << name;  // half
    }
}

TEST(PictureDecode, TurnsGreyAndSixteenBitsIntoColour) {
    const auto grey = decodePicture(stored("grey.jpg"));
    ASSERT_TRUE(grey.ok());
    EXPECT_EQ(grey->rgb[0], grey->rgb[2]);
    const auto deep = decodePicture(stored("grey16.png"));  // pixel i holds 128 i of 65535
    ASSERT_TRUE(deep.ok()) << deep.error().message;
    EXPECT_NEAR(deep->rgb[3 * 300], 300 * 128 / 257.0, 1.0);
}

TEST(PictureDecode, NamesWhatIsWrongInASentence) {
    for (const auto& [name, code, part] : std::initializer_list<std::tuple<const char*, ErrorCode, const char*>>{
             {"cut.jpg", ErrorCode::Format, "ends too early"},
             {"cut.png", ErrorCode::Format, "the PNG cannot be read"},
             {"huge-header.png", ErrorCode::Unsupported, "60000 x 60000"},
             {"huge-header.jpg", ErrorCode::Unsupported, "65000 x 65000"},
             {"animation.webp", ErrorCode::Unsupported, "animation"}}) {
        const auto picture = decodePicture(stored(name));
        ASSERT_FALSE(picture.ok()) << name;
        EXPECT_EQ(picture.error().code, code) << name << ": " << picture.error().message;
        EXPECT_NE(picture.error().message.find(part), std::string::npos) << name << ": " << picture.error().message;
    }
    EXPECT_EQ(decodePicture({}).error().message, "the file is empty; replace it");
    const std::string text = "no picture at all";
    EXPECT_EQ(decodePicture(std::as_bytes(std::span(text))).error().code, ErrorCode::Format);
}

TEST(PictureDecode, SurvivesEveryCutAndManyChangedBytes) {
    for (const char* name :
         {"palette.png", "alpha.png", "progressive.jpg", "inks.jpg", "alpha.webp", "lossless.webp"}) {
        const std::vector<std::byte> whole = stored(name);
        for (size_t size = 0; size < whole.size(); ++size) (void)decodePicture(std::span(whole).first(size));
        for (size_t i = 0; i < whole.size(); ++i) {
            std::vector<std::byte> changed = whole;
            changed[i] ^= std::byte{static_cast<uint8_t>(1 + 37 * i)};
            const auto picture = decodePicture(changed);
            if (!picture) continue;
            EXPECT_EQ(picture->rgb.size(), static_cast<size_t>(3 * picture->width * picture->height));
        }
    }
}

TEST(PictureDecode, KnowsPictureNamesInAnyCase) {
    EXPECT_TRUE(isPictureName("a/b.JPeG"));
    EXPECT_TRUE(isPictureName("b.webp"));
    EXPECT_FALSE(isPictureName("b.png.txt"));
    EXPECT_FALSE(isPictureName("png"));
}

}  // namespace
}  // namespace moescope
