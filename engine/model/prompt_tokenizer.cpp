// SPDX-License-Identifier: Apache-2.0
#include "engine/model/prompt_tokenizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>

#include "engine/io/utf8.h"
#include "engine/model/label_words.h"
#include "engine/model/prompt_vocabulary.h"

namespace moescope {
namespace {

namespace sp = sentencepiece;

constexpr std::string_view kWordStart = "\xE2\x96\x81";  // U+2581
constexpr size_t kLongestWord = 128, kLongestCaption = 4000;
constexpr size_t kKnownWords = 16384;  // whose pieces are remembered
constexpr int64_t kMarks = 3;          // pieces beside the letters: <pad>, <unk> and the start of a word

/// The library speaks on standard error unless told otherwise.
void silence() {
    static std::once_flag once;
    std::call_once(once, [] { static_cast<void>(sp::SentencePieceTrainer::Train({{"minloglevel", "4"}})); });
}

class Captions final : public sp::SentenceIterator {
public:
    explicit Captions(const std::vector<std::string>& captions) : m_captions(captions) {}
    bool done() const override { return m_next >= m_captions.size(); }
    void Next() override { ++m_next; }
    const std::string& value() const override { return m_captions[m_next]; }
    sp::util::Status status() const override { return {}; }

private:
    const std::vector<std::string>& m_captions;
    size_t m_next = 0;
};

class SentencePieces final : public PromptTokenizer {
public:
    SentencePieces(std::vector<VocabularyPiece> pieces, std::string bytes)
        : m_pieces(std::move(pieces)), m_bytes(std::move(bytes)) {
        silence();
        // The library gets bytes written here: it trusts tables that a file could bring along.
        if (const auto loaded = m_processor.LoadFromSerializedProto(serializePieces(m_pieces)); !loaded.ok())
            throw EngineException(ErrorCode::Format,
                                  fmt::format("SentencePiece can not use the prompt vocabulary: {}", loaded.message()));
    }

    const std::string& bytes() const override { return m_bytes; }
    int64_t size() const override { return static_cast<int64_t>(m_pieces.size()); }
    std::string_view piece(int64_t id) const override {
        return id >= 0 && id < size() ? std::string_view(m_pieces[static_cast<size_t>(id)].text) : std::string_view();
    }

    TokenizedPrompt encode(std::string_view prompt, int64_t places) const override {
        TokenizedPrompt made;
        for (const std::string& word : wordsOf(prompt)) {
            const std::vector<int> pieces = piecesOf(word);
            if (std::ranges::find(pieces, kUnknownPiece) != pieces.end()) made.unknownWords.push_back(word);
            const auto room = static_cast<size_t>(places - made.pieces);
            if (pieces.size() > room) made.cutWords.push_back(word);
            const size_t taken = std::min(room, pieces.size());
            made.ids.insert(made.ids.end(), pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(taken));
            made.pieces += static_cast<int64_t>(taken);
        }
        made.ids.resize(static_cast<size_t>(places), kPadPiece);
        return made;
    }

    std::string decode(std::span<const int32_t> ids) const override {
        std::string text;
        for (const int32_t id : ids) {
            if (id == kPadPiece) continue;
            std::string_view part = id == kUnknownPiece ? "?" : piece(id);
            if (part.starts_with(kWordStart)) {
                part.remove_prefix(kWordStart.size());
                if (!text.empty()) text += ' ';
            }
            text += part;
        }
        return text;
    }

private:
    /// Words do not join, so that each can be looked at by itself, and those of captions come again and again.
    std::vector<int> piecesOf(const std::string& word) const {
        {
            const std::lock_guard lock(m_mutex);
            if (const auto known = m_known.find(word); known != m_known.end()) return known->second;
        }
        std::vector<int> pieces = cut(word);
        const std::lock_guard lock(m_mutex);
        if (m_known.size() < kKnownWords) m_known.emplace(word, pieces);
        return pieces;
    }

