// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures through PNG and back, hostile files, and the rounding of floats to bytes.
#include "engine/io/png_file.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/io/utf8.h"

namespace moescope {
namespace {

Picture gradient(int width, int height) {
    Picture picture{width, height, {}};
    for (int i = 0; i < 3 * width * height; ++i) picture.rgb.push_back(static_cast<uint8_t>(i * 37 % 256));
    return picture;
}

std::string asText(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> asBytes(const std::string& text) {
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

std::string bigEndian(uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}

std::string chunk(const std::string& type, const std::string& data) {
    const std::string body = type + data;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return bigEndian(static_cast<uint32_t>(data.size())) + body + bigEndian(static_cast<uint32_t>(crc));
}

std::string deflated(const std::string& data) {
    std::string packed(compressBound(data.size()), '\0');
    uLongf size = packed.size();
    compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(data.data()), data.size());
    packed.resize(size);
    return packed;
}

/// A PNG made by hand: colour type 0 grey, 2 colour, 6 colour and alpha; `extra` chunks stand before the pixels.
std::string handMade(uint32_t width, uint32_t height, char depth, char colourType, const std::string& rows,
                     const std::string& extra = "", const std::string& after = "") {
    const std::string header = bigEndian(width) + bigEndian(height) + depth + colourType + std::string(3, '\0');
    return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + extra + chunk("IDAT", deflated(rows)) + after +
           chunk("IEND", "");
}

TEST(PngFile, GivesBackPictureAndTexts) {
    const Picture picture = gradient(7, 5);
    const std::vector<PngText> texts{{"parameters", "a red heart\nSteps: 25", false},
                                     {"moescope", R"({"schema":"x"})", true},
                                     {"Title", "piñata ❤ 猫", false},
                                     {"Empty", "", false}};
    const auto bytes = encodePng(picture, texts);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto contents = decodePng(*bytes);
    ASSERT_TRUE(contents) << contents.error().message;
    EXPECT_EQ(contents->picture, picture);
    ASSERT_EQ(contents->texts.size(), texts.size());
    for (const PngText& text : texts) EXPECT_EQ(contents->text(text.keyword), text.text);
    EXPECT_FALSE(contents->text("Comment"));
}

TEST(PngFile, WritesAsciiAsPlainTextAndTheRestAsInternational) {
    const auto types = [](const PngText& text) {
        const std::string bytes = asText(*encodePng(gradient(1, 1), std::vector{text}));
        return std::pair(bytes.find("tEXt") != std::string::npos, bytes.find("iTXt") != std::string::npos);
    };
    EXPECT_EQ(types({"parameters", "plain", false}), std::pair(true, false));
    EXPECT_EQ(types({"parameters", "é", false}), std::pair(false, true));
    EXPECT_EQ(types({"moescope", "plain", true}), std::pair(false, true));
}

TEST(PngFile, ReadsTextAfterThePixelsInLatin1OrUtf8) {
    const std::string texts = chunk("tEXt", std::string("Latin\0pi\xF1", 9) + "ata") +
                              chunk("tEXt", std::string("Utf\0", 4) + "piñata") +
                              chunk("zTXt", std::string("Packed\0\0", 8) + deflated("squeezed"));
    const auto contents = decodePng(asBytes(handMade(1, 1, 8, 2, std::string(4, '\0'), "", texts)));
    ASSERT_TRUE(contents) << contents.error().message;
    EXPECT_EQ(contents->text("Latin"), "piñata");
    EXPECT_EQ(contents->text("Utf"), "piñata");
    EXPECT_EQ(contents->text("Packed"), "squeezed");
}

TEST(PngFile, TurnsGreySixteenBitsAndTransparencyIntoColour) {
    const auto pixels = [](const std::string& png) {
        const auto contents = decodePng(asBytes(png));
        EXPECT_TRUE(contents);
        return contents ? contents->picture.rgb : std::vector<uint8_t>{};
    };
    EXPECT_EQ(pixels(handMade(1, 1, 8, 0, std::string("\0\xC8", 2))), (std::vector<uint8_t>{200, 200, 200}));
    EXPECT_EQ(pixels(handMade(1, 1, 16, 0, std::string("\0\xFF\xFF", 3))), (std::vector<uint8_t>{255, 255, 255}));
    EXPECT_EQ(pixels(handMade(1, 1, 8, 6, std::string("\0\x01\x02\x03\x04", 5))), (std::vector<uint8_t>{1, 2, 3}));
}

TEST(PngFile, RefusesEveryTruncationWithASentence) {
    const auto whole = *encodePng(gradient(4, 3), std::vector<PngText>{{"parameters", "some text", false}});
    for (size_t length = 0; length < whole.size(); ++length) {
        const auto contents = decodePng(std::span(whole).first(length));
        ASSERT_FALSE(contents) << length << " of " << whole.size();
        EXPECT_EQ(contents.error().code, ErrorCode::Format);
        EXPECT_NE(contents.error().message.find("damaged"), std::string::npos) << contents.error().message;
    }
}

TEST(PngFile, RefusesEveryFlippedByte) {
    const auto whole = *encodePng(gradient(4, 3), std::vector<PngText>{{"parameters", "some text", false}});
    for (size_t position = 0; position < whole.size(); ++position) {
        auto flipped = whole;
        flipped[position] ^= std::byte{0x41};
        EXPECT_FALSE(decodePng(flipped)) << position;
    }
}

TEST(PngFile, RefusesTooManyPixelsBeforeMakingRoomForThem) {
    const auto contents = decodePng(asBytes(handMade(60'000'000, 60'000'000, 8, 2, std::string(4, '\0'))));
    ASSERT_FALSE(contents);
    EXPECT_EQ(contents.error().code, ErrorCode::Unsupported);
    EXPECT_NE(contents.error().message.find("60000000 x 60000000"), std::string::npos) << contents.error().message;
}

TEST(PngFile, NeverUnpacksATextBeyondTheLimit) {
    const std::string bomb(maxPngTextBytes + 1000, ' ');
    const std::string extra = chunk("zTXt", std::string("Bomb\0\0", 6) + deflated(bomb));
    const auto contents = decodePng(asBytes(handMade(1, 1, 8, 2, std::string(4, '\0'), extra)));
    if (contents) {
        EXPECT_LE(contents->text("Bomb").value_or("").size(), maxPngTextBytes);
    } else {
        EXPECT_FALSE(contents.error().message.empty());
    }
    std::string many;
    const std::string half = chunk("tEXt", std::string("Half\0", 5) + std::string(maxPngTextBytes / 2, 'x'));
    for (int i = 0; i < 3; ++i) many += half;
    const auto refused = decodePng(asBytes(handMade(1, 1, 8, 2, std::string(4, '\0'), many)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
}

TEST(PngFile, RefusesToWriteWhatItCouldNotReadBack) {
    EXPECT_FALSE(encodePng({2, 2, std::vector<uint8_t>(11)}));
    EXPECT_FALSE(encodePng({0, 2, {}}));
    const auto write = [](const PngText& text) { return encodePng(gradient(1, 1), std::vector{text}).ok(); };
    EXPECT_TRUE(write({"fine", "text", false}));
    EXPECT_FALSE(write({"", "text", false}));
    EXPECT_FALSE(write({" space", "text", false}));
    EXPECT_FALSE(write({std::string(80, 'k'), "text", false}));
    EXPECT_FALSE(write({"zero", std::string("a\0b", 3), false}));
    EXPECT_FALSE(write({"broken", "\xFF\xFE", false}));
    EXPECT_FALSE(write({"long", std::string(maxPngTextBytes + 1, 'x'), false}));
}

TEST(PngFile, TravelsThroughAFile) {
    const std::string path = testing::TempDir() + "moescope_png_file_test.png";
    const Picture picture = gradient(9, 2);
    const Status written = writePng(path, picture, std::vector<PngText>{{"parameters", "grüße", false}});
    ASSERT_TRUE(written) << written.error().message;
    const auto contents = readPng(path);
    ASSERT_TRUE(contents) << contents.error().message;
    EXPECT_EQ(contents->picture, picture);
    EXPECT_EQ(contents->text("parameters"), "grüße");
    std::filesystem::remove(path);
    const auto gone = readPng(path);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, ErrorCode::NotFound);
}

TEST(ToPicture, InterleavesTheChannelsOfTheChosenImage) {
    HostTensor tensor({2, 3, 1, 2});
    for (size_t i = 0; i < tensor.data.size(); ++i) tensor.data[i] = i < 6 ? -1.0F : static_cast<float>(i - 6) / 5;
    const auto picture = toPicture(tensor, 1);
    ASSERT_TRUE(picture);
    EXPECT_EQ(picture->width, 2);
    EXPECT_EQ(picture->height, 1);
    // 127.5 (x + 1) of 0, .2, .4, .6, .8, 1 = 127.5, 153, 178.5, 204, 229.5, 255: channel by channel, two pixels each
    EXPECT_EQ(picture->rgb[0], 128);
    EXPECT_EQ(picture->rgb[3], 153);
    EXPECT_EQ(picture->rgb[4], 204);
    EXPECT_EQ(picture->rgb[5], 255);
    EXPECT_EQ(toPicture(tensor, 0)->rgb, std::vector<uint8_t>(6, 0));
}

TEST(ToPicture, RoundsTiesToEvenAndClamps) {
    HostTensor tensor({3, 1, 1});
    int ties = 0;
    // Around every half there are floats whose product is the half exactly.
    for (int n = 0; n < 255; ++n) {
        const double centre = (n + 0.5) / 127.5 - 1;
        auto x = static_cast<float>(centre - 3e-7);
        for (int i = 0; i < 200; ++i, x = std::nextafter(x, 2.0F)) {
            if (127.5F * (x + 1.0F) != static_cast<float>(n) + 0.5F) continue;
            tensor.data.assign(3, x);
            EXPECT_EQ(toPicture(tensor)->rgb[0], n + n % 2) << n;
            ++ties;
            break;
        }
    }
    EXPECT_GT(ties, 100);
    tensor.data = {-7.0F, std::numeric_limits<float>::infinity(), 1.0001F};
    EXPECT_EQ(toPicture(tensor)->rgb, (std::vector<uint8_t>{0, 255, 255}));
}

TEST(ToPicture, RefusesOtherShapesAndNumbersThatAreNone) {
    for (const Shape& shape : {Shape{1, 2, 2}, Shape{3, 4}, Shape{4, 2, 2}, Shape{1, 1, 3, 2, 2}})
        EXPECT_FALSE(toPicture(HostTensor(shape))) << shapeText(shape);
    EXPECT_FALSE(toPicture(HostTensor({2, 3, 1, 1}), 2));
    EXPECT_FALSE(toPicture(HostTensor({2, 3, 1, 1}), -1));
    HostTensor broken({3, 2, 2});
    broken.data[7] = std::nanf("");
    const auto picture = toPicture(broken);
    ASSERT_FALSE(picture);
    EXPECT_EQ(picture.error().code, ErrorCode::Numeric);
    EXPECT_NE(picture.error().message.find("row 1, column 1"), std::string::npos) << picture.error().message;
}

TEST(Utf8, TellsTextFromStrayBytes) {
    EXPECT_TRUE(isUtf8("plain é ❤ 🍕"));
    for (const std::string bad : {"\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"})
        EXPECT_FALSE(isUtf8(bad));
    std::string_view text = "é\xFFz";
    EXPECT_EQ(takeCodePoint(text), U'é');
    EXPECT_EQ(takeCodePoint(text), replacementCharacter);
    EXPECT_EQ(takeCodePoint(text), U'z');
    EXPECT_EQ(latin1ToUtf8("\xE9"), "é");
}

}  // namespace
}  // namespace moescope
