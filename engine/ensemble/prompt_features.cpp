// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/prompt_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "engine/io/utf8.h"

namespace moescope {
namespace {

class Fnv1a {
public:
    void add(unsigned char byte) { m_hash = (m_hash ^ byte) * 0x100000001B3U; }
    void add(std::string_view bytes) {
        for (const char byte : bytes) add(static_cast<unsigned char>(byte));
    }
    uint64_t value() const { return m_hash; }

private:
    uint64_t m_hash = 0xCBF29CE484222325U;
};

uint64_t splitMix64(uint64_t& state) {
    state += 0x9E3779B97F4A7C15U;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

void addFeature(std::span<int64_t> sum, uint64_t seed, unsigned char kind, std::string_view feature) {
    Fnv1a hash;
    for (int byte = 0; byte < 8; ++byte) hash.add(static_cast<unsigned char>(seed >> 8 * byte));
    hash.add(kind);
    hash.add(feature);
    uint64_t state = hash.value();
    for (size_t start = 0; start < sum.size(); start += 64) {
        const uint64_t bits = splitMix64(state);
        const size_t count = std::min<size_t>(64, sum.size() - start);
        for (size_t b = 0; b < count; ++b) sum[start + b] += (bits >> b & 1) != 0 ? 1 : -1;
    }
}

}  // namespace

char32_t lowerCodePoint(char32_t c) {
    const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
    if (within(U'A', U'Z')) return c + 0x20;
    if (within(0xC0, 0xDE)) return c == 0xD7 ? c : c + 0x20;
    if (c == 0x130) return U'i';
    if (c == 0x178) return 0xFF;
    if (within(0x100, 0x137) || within(0x14A, 0x177)) return c | 1;                   // pairs: the capital is even
    if (within(0x139, 0x148) || within(0x179, 0x17E)) return c % 2 == 1 ? c + 1 : c;  // pairs: the capital is odd
    if (c == 0x386) return 0x3AC;
    if (within(0x388, 0x38A)) return c + 0x25;
    if (c == 0x38C) return 0x3CC;
    if (within(0x38E, 0x38F)) return c + 0x3F;
    if (within(0x391, 0x3A9)) return c == 0x3A2 ? c : c + 0x20;
    if (within(0x400, 0x40F)) return c + 0x50;
    if (within(0x410, 0x42F)) return c + 0x20;
    return c;
}

bool isWordCodePoint(char32_t c) {
    const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
    if (c < 0xC0) return within(U'0', U'9') || within(U'a', U'z') || within(U'A', U'Z');
    const bool sign = c == 0xD7 || c == 0xF7 || within(0x2000, 0x2BFF) || within(0x3000, 0x303F);
    const bool drawn = within(0xE000, 0xF8FF) || within(0xFE00, 0xFE0F) || within(0x1F000, 0x1FFFF);
    return !sign && !drawn && c != replacementCharacter;
}

std::vector<std::string> promptWords(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    while (!text.empty()) {
        const char32_t c = lowerCodePoint(takeCodePoint(text));
        if (isWordCodePoint(c))
            appendUtf8(word, c);
        else
            finish();
    }
    finish();
    return words;
}

std::vector<float> PromptFeatures::embed(std::string_view text) const {
    std::vector<int64_t> sum(static_cast<size_t>(width));
    for (const std::string& word : promptWords(text)) {
        addFeature(sum, seed, 'w', word);
        std::array<std::string, 3> last{"", "", "<"};  // code points in UTF-8
        int seen = 1;
        std::string_view rest = word;
        for (bool more = true; more;) {
            more = !rest.empty();
            std::string next = ">";
            if (more) {
                next.clear();
                appendUtf8(next, takeCodePoint(rest));
            }
            last = {std::move(last[1]), std::move(last[2]), std::move(next)};
            if (++seen >= 3) addFeature(sum, seed, 't', last[0] + last[1] + last[2]);
        }
    }
    double squares = 0;
    for (const int64_t value : sum) squares += static_cast<double>(value) * static_cast<double>(value);
    std::vector<float> embedding(sum.size());
    if (squares > 0)
        for (size_t i = 0; i < sum.size(); ++i)
            embedding[i] = static_cast<float>(static_cast<double>(sum[i]) / std::sqrt(squares));
    return embedding;
}

}  // namespace moescope
