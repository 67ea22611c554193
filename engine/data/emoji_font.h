// SPDX-License-Identifier: Apache-2.0
// Coloured pictures of characters out of a font that holds them as bitmaps (CBDT), such as Noto Color Emoji.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/core/error.h"
#include "engine/data/picture_set.h"

namespace moescope {

/// [height, width, 4]: red, green and blue multiplied by alpha, and alpha.
struct EmojiGlyph {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> rgba;
};

/// One thread.
class EmojiFont {
public:
    /// NotFound names the Debian package; Format and Unsupported: no font, or one without coloured bitmaps.
    static Result<EmojiFont> open(const std::filesystem::path& file);
    EmojiFont(EmojiFont&&) noexcept;
    ~EmojiFont();

    /// Empty where the font has no coloured picture of it.
    std::optional<EmojiGlyph> glyph(char32_t character) const;

private:
    struct Face;
    explicit EmojiFont(std::unique_ptr<Face> face);
    std::unique_ptr<Face> m_face;
};

/// The glyph in the middle of a square of the background, with that many pixels on every side of its longer edge.
Picture8 onSquare(const EmojiGlyph& glyph, int64_t margin, std::array<uint8_t, 3> background);

}  // namespace moescope
