// SPDX-License-Identifier: Apache-2.0
// What stands beside a picture about it: captions, and a class as a number or a name; and how names become numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/core/error.h"
#include "engine/data/picture_set.h"

namespace moescope {

using StoredLabel = std::variant<std::monostate, int64_t, std::string>;

struct StoredFacts {
    StoredLabel label;
    std::vector<std::string> captions;
};

/// The fields "caption", "captions", "text", "texts" (a text or a list of texts) and "label", "class" or "cls" (a
/// number or a name) of an object; others are passed over. Throws Format; `where` begins the sentence.
StoredFacts factsFrom(const nlohmann::json& object, const std::string& where);

/// Lines with text, without the blanks around them; bytes that are not UTF-8 become U+FFFD.
std::vector<std::string> captionLines(std::string_view text);

/// Numbers the classes and writes them into `items`. With a labels.json in `folder` its names count; else names are
/// sorted, and numbers are their own names. Throws Format where a label is not among the names, or numbers and names
/// are mixed.
std::vector<std::string> numberLabels(std::span<const StoredLabel> labels, const std::filesystem::path& folder,
                                      std::vector<TrainingItem>& items);

/// The "background" (#RRGGBB) of the dataset.json in `folder`; white where there is none. Throws Format.
std::array<uint8_t, 3> storedBackground(const std::filesystem::path& folder);

/// A whole small file as text. Throws NotFound, Io, or Unsupported where it has more than `most` bytes.
std::string readTextFile(const std::filesystem::path& path, uint64_t most);

/// 64 bits of FNV-1a over texts and numbers: for fingerprints, not against forgers.
class Fingerprint {
public:
    void add(std::string_view text);
    void add(uint64_t number);
    std::string text() const;

private:
    uint64_t m_hash = 0xcbf29ce484222325;
};

/// Sentences on what was passed over; after the first 50 only counted.
class Remarks {
public:
    void add(std::string sentence);
    std::vector<std::string> finished() &&;

private:
    std::vector<std::string> m_sentences;
    int64_t m_more = 0;
};

}  // namespace moescope
