// SPDX-License-Identifier: GPL-3.0-or-later
// Prompts become pieces and back; damaged vocabularies are refused with a sentence.
#include "engine/model/prompt_tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "engine/model/prompt_vocabulary.h"

namespace moescope {
namespace {

const std::vector<std::string> kCaptions{"a red heart", "A blue square, left of a red circle", "Étoile filante",
                                         "two red hearts", "the red circle"};

std::shared_ptr<const PromptTokenizer> learned(int64_t vocabulary = 60) {
    return PromptTokenizer::train(kCaptions, vocabulary).orThrow();
}

TEST(PromptTokenizer, GivesEveryCaptionBack) {
    const auto tokenizer = learned();
    for (const std::string& caption : kCaptions) {
        const TokenizedPrompt prompt = tokenizer->encode(caption, 64);
        EXPECT_EQ(prompt.ids.size(), 64u);
        EXPECT_EQ(tokenizer->decode(prompt.ids), normalizedPrompt(caption));
        EXPECT_TRUE(prompt.unknownWords.empty());
        EXPECT_TRUE(prompt.cutWords.empty());
    }
}

TEST(PromptTokenizer, ReadsCaseAccentsAndPunctuationAlike) {
    const auto tokenizer = learned();
    EXPECT_EQ(normalizedPrompt("  The RED-circle! "), "the red circle");
    EXPECT_EQ(tokenizer->encode("étoile; RED", 8).ids, tokenizer->encode("Etoile red", 8).ids);
}

TEST(PromptTokenizer, MakesWholePiecesOfFrequentWords) {
    const TokenizedPrompt prompt = learned()->encode("red", 4);
    EXPECT_EQ(prompt.pieces, 1);
    EXPECT_EQ(learned()->piece(prompt.ids[0]), "\xE2\x96\x81red");
    EXPECT_EQ(prompt.ids[1], kPadPiece);
}

TEST(PromptTokenizer, TellsUnknownWordsAndWhatWasCut) {
    const auto tokenizer = learned();
    const TokenizedPrompt unknown = tokenizer->encode("a zebra", 16);
    EXPECT_EQ(unknown.unknownWords, std::vector<std::string>{"zebra"});
    EXPECT_NE(std::find(unknown.ids.begin(), unknown.ids.end(), kUnknownPiece), unknown.ids.end());
    const TokenizedPrompt cut = tokenizer->encode("red red red circle", 3);
    EXPECT_EQ(cut.cutWords, std::vector<std::string>{"circle"});
    EXPECT_EQ(cut.pieces, 3);
    EXPECT_EQ(tokenizer->decode(cut.ids), "red red red");
    EXPECT_EQ(tokenizer->encode(std::string(100000, 'r') + " red", 4).unknownWords.size(), 1u);
}

TEST(PromptTokenizer, KeepsAnEmptyPromptEmpty) {
    for (const char* empty : {"", " \t", "!?", "\xff\xfe"}) {
        const TokenizedPrompt prompt = learned()->encode(empty, 3);
        EXPECT_EQ(prompt.pieces, 0) << empty;
        EXPECT_EQ(prompt.ids, std::vector<int32_t>(3, kPadPiece));
    }
}

TEST(PromptTokenizer, LearnsTheSameVocabularyAgain) {
    EXPECT_EQ(learned()->bytes(), learned()->bytes());
    EXPECT_LE(learned(40)->size(), 40);
    EXPECT_EQ(PromptTokenizer::train(std::vector<std::string>{"a"}, 50).orThrow()->size(), 5)
        << "<pad>, <unk>, a, the start of a word, both";
}

TEST(PromptTokenizer, SurvivesStorage) {
    const auto tokenizer = learned();
    const auto again = PromptTokenizer::fromBytes(tokenizer->bytes()).orThrow();
    EXPECT_EQ(again->bytes(), tokenizer->bytes());
    EXPECT_EQ(again->size(), tokenizer->size());
    EXPECT_EQ(again->encode("two blue hearts", 16).ids, tokenizer->encode("two blue hearts", 16).ids);
}

TEST(PromptTokenizer, OpensWhatSentencePieceItselfWrote) {
    std::ifstream file(MOESCOPE_TEST_DATA "/golden/prompt-vocabulary/sentencepiece.model", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto tokenizer = PromptTokenizer::fromBytes(bytes).orThrow();
    EXPECT_EQ(tokenizer->bytes(), bytes) << "as it was, so that a checkpoint keeps its tensor";
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("a red circle left of a blue square", 32).ids),
              "a red circle left of a blue square");
    EXPECT_EQ(tokenizer->encode("red zebra", 8).unknownWords, std::vector<std::string>{"zebra"});
}

TEST(PromptTokenizer, RefusesCaptionsWithoutWordsAndVocabulariesThatDoNotFit) {
    EXPECT_EQ(PromptTokenizer::train({}, 100).error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(PromptTokenizer::train(std::vector<std::string>{"", "?!"}, 100).error().code, ErrorCode::InvalidArgument);
    const auto small = PromptTokenizer::train(kCaptions, 5);
    ASSERT_FALSE(small.ok());
    EXPECT_NE(small.error().message.find("letters"), std::string::npos) << small.error().message;
    EXPECT_FALSE(PromptTokenizer::train(kCaptions, 1 << 20).ok());
}

TEST(PromptVocabulary, RefusesBytesThatAreNone) {
    const std::string good = learned()->bytes();
    EXPECT_FALSE(readPieces("").ok());
    EXPECT_FALSE(readPieces("hello").ok());
    EXPECT_FALSE(readPieces(std::string(kMostVocabularyBytes + 1, '\0')).ok());
    std::vector<VocabularyPiece> pieces = readPieces(good).orThrow();
    const auto refused = [](const std::vector<VocabularyPiece>& changed) {
        return !readPieces(serializePieces(changed)).ok();
    };
    EXPECT_FALSE(refused(pieces));
    auto twice = pieces, empty = pieces, long_ = pieces, number = pieces, bytes = pieces;
    twice[4].text = twice[5].text;
    empty[4].text = "";
    long_[4].text = std::string(256, 'a');
    number[4].score = std::numeric_limits<float>::quiet_NaN();
    bytes[4].text = "\xff";
    for (const auto& changed : {twice, empty, long_, number, bytes}) EXPECT_TRUE(refused(changed));
    EXPECT_TRUE(refused({pieces[0], pieces[1]}));
}

TEST(PromptVocabulary, StandsDamage) {
    const std::string good = learned()->bytes();
    for (size_t length = 0; length < good.size(); length += 3)
        static_cast<void>(PromptTokenizer::fromBytes(good.substr(0, length)).ok());
    for (size_t at = 0; at < good.size(); ++at)
        for (const char value : {'\0', '\x7f', '\xff'}) {
            std::string damaged = good;
            damaged[at] = value;
            const auto opened = PromptTokenizer::fromBytes(damaged);
            if (opened.ok()) {
                EXPECT_EQ((*opened)->encode("a red heart", 8).ids.size(), 8u);
            }
        }
}

TEST(PoolWeights, AreTheMeanOfThePiecesOrOfTheFirstEmptyPlace) {
    EXPECT_EQ(poolWeights(2, 4), (std::vector<float>{0.5f, 0.5f, 0, 0}));
    EXPECT_EQ(poolWeights(0, 3), (std::vector<float>{1, 0, 0}));
}

}  // namespace
}  // namespace moescope