    std::vector<int> cut(const std::string& word) const {
        std::vector<int> ids;
        if (word.size() > kLongestWord || !isUtf8(word) || !m_processor.Encode(word, &ids).ok() || ids.empty())
            return {kUnknownPiece};
        return ids;
    }

    std::vector<VocabularyPiece> m_pieces;
    std::string m_bytes;
    sp::SentencePieceProcessor m_processor;
    mutable std::mutex m_mutex;
    mutable std::unordered_map<std::string, std::vector<int>> m_known;
};

std::shared_ptr<const PromptTokenizer> tokenizerOf(std::vector<VocabularyPiece> pieces, std::string bytes) {
    return std::make_shared<SentencePieces>(std::move(pieces), std::move(bytes));
}

}  // namespace

std::string normalizedPrompt(std::string_view text) {
    return fmt::format("{}", fmt::join(wordsOf(text), " "));
}

Result<std::shared_ptr<const PromptTokenizer>> PromptTokenizer::train(std::span<const std::string> captions,
                                                                      int64_t vocabulary) {
    std::vector<std::string> sentences;
    std::set<char32_t> letters;
    for (const std::string& caption : captions) {
        std::string words = normalizedPrompt(std::string_view(caption).substr(0, kLongestCaption));
        if (words.empty()) continue;
        for (std::string_view rest = words; !rest.empty();)
            if (const char32_t c = takeCodePoint(rest); c != U' ') letters.insert(c);
        sentences.push_back(std::move(words));
    }
    if (letters.empty())
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("a prompt vocabulary is learned from words, and the {} captions have none; "
                                       "give captions",
                                       captions.size())};
    const auto least = static_cast<int64_t>(letters.size()) + kMarks;
    if (vocabulary < least || vocabulary > static_cast<int64_t>(kMostPieces))
        return EngineError{ErrorCode::InvalidArgument,
                           fmt::format("the prompt vocabulary should have {} (the {} letters of the captions and 3 "
                                       "more) to {} pieces, found {}",
                                       least, letters.size(), kMostPieces, vocabulary)};
    silence();
    Captions iterator(sentences);
    std::string model;
    const auto trained =
        sp::SentencePieceTrainer::Train({{"model_type", "bpe"},
                                         {"vocab_size", fmt::format("{}", vocabulary)},
                                         {"hard_vocab_limit", "false"},
                                         {"character_coverage", "1.0"},
                                         {"normalization_rule_name", "identity"},
                                         {"num_threads", "1"},
                                         {"max_sentence_length", fmt::format("{}", 4 * kLongestCaption)},
                                         {"pad_id", fmt::format("{}", kPadPiece)},
                                         {"unk_id", fmt::format("{}", kUnknownPiece)},
                                         {"bos_id", "-1"},
                                         {"eos_id", "-1"},
                                         {"minloglevel", "4"}},
                                        &iterator, &model);
    if (!trained.ok())
        return EngineError{
            ErrorCode::Internal,
            fmt::format("SentencePiece could not learn a vocabulary of {} pieces: {}", vocabulary, trained.message())};
    return guarded([&] {
        std::vector<VocabularyPiece> pieces = readPieces(model).orThrow();
        std::string plain = serializePieces(pieces);
        return tokenizerOf(std::move(pieces), std::move(plain));
    });
}

Result<std::shared_ptr<const PromptTokenizer>> PromptTokenizer::fromBytes(std::string_view bytes) {
    return guarded([&] { return tokenizerOf(readPieces(bytes).orThrow(), std::string(bytes)); });
}

std::vector<float> poolWeights(int64_t pieces, int64_t places) {
    std::vector<float> weights(static_cast<size_t>(places));
    const int64_t counted = std::max<int64_t>(1, pieces);
    std::fill_n(weights.begin(), counted, 1.0f / static_cast<float>(counted));
    return weights;
}

}  // namespace moescope
