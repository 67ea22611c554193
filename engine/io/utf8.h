// SPDX-License-Identifier: Apache-2.0
// Reading UTF-8 text code point by code point.
#pragma once

#include <string>
#include <string_view>

namespace moescope {

/// U+FFFD: what a byte that is not UTF-8 is read as.
inline constexpr char32_t replacementCharacter = 0xFFFD;

/// Takes the first code point off `text`, which is not empty. Overlong forms, surrogates and stray bytes count as one
/// replacementCharacter per byte.
char32_t takeCodePoint(std::string_view& text);
void appendUtf8(std::string& text, char32_t codePoint);
bool isUtf8(std::string_view text);
/// `text` with a replacementCharacter for every byte that is not UTF-8 and for every zero byte.
std::string repairedUtf8(std::string_view text);
std::string latin1ToUtf8(std::string_view text);

}  // namespace moescope
