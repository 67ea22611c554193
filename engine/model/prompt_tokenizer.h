// SPDX-License-Identifier: Apache-2.0
// Prompts as numbers: words in lower case without accents, each cut into pieces of a small vocabulary learned from
// captions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// What a prompt became.
struct TokenizedPrompt {
    std::vector<int32_t> ids;  // [places], kPadPiece behind the pieces of the prompt
    int64_t pieces = 0;        // of the prompt, among the places; 0: an empty prompt
    std::vector<std::string>
        unknownWords;                   // with letters that the vocabulary does not have, in the order of the prompt
    std::vector<std::string> cutWords;  // that lost pieces because the places were full
};

/// The words of a text as vocabularies are learned from and prompts are read: lower case, accents folded, one space
/// between; punctuation and symbols separate (wordsOf).
std::string normalizedPrompt(std::string_view text);

/// Const after construction; safe to use from several threads.
class PromptTokenizer {
public:
    /// Learns at most `vocabulary` pieces (with <pad> and <unk>) from the captions, by joining the most frequent
    /// neighbours (byte pair encoding, arXiv 1508.07909). The same captions give the same vocabulary. Errors
    /// (InvalidArgument): no words in the captions, a vocabulary smaller than their letters or above kMostPieces.
    static Result<std::shared_ptr<const PromptTokenizer>> train(std::span<const std::string> captions,
                                                                int64_t vocabulary);

    /// From `bytes()` of another one, or any SentencePiece model of that form (readPieces).
    static Result<std::shared_ptr<const PromptTokenizer>> fromBytes(std::string_view bytes);

    virtual ~PromptTokenizer() = default;
    /// What checkpoints carry as the tensor `prompt_encoder.vocabulary`.
    virtual const std::string& bytes() const = 0;
    /// Pieces, with <pad> and <unk>.
    virtual int64_t size() const = 0;
    /// "▁red"; empty for a number outside.
    virtual std::string_view piece(int64_t id) const = 0;
    /// `places` at least 1. Words of more than 128 bytes count as unknown.
    virtual TokenizedPrompt encode(std::string_view prompt, int64_t places) const = 0;
    /// The words again; <unk> as a question mark, <pad> as nothing.
    virtual std::string decode(std::span<const int32_t> ids) const = 0;
};

/// Weights [places] of the mean over a prompt's pieces: 1/n for the first n, where an empty prompt counts its first
/// empty place.
std::vector<float> poolWeights(int64_t pieces, int64_t places);

}  // namespace moescope
