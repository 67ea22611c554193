// SPDX-License-Identifier: Apache-2.0
// A prompt as numbers without a text encoder: the normalised sum of hashed word and letter-trigram vectors.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// The name under which files state the definition below.
inline constexpr const char* kPromptHash = "fnv1a64-signs";

/// Width and seed of the embedding "fnv1a64-signs", the same on every machine:
///
/// 1. Words: the text read as UTF-8 (a byte that is not UTF-8 counts as U+FFFD), each code point lower-cased by
///    lowerCodePoint(); maximal runs of letters and digits (isWordCodePoint) are words, everything else separates.
/// 2. Features of a word: the word itself, with weight 2; and every three neighbouring code points of "<" + word + ">",
///    each with weight 1 ("ox" has "<ox" and "ox>"). A word that comes twice counts twice.
/// 3. The vector of a feature: h = FNV-1a of 64 bits over the 8 bytes of the seed (lowest first), one byte ('w' for a
///    word, 't' for a trigram) and the feature in UTF-8. Output i of the generator SplitMix64 started at h gives
///    elements 64 i .. 64 i + 63: bit b set means +1 in element 64 i + b, else -1.
/// 4. The embedding: the weighted sum over all features, an integer vector, divided by its Euclidean length in double
///    and rounded to fp32. No word at all: the zero vector.
struct PromptFeatures {
    int64_t width = 0;
    uint64_t seed = 0;

    /// [width]
    std::vector<float> embed(std::string_view text) const;

    bool operator==(const PromptFeatures&) const = default;
};

/// Step 1 above.
std::vector<std::string> promptWords(std::string_view text);

}  // namespace moescope
