// SPDX-License-Identifier: Apache-2.0
// The pieces of words that a prompt model knows, and the bytes they are kept as: a SentencePiece model of the plainest
// form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

struct VocabularyPiece {
    std::string text;  // UTF-8, U+2581 in front where a word begins
    float score = 0;   // pairs whose joined piece has the higher score are joined first
};

/// Numbers of the two pieces that stand for no letters; the pieces of words follow.
inline constexpr int32_t kPadPiece = 0, kUnknownPiece = 1;
inline constexpr size_t kMostPieces = 65536;
inline constexpr size_t kMostVocabularyBytes = 4 << 20;

/// Bytes that every SentencePiece library loads: pair encoding (BPE), no normalisation of its own, pieces 0 and 1 as
/// above. `pieces`: all of them, in their order, with these two.
std::string serializePieces(const std::vector<VocabularyPiece>& pieces);

/// The pieces of such bytes; everything else in them is passed over. Errors (Format): not of this form, more than
/// kMostPieces, pieces that are empty, twice there, not UTF-8 or longer than 255 bytes, scores that are no numbers.
Result<std::vector<VocabularyPiece>> readPieces(std::string_view bytes);

}  // namespace moescope
