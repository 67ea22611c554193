// SPDX-License-Identifier: Apache-2.0
#include "engine/io/utf8.h"

#include <array>
#include <cstddef>

namespace moescope {
namespace {

/// Length of the sequence at the front of `text`, or 0 where it is not UTF-8.
size_t decode(std::string_view text, char32_t& codePoint) {
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > text.size()) return 0;
    codePoint = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if (next >> 6 != 2) return 0;
        codePoint = codePoint << 6 | (next & 0x3FU);
    }
    const bool surrogate = codePoint >= 0xD800 && codePoint <= 0xDFFF;
    return codePoint < smallest[length] || codePoint > 0x10FFFF || surrogate ? 0 : length;
}

}  // namespace

char32_t takeCodePoint(std::string_view& text) {
    char32_t codePoint = 0;
    const size_t length = decode(text, codePoint);
    text.remove_prefix(length == 0 ? 1 : length);
    return length == 0 ? replacementCharacter : codePoint;
}

void appendUtf8(std::string& text, char32_t codePoint) {
    const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (codePoint >> shift & 0x3F)); };
    if (codePoint < 0x80) {
        text += static_cast<char>(codePoint);
    } else if (codePoint < 0x800) {
        text += static_cast<char>(0xC0 | codePoint >> 6);
        tail(0);
    } else if (codePoint < 0x10000) {
        text += static_cast<char>(0xE0 | codePoint >> 12);
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xF0 | codePoint >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
}

bool isUtf8(std::string_view text) {
    char32_t codePoint = 0;
    while (!text.empty()) {
        const size_t length = decode(text, codePoint);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string repairedUtf8(std::string_view text) {
    std::string repaired;
    repaired.reserve(text.size());
    while (!text.empty()) {
        const char32_t codePoint = takeCodePoint(text);
        appendUtf8(repaired, codePoint ? codePoint : replacementCharacter);
    }
    return repaired;
}

std::string latin1ToUtf8(std::string_view text) {
    std::string converted;
    converted.reserve(text.size());
    for (const char c : text) appendUtf8(converted, static_cast<unsigned char>(c));
    return converted;
}

}  // namespace moescope
