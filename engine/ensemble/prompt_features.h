// SPDX-License-Identifier: Apache-2.0
// A prompt as numbers without a text encoder: the normalised sum of hashed word and letter-trigram vectors.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace moescope {

/// The name under which files state the definition below.
inline constexpr std::string_view kPromptHash = "fnv1a64-signs";
inline constexpr int64_t kMaxPromptWidth = 65536;

/// Width and seed of the embedding "fnv1a64-signs", whose numbers are the same on every machine:
///
/// 1. Words: the text is read as UTF-8 (a byte that is not UTF-8 counts as U+FFFD), each code point is lower-cased by
///    lowerCodePoint(); maximal runs of code points that isWordCodePoint() accepts are words.
/// 2. Features: every word, and of every word the three neighbouring code points from each place of "<" + word + ">"
/// ("ox"
///    has "<ox" and "ox>"). What comes twice counts twice.
/// 3. The vector of a feature: h is the 64-bit FNV-1a hash of the 8 bytes of the seed (lowest first), one byte ('w' for
///    a word, 't' for a trigram) and the feature in UTF-8. Output i (from 0) of SplitMix64 started at h gives elements
///    64 i to 64 i + 63: where bit b is set, element 64 i + b is +1, else -1.
/// 4. The embedding: the sum of the vectors of all features, which are whole numbers, divided by its Euclidean length
///    in double and rounded to fp32. A text without words: zeros.
struct PromptFeatures {
    int64_t width = 0;  // 1 .. kMaxPromptWidth
    uint64_t seed = 0;

    /// [width]
    std::vector<float> embed(std::string_view text) const;

    bool operator==(const PromptFeatures&) const = default;
};

/// Step 1 above.
std::vector<std::string> promptWords(std::string_view text);

/// Capital letters of ASCII, Latin-1 (U+00C0 to U+00DE), Latin Extended-A (U+0130 becomes "i"), Greek (U+0386 to
/// U+03A9) and Cyrillic (U+0400 to U+042F) become the small letters that Unicode pairs with them; everything else
/// stays.
char32_t lowerCodePoint(char32_t c);

/// ASCII letters and digits, and from U+00C0 on everything but: the signs of multiplication and division (U+00D7,
/// U+00F7), U+2000 to U+2BFF (punctuation and symbols), U+3000 to U+303F, U+E000 to U+F8FF (private use), U+FE00 to
/// U+FE0F, U+FFFD, and U+1F000 to U+1FFFF (pictographs).
bool isWordCodePoint(char32_t c);

}  // namespace moescope
