// SPDX-License-Identifier: Apache-2.0
#include "engine/data/emoji_font.h"

#include <fmt/format.h>
#include <ft2build.h>

#include <algorithm>

#include FT_FREETYPE_H

namespace moescope {

struct EmojiFont::Face {
    FT_Library library = nullptr;
    FT_Face face = nullptr;
    Face() = default;
    Face(const Face&) = delete;
    Face& operator=(const Face&) = delete;
    ~Face() {
        if (face) FT_Done_Face(face);
        if (library) FT_Done_FreeType(library);
    }
};

EmojiFont::EmojiFont(std::unique_ptr<Face> face) : m_face(std::move(face)) {}
EmojiFont::EmojiFont(EmojiFont&&) noexcept = default;
EmojiFont::~EmojiFont() = default;

Result<EmojiFont> EmojiFont::open(const std::filesystem::path& file) {
    return guarded([&]() -> EmojiFont {
        std::error_code code;
        if (!std::filesystem::exists(file, code))
            throw EngineException(ErrorCode::NotFound,
                                  fmt::format("the font of emoji is not at '{}'; install the Debian package "
                                              "fonts-noto-color-emoji, or name a font with --font",
                                              file.string()));
        auto face = std::make_unique<Face>();
        if (FT_Init_FreeType(&face->library) != 0) throw std::bad_alloc();
        if (FT_New_Face(face->library, file.c_str(), 0, &face->face) != 0)
            throw EngineException(
                ErrorCode::Format,
                fmt::format("'{}' is no font that can be read; give Noto Color Emoji", file.string()));
        if (!FT_HAS_COLOR(face->face) || face->face->num_fixed_sizes < 1 || FT_Select_Size(face->face, 0) != 0)
            throw EngineException(ErrorCode::Unsupported,
                                  fmt::format("the font '{}' holds no coloured bitmaps (CBDT); give the Noto Color "
                                              "Emoji of the Debian package fonts-noto-color-emoji",
                                              file.string()));
        return EmojiFont(std::move(face));
    });
}

std::optional<EmojiGlyph> EmojiFont::glyph(char32_t character) const {
    FT_Face face = m_face->face;
    const FT_UInt index = FT_Get_Char_Index(face, character);
    if (index == 0 || FT_Load_Glyph(face, index, FT_LOAD_COLOR) != 0) return std::nullopt;
    const FT_Bitmap& bitmap = face->glyph->bitmap;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.width == 0 || bitmap.rows == 0 || bitmap.width > 4096 ||
        bitmap.rows > 4096)
        return std::nullopt;
    EmojiGlyph glyph{bitmap.width, bitmap.rows, {}};
    for (unsigned row = 0; row < bitmap.rows; ++row) {
        const unsigned char* at = bitmap.buffer + static_cast<std::ptrdiff_t>(row) * bitmap.pitch;
        for (unsigned column = 0; column < bitmap.width; ++column, at += 4)
            for (const int channel : {2, 1, 0, 3}) glyph.rgba.push_back(at[channel]);
    }
    return glyph;
}

Picture8 onSquare(const EmojiGlyph& glyph, int64_t margin, std::array<uint8_t, 3> background) {
    const int64_t side = std::max(glyph.width, glyph.height) + 2 * margin;
    Picture8 sheet{side, side, {}};
    for (int64_t pixel = 0; pixel < side * side; ++pixel)
        sheet.rgb.insert(sheet.rgb.end(), background.begin(), background.end());
    const int64_t left = (side - glyph.width) / 2, top = (side - glyph.height) / 2;
    for (int64_t y = 0; y < glyph.height; ++y)
        for (int64_t x = 0; x < glyph.width; ++x) {
            const uint8_t* from = glyph.rgba.data() + 4 * (y * glyph.width + x);
            uint8_t* to = sheet.rgb.data() + 3 * ((top + y) * side + left + x);
            for (size_t channel = 0; channel < 3; ++channel)
                to[channel] = static_cast<uint8_t>(
                    std::min(255, from[channel] + (background[channel] * (255 - from[3]) + 127) / 255));
        }
    return sheet;
}

}  // namespace moescope
