// SPDX-License-Identifier: Apache-2.0
#include "engine/model/prompt_vocabulary.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "engine/io/utf8.h"

namespace moescope {
namespace {

// Field numbers and values of sentencepiece_model.proto.
constexpr uint32_t kPieces = 1, kTrainer = 2, kNormalizer = 3;
constexpr uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr uint64_t kNormal = 1, kUnknown = 2, kControl = 3;
constexpr uint32_t kModelType = 3, kVocabularySize = 4, kUnknownId = 40, kBeginId = 41, kEndId = 42, kPadId = 43,
                   kNormalizerName = 1;
constexpr uint64_t kPairEncoding = 2;
constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types of protocol buffers
constexpr size_t kLongestPiece = 255;

void putVarint(std::string& to, uint64_t value) {
    for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
    to += static_cast<char>(value);
}

void putNumber(std::string& to, uint32_t field, uint64_t value) {
    putVarint(to, field << 3 | kVarint);
    putVarint(to, value);
}

void putBytes(std::string& to, uint32_t field, std::string_view bytes) {
    putVarint(to, field << 3 | kBytes);
    putVarint(to, bytes.size());
    to += bytes;
}

/// One field of a message: a number, or the bytes behind it.
struct Field {
    uint32_t number = 0, type = 0;
    uint64_t value = 0;
    std::string_view bytes;
};

std::optional<uint64_t> takeVarint(std::string_view& from) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !from.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(from.front());
        from.remove_prefix(1);
        value |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

/// The next field, taken off `from`; nothing where the bytes are none.
std::optional<Field> takeField(std::string_view& from) {
    const auto key = takeVarint(from);
    if (!key || *key >> 3 == 0 || *key >> 3 > 0x1fffffff) return std::nullopt;
    Field field{static_cast<uint32_t>(*key >> 3), static_cast<uint32_t>(*key & 7), 0, {}};
    if (field.type == kVarint) {
        const auto value = takeVarint(from);
        if (!value) return std::nullopt;
        field.value = *value;
        return field;
    }
    uint64_t length = field.type == kFixed32 ? 4 : 8;
    if (field.type == kBytes) {
        const auto stated = takeVarint(from);
        if (!stated) return std::nullopt;
        length = *stated;
    } else if (field.type != kFixed32 && field.type != kFixed64) {
        return std::nullopt;
    }
    if (length > from.size()) return std::nullopt;
    field.bytes = from.substr(0, length);
    from.remove_prefix(length);
    return field;
}

struct TypedPiece {
    VocabularyPiece piece;
    uint64_t type = kNormal;
};

std::optional<TypedPiece> readPiece(std::string_view bytes) {
    TypedPiece made;
    while (!bytes.empty()) {
        const auto field = takeField(bytes);
        if (!field) return std::nullopt;
        if (field->number == kPieceText && field->type == kBytes) made.piece.text = field->bytes;
        if (field->number == kPieceScore && field->type == kFixed32)
            std::memcpy(&made.piece.score, field->bytes.data(), 4);
        if (field->number == kPieceType && field->type == kVarint) made.type = field->value;
    }
    return made;
}

bool usable(const TypedPiece& piece, size_t index) {
    const std::string& text = piece.piece.text;
    const uint64_t wanted = index == kPadPiece ? kControl : index == kUnknownPiece ? kUnknown : kNormal;
    return piece.type == wanted && !text.empty() && text.size() <= kLongestPiece &&
           text.find('\0') == std::string::npos && isUtf8(text) && std::isfinite(piece.piece.score);
}

}  // namespace

std::string serializePieces(const std::vector<VocabularyPiece>& pieces) {
    std::string model;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string piece;
        putBytes(piece, kPieceText, pieces[i].text);
        putVarint(piece, kPieceScore << 3 | kFixed32);
        char score[4];
        std::memcpy(score, &pieces[i].score, 4);
        piece.append(score, 4);
        putNumber(piece, kPieceType, i == kPadPiece ? kControl : i == kUnknownPiece ? kUnknown : kNormal);
        putBytes(model, kPieces, piece);
    }
    constexpr auto kNone = static_cast<uint64_t>(-1);
    std::string trainer, normalizer;
    putNumber(trainer, kModelType, kPairEncoding);
    putNumber(trainer, kVocabularySize, pieces.size());
    putNumber(trainer, kUnknownId, kUnknownPiece);
    putNumber(trainer, kBeginId, kNone);
    putNumber(trainer, kEndId, kNone);
    putNumber(trainer, kPadId, kPadPiece);
    putBytes(normalizer, kNormalizerName, "identity");
    putBytes(model, kTrainer, trainer);
    putBytes(model, kNormalizer, normalizer);
    return model;
}

Result<std::vector<VocabularyPiece>> readPieces(std::string_view bytes) {
    const auto refuse = [](std::string found) {
        return EngineError{
            ErrorCode::Format,
            fmt::format("the prompt vocabulary should be a SentencePiece model with pieces <pad>, <unk> and "
                        "parts of words, found {}; the file is damaged or made by another program",
                        found)};
    };
    if (bytes.size() > kMostVocabularyBytes) return refuse(fmt::format("{} bytes", bytes.size()));
    std::vector<VocabularyPiece> pieces;
    std::unordered_set<std::string_view> known;
    while (!bytes.empty()) {
        const auto field = takeField(bytes);
        if (!field) return refuse(fmt::format("bytes that are no fields behind piece {}", pieces.size()));
        if (field->number != kPieces || field->type != kBytes) continue;
        auto piece = readPiece(field->bytes);
        if (!piece || !usable(*piece, pieces.size()))
            return refuse(fmt::format("a piece {} that is none", pieces.size()));
        if (pieces.size() == kMostPieces) return refuse(fmt::format("more than {} pieces", kMostPieces));
        pieces.push_back(std::move(piece->piece));
    }
    for (const VocabularyPiece& piece : pieces)
        if (!known.insert(piece.text).second) return refuse(fmt::format("the piece '{}' twice", piece.text));
    if (pieces.size() < 3) return refuse(fmt::format("{} pieces", pieces.size()));
    return pieces;
}

}  // namespace moescope
