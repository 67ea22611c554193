// SPDX-License-Identifier: Apache-2.0
#include "engine/model/label_words.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/io/utf8.h"

namespace moescope {
namespace {

struct FoldedRange {
    char32_t last;
    std::string_view letters;
};

/// Base letters of U+00C0 .. U+017F, range by range.
constexpr FoldedRange kLatin[]{
    {0xC5, "a"},  {0xC6, "ae"},  {0xC7, "c"},  {0xCB, "e"},   {0xCF, "i"},  {0xD0, "d"},  {0xD1, "n"},  {0xD6, "o"},
    {0xD7, ""},   {0xD8, "o"},   {0xDC, "u"},  {0xDD, "y"},   {0xDE, "th"}, {0xDF, "ss"}, {0xE5, "a"},  {0xE6, "ae"},
    {0xE7, "c"},  {0xEB, "e"},   {0xEF, "i"},  {0xF0, "d"},   {0xF1, "n"},  {0xF6, "o"},  {0xF7, ""},   {0xF8, "o"},
    {0xFC, "u"},  {0xFD, "y"},   {0xFE, "th"}, {0xFF, "y"},   {0x105, "a"}, {0x10D, "c"}, {0x111, "d"}, {0x11B, "e"},
    {0x123, "g"}, {0x127, "h"},  {0x131, "i"}, {0x133, "ij"}, {0x135, "j"}, {0x138, "k"}, {0x142, "l"}, {0x14B, "n"},
    {0x151, "o"}, {0x153, "oe"}, {0x159, "r"}, {0x161, "s"},  {0x167, "t"}, {0x173, "u"}, {0x175, "w"}, {0x178, "y"},
    {0x17E, "z"}, {0x17F, "s"}};

bool vanishes(char32_t c) {
    const bool apostrophe = c == U'\'' || c == 0x2018 || c == 0x2019;
    const bool mark = (c >= 0x300 && c <= 0x36F) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xAD || c == 0x200D;
    return apostrophe || mark;
}

bool separates(char32_t c) {
    if (c < 0x80) return !((c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'));
    return c <= 0xBF || (c >= 0x2000 && c <= 0x2BFF) || (c >= 0x3000 && c <= 0x303F) || c >= 0x1F000 ||
           (c >= 0xE000 && c <= 0xF8FF) || c == replacementCharacter;
}

void appendFolded(std::string& word, char32_t c) {
    if (c >= U'A' && c <= U'Z') {
        word += static_cast<char>(c - U'A' + U'a');
    } else if (c >= 0xC0 && c <= 0x17F) {
        word += std::ranges::lower_bound(kLatin, c, {}, &FoldedRange::last)->letters;
    } else {
        const bool upperGreekOrCyrillic = (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F);
        appendUtf8(word, upperGreekOrCyrillic ? c + 0x20 : c);
    }
}

template <size_t N>
bool isOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

constexpr std::array<std::string_view, 17> kBackground{"on",     "in",      "with",   "without", "under",   "behind",
                                                       "near",   "at",      "beside", "over",    "against", "wearing",
                                                       "inside", "showing", "above",  "beneath", "below"};
constexpr std::array<std::string_view, 14> kJoining{"of", "and", "or",  "for",  "to",   "by",   "from",
                                                    "is", "no",  "not", "that", "this", "very", "some"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kIrregular{{{"mice", "mouse"},
                                                                                    {"geese", "goose"},
                                                                                    {"teeth", "tooth"},
                                                                                    {"feet", "foot"},
                                                                                    {"men", "man"},
                                                                                    {"women", "woman"},
                                                                                    {"children", "child"},
                                                                                    {"oxen", "ox"},
                                                                                    {"cacti", "cactus"},
                                                                                    {"octopi", "octopus"}}};

}  // namespace

std::vector<std::string> wordsOf(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    while (!text.empty()) {
        const char32_t c = takeCodePoint(text);
        if (vanishes(c)) continue;
        if (separates(c) || c == 0xD7 || c == 0xF7)
            finish();
        else
            appendFolded(word, c);
    }
    finish();
    return words;
}

bool isArticle(std::string_view word) {
    return word == "a" || word == "an" || word == "the";
}
bool opensBackground(std::string_view word) {
    return isOneOf(kBackground, word);
}
bool isFunctionWord(std::string_view word) {
    return isOneOf(kJoining, word) || opensBackground(word);
}

std::vector<std::string> singularForms(std::string_view word) {
    for (const auto& [plural, singular] : kIrregular)
        if (word == plural) return {std::string(singular)};
    if (word.size() < 4 || !word.ends_with('s') || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is"))
        return {};
    std::vector<std::string> forms;
    const std::string stem(word.substr(0, word.size() - 1));
    if (stem.ends_with("ie")) forms.push_back(stem.substr(0, stem.size() - 2) + "y");
    if (stem.ends_with("ve")) {
        forms.push_back(stem.substr(0, stem.size() - 2) + "f");
        forms.push_back(stem.substr(0, stem.size() - 2) + "fe");
    }
    forms.push_back(stem);
    if (stem.ends_with('e')) forms.push_back(stem.substr(0, stem.size() - 1));
    return forms;
}

bool withinOneEdit(std::string_view a, std::string_view b) {
    if (a.size() < b.size()) std::swap(a, b);
    if (a.size() > b.size() + 1) return false;
    size_t start = 0;
    while (start < b.size() && a[start] == b[start]) ++start;
    a.remove_prefix(start);
    b.remove_prefix(start);
    if (a.size() > b.size()) return a.substr(1) == b;
    if (a.size() < 2) return true;
    return a.substr(1) == b.substr(1) || (a[0] == b[1] && a[1] == b[0] && a.substr(2) == b.substr(2));
}

}  // namespace moescope
