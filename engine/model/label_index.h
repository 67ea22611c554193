// SPDX-License-Identifier: Apache-2.0
// The words of all class names and keywords, weighed by how rare they are, and the score of a class for a prompt.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/class_labels.h"

namespace moescope {

/// A word of the vocabulary: singular and plural are one term.
using TermId = int;

struct PromptWord {
    std::string text;
    TermId term = -1;            // -1: no class knows it
    bool mistyped = false;       // the term is one typing error away
    bool background = false;     // stands after "on", "with", ...
    std::string backgroundWord;  // which
};

/// One class for one prompt.
struct LabelScore {
    double score = 0;
    bool wholeName = false;            // the name stands in the prompt, word by word
    std::vector<size_t> nameWords;     // positions in the prompt of the words that are in its name
    std::vector<size_t> keywordWords;  // ... in its keywords
};

class LabelIndex {
public:
    explicit LabelIndex(const std::vector<ClassLabel>& classes);

    /// See ClassLabels::byName.
    std::optional<int> exactName(std::string_view name) const;
    /// The class whose emoji stands first in `text`.
    std::optional<int> emojiIn(std::string_view text) const;

    std::vector<PromptWord> readPrompt(std::string_view prompt) const;
    LabelScore score(int classIndex, const std::vector<PromptWord>& prompt) const;
    const std::string& termText(TermId term) const { return m_terms[static_cast<size_t>(term)].text; }
    /// Up to `count` classes of which some word begins like, or is nearly, a word of `text`.
    std::vector<int> nearby(std::string_view text, size_t count) const;

private:
    struct Term {
        std::string text;
        double rarity = 0;   // log(1 + classes / classes with this term)
        bool joins = false;  // a function word
    };
    struct Entry {
        std::string name, emoji;
        std::vector<std::string> words;             // of the name
        std::string squashed;                       // the same without gaps
        std::vector<std::string> bare;              // the same without articles
        std::vector<TermId> nameTerms;              // of `bare`
        size_t head = 0;                            // which of them says what the thing is
        std::vector<TermId> keywordTerms;           // all of them, sorted
        std::vector<std::vector<TermId>> synonyms;  // keywords that are no part of the name
        size_t keywordCount = 0;
        std::vector<std::string> allWords;  // sorted
    };

    using Worth = std::map<TermId, double>;  // of each content term that prompt and class share: rarity times quality

    void buildVocabulary(const std::vector<ClassLabel>& classes);
    size_t headOf(const Entry& entry) const;
    TermId canonical(const std::string& word) const;
    TermId lookUp(const std::string& word) const;
    TermId lookUpMistyped(const std::string& word) const;
    bool knows(const Entry& entry, TermId term) const;
    const Term& termOf(TermId term) const { return m_terms[static_cast<size_t>(term)]; }
    /// In every tenth class, and in more than three.
    bool isCommon(TermId term) const { return termOf(term).rarity < m_commonRarity; }
    static bool stands(const std::vector<TermId>& phrase, const std::vector<PromptWord>& prompt);
    double quality(const Entry& entry, const std::vector<PromptWord>& prompt, size_t position) const;
    double nameScore(const Entry& entry, const Worth& worth, const std::vector<PromptWord>& prompt) const;
    double synonymScore(const std::vector<TermId>& synonym, const Worth& worth) const;

    std::vector<Entry> m_entries;
    std::vector<Term> m_terms;
    double m_commonRarity = 0;
    std::map<std::string, TermId, std::less<>> m_vocabulary;  // every word of names and keywords
    std::map<std::string, TermId, std::less<>> m_aliases;     // what a plural there is the plural of
};

}  // namespace moescope
