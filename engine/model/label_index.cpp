// SPDX-License-Identifier: Apache-2.0
#include "engine/model/label_index.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/model/label_words.h"

namespace moescope {
namespace {

constexpr size_t kLongestPrompt = 256;                    // words
constexpr size_t kShortestMistyped = 5;                   // letters
constexpr std::string_view kEmojiStyle = "\xEF\xB8\x8F";  // U+FE0F

// Weights of the score, in units of a word's rarity.
constexpr double kNameWeight = 3;
constexpr double kSynonymWeight = 2;
constexpr double kPartOfSynonymWeight = 0.5;
constexpr double kWholeFactor = 1.5;       // a name, or a keyword of several words, stands in the prompt as it is
constexpr double kHeadWeight = 3;          // "fish" in "tropical fish"
constexpr double kJoiningWeight = 0.1;     // "of", "with" in a name
constexpr double kFewKeywordsBonus = 0.2;  // shared between the keywords of a class
constexpr double kMistypedQuality = 0.7;
constexpr double kBackgroundQuality = 0.4;  // "heart" in "a cat on a heart"
constexpr double kModifierQuality = 0.7;    // "fire" in "fire truck", for the class "fire"
constexpr double kOtherFormQuality = 0.95;  // singular for plural
constexpr double kLaterQuality = 0.0005;    // lost with every word that stands before: of two things the first is meant
constexpr double kCommonNameWeight = 0.5;   // of a name of which only common words fit ("face")
constexpr double kCommonWeight = 0.2;       // of a keyword that is common

std::vector<std::string> withoutArticles(std::vector<std::string> words) {
    std::erase_if(words, [](const std::string& word) { return isArticle(word); });
    return words;
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += word;
    return all;
}

std::string withoutEmojiStyle(std::string_view text) {
    std::string plain(text);
    for (size_t at; (at = plain.find(kEmojiStyle)) != std::string::npos;) plain.erase(at, kEmojiStyle.size());
    return plain;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n";
    const size_t start = text.find_first_not_of(spaces);
    return start == std::string_view::npos ? std::string_view()
                                           : text.substr(start, text.find_last_not_of(spaces) - start + 1);
}

template <class T>
bool contains(const std::vector<T>& values, const T& value) {
    return std::ranges::find(values, value) != values.end();
}

template <class T>
void sortUnique(std::vector<T>& values) {
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
}

}  // namespace

LabelIndex::LabelIndex(const std::vector<ClassLabel>& classes) {
    buildVocabulary(classes);
    std::vector<int> classesWith(m_terms.size());
    for (const ClassLabel& label : classes) {
        Entry entry;
        entry.name = label.name;
        entry.emoji = withoutEmojiStyle(label.emoji);
        entry.words = wordsOf(label.name);
        entry.squashed = joined(entry.words);
        entry.bare = withoutArticles(entry.words);
        entry.allWords = entry.bare;
        for (const std::string& word : entry.bare) entry.nameTerms.push_back(canonical(word));
        for (const std::string& keyword : label.keywords) {
            std::vector<TermId> terms;
            for (const std::string& word : withoutArticles(wordsOf(keyword))) {
                terms.push_back(canonical(word));
                entry.allWords.push_back(word);
            }
            entry.keywordTerms.insert(entry.keywordTerms.end(), terms.begin(), terms.end());
            const bool partOfName =
                std::ranges::all_of(terms, [&](TermId term) { return contains(entry.nameTerms, term); });
            if (!partOfName) entry.synonyms.push_back(std::move(terms));
        }
        entry.keywordCount = label.keywords.size();
        sortUnique(entry.keywordTerms);
        sortUnique(entry.allWords);
        std::set<TermId> own(entry.nameTerms.begin(), entry.nameTerms.end());
        own.insert(entry.keywordTerms.begin(), entry.keywordTerms.end());
        for (const TermId term : own) ++classesWith[static_cast<size_t>(term)];
        m_entries.push_back(std::move(entry));
    }
    const auto count = static_cast<double>(classes.size());
    const auto common = static_cast<double>(std::max<size_t>(3, classes.size() / 10));
    m_commonRarity = std::log1p(count / common);
    for (size_t term = 0; term < m_terms.size(); ++term)
        m_terms[term].rarity = std::log1p(count / std::max(classesWith[term], 1));
    for (Entry& entry : m_entries) entry.head = headOf(entry);
}

/// Every word becomes a term, but a plural whose singular is a word here too shares the singular's.
void LabelIndex::buildVocabulary(const std::vector<ClassLabel>& classes) {
    std::set<std::string> words;
    const auto collect = [&](const std::string& text) {
        for (const std::string& word : withoutArticles(wordsOf(text))) words.insert(word);
    };
    for (const ClassLabel& label : classes) {
        collect(label.name);
        for (const std::string& keyword : label.keywords) collect(keyword);
    }
    const auto singularOf = [&](const std::string& word) {
        for (const std::string& form : singularForms(word))
            if (words.contains(form)) return form;
        return word;
    };
    for (const std::string& word : words) {
        const std::string singular = singularOf(word);
        const auto [place, isNew] = m_vocabulary.try_emplace(singular, static_cast<TermId>(m_terms.size()));
        if (isNew) m_terms.push_back({singular, 0, isFunctionWord(singular)});
        m_vocabulary.try_emplace(word, place->second);
    }
    for (const std::string& word : words)
        for (const std::string& form : singularForms(word)) m_aliases.try_emplace(form, m_vocabulary.at(word));
}

/// The noun that a name is about: the last word before what it wears or shows, but not one that every tenth class has
/// ("face" in "cat face").
size_t LabelIndex::headOf(const Entry& entry) const {
    size_t end = 1;
    while (end < entry.bare.size() && !opensBackground(entry.bare[end])) ++end;
    size_t fallback = 0;
    for (size_t i = std::min(end, entry.bare.size()); i-- > 0;) {
        if (termOf(entry.nameTerms[i]).joins) continue;
        if (!isCommon(entry.nameTerms[i])) return i;
        fallback = std::max(fallback, i);
    }
    return fallback;
}

TermId LabelIndex::canonical(const std::string& word) const {
    return m_vocabulary.at(word);
}

TermId LabelIndex::lookUp(const std::string& word) const {
    if (const auto found = m_vocabulary.find(word); found != m_vocabulary.end()) return found->second;
    const std::vector<std::string> forms = singularForms(word);
    for (const std::string& form : forms)
        if (const auto found = m_vocabulary.find(form); found != m_vocabulary.end()) return found->second;
    if (const auto found = m_aliases.find(word); found != m_aliases.end()) return found->second;
    for (const std::string& form : forms)
        if (const auto found = m_aliases.find(form); found != m_aliases.end()) return found->second;
    return -1;
}

/// The first word in alphabetical order that is one error away. People seldom get the first letter wrong, so that only
/// a swap may touch it ("flower" is no "blower").
TermId LabelIndex::lookUpMistyped(const std::string& word) const {
    if (word.size() < kShortestMistyped) return -1;
    for (const auto& [known, term] : m_vocabulary) {
        const bool sameStart = known[0] == word[0] || (known.size() > 1 && known[0] == word[1] && known[1] == word[0]);
        if (sameStart && known.size() + 1 >= kShortestMistyped && withinOneEdit(word, known)) return term;
    }
    return -1;
}

std::optional<int> LabelIndex::exactName(std::string_view name) const {
    const auto firstWith = [&](auto fits) -> std::optional<int> {
        const auto found = std::ranges::find_if(m_entries, fits);
        if (found == m_entries.end()) return std::nullopt;
        return static_cast<int>(found - m_entries.begin());
    };
    name = trimmed(name);
    if (auto same = firstWith([&](const Entry& entry) { return entry.name == name; })) return same;
    const std::vector<std::string> words = wordsOf(name), bare = withoutArticles(words);
    if (words.empty()) return std::nullopt;
    const std::string squashed = joined(words), squashedBare = joined(bare);
    if (auto same = firstWith([&](const Entry& entry) { return entry.words == words; })) return same;
    if (!bare.empty()) {
        if (auto same = firstWith([&](const Entry& entry) { return entry.bare == bare; })) return same;
        if (auto same = firstWith([&](const Entry& entry) { return entry.squashed == squashedBare; })) return same;
    }
    if (auto same = firstWith([&](const Entry& entry) { return entry.squashed == squashed; })) return same;
    if (bare.empty()) return std::nullopt;
    std::vector<TermId> terms;
    for (const std::string& word : bare) terms.push_back(lookUp(word));
    if (contains(terms, -1)) return std::nullopt;
    return firstWith([&](const Entry& entry) { return entry.nameTerms == terms; });
}

std::optional<int> LabelIndex::emojiIn(std::string_view text) const {
    const std::string plain = withoutEmojiStyle(text);
    size_t best = std::string::npos;
    std::optional<int> found;
    for (size_t i = 0; i < m_entries.size(); ++i) {
        const std::string& emoji = m_entries[i].emoji;
        if (emoji.empty()) continue;
        if (const size_t at = plain.find(emoji); at < best) {
            best = at;
            found = static_cast<int>(i);
        }
    }
    return found;
}

std::vector<PromptWord> LabelIndex::readPrompt(std::string_view prompt) const {
    std::vector<std::string> words = withoutArticles(wordsOf(prompt));
    if (words.size() > kLongestPrompt) words.resize(kLongestPrompt);
    std::vector<PromptWord> read;
    std::string background;
    for (std::string& word : words) {
        PromptWord& added = read.emplace_back();
        added.term = lookUp(word);
        if (added.term < 0 && !isFunctionWord(word)) {
            added.term = lookUpMistyped(word);
            added.mistyped = added.term >= 0;
        }
        added.background = !background.empty();
        added.backgroundWord = background;
        if (background.empty() && !read.empty() && opensBackground(word)) background = word;
        added.text = std::move(word);
    }
    return read;
}

bool LabelIndex::knows(const Entry& entry, TermId term) const {
    return contains(entry.nameTerms, term) || std::ranges::binary_search(entry.keywordTerms, term);
}

/// How much the word at `position` speaks for a class that knows it.
double LabelIndex::quality(const Entry& entry, const std::vector<PromptWord>& prompt, size_t position) const {
    const PromptWord& word = prompt[position];
    double quality = (word.mistyped ? kMistypedQuality : 1) * (1 - kLaterQuality * static_cast<double>(position));
    if (!word.mistyped && !std::ranges::binary_search(entry.allWords, word.text)) quality *= kOtherFormQuality;
    if (word.background && !contains(entry.bare, word.backgroundWord)) quality *= kBackgroundQuality;
    if (position + 1 < prompt.size()) {
        const TermId next = prompt[position + 1].term;
        if (next >= 0 && !termOf(next).joins && !knows(entry, next)) quality *= kModifierQuality;
    }
    return quality;
}

LabelScore LabelIndex::score(int classIndex, const std::vector<PromptWord>& prompt) const {
    const Entry& entry = m_entries[static_cast<size_t>(classIndex)];
    LabelScore result;
    Worth worth;
    for (size_t i = 0; i < prompt.size(); ++i) {
        const TermId term = prompt[i].term;
        if (term < 0 || termOf(term).joins || !knows(entry, term)) continue;
        double& known = worth[term];
        known = std::max(known, termOf(term).rarity * quality(entry, prompt, i));
        if (contains(entry.nameTerms, term)) result.nameWords.push_back(i);
        if (std::ranges::binary_search(entry.keywordTerms, term)) result.keywordWords.push_back(i);
    }
    if (worth.empty()) return result;
    result.wholeName = stands(entry.nameTerms, prompt);

    double best = nameScore(entry, worth, prompt) * (result.wholeName ? kWholeFactor : 1);
    const std::vector<TermId>* explained = &entry.nameTerms;
    for (const std::vector<TermId>& synonym : entry.synonyms) {
        const double bonus = 1 + kFewKeywordsBonus / static_cast<double>(entry.keywordCount);
        const double whole = synonym.size() > 1 && stands(synonym, prompt) ? kWholeFactor : 1;
        const double value = synonymScore(synonym, worth) * bonus * whole;
        if (value <= best) continue;
        best = value;
        explained = &synonym;
    }
    for (const auto& [term, value] : worth)
        if (!contains(*explained, term)) best += isCommon(term) ? kCommonWeight * value : value;
    result.score = best;
    return result;
}

bool LabelIndex::stands(const std::vector<TermId>& phrase, const std::vector<PromptWord>& prompt) {
    return !std::ranges::search(prompt, phrase, {}, &PromptWord::term).empty();
}

/// The worth of the words that are in the name, times the share of the name that they cover.
double LabelIndex::nameScore(const Entry& entry, const Worth& worth, const std::vector<PromptWord>& prompt) const {
    double covered = 0, whole = 0, total = 0;
    bool onlyCommon = true;
    for (size_t i = 0; i < entry.nameTerms.size(); ++i) {
        const TermId id = entry.nameTerms[i];
        const Term& term = termOf(id);
        const double weight = term.joins ? kJoiningWeight : term.rarity * (i == entry.head ? kHeadWeight : 1);
        whole += weight;
        const auto found = worth.find(id);
        if (found == worth.end()) {
            if (term.joins && std::ranges::find(prompt, id, &PromptWord::term) != prompt.end()) covered += weight;
            continue;
        }
        covered += weight;
        const bool repeated = std::find(entry.nameTerms.begin(), entry.nameTerms.begin() + static_cast<int64_t>(i),
                                        id) != entry.nameTerms.begin() + static_cast<int64_t>(i);
        if (!repeated) total += found->second;
        onlyCommon = onlyCommon && isCommon(id);
    }
    if (onlyCommon && covered < whole) return kCommonNameWeight * total;
    return whole > 0 ? kNameWeight * total * covered / whole : 0;
}

double LabelIndex::synonymScore(const std::vector<TermId>& synonym, const Worth& worth) const {
    double total = 0;
    bool complete = true, onlyCommon = true;
    for (const TermId term : std::set<TermId>(synonym.begin(), synonym.end())) {
        const auto found = worth.find(term);
        if (found != worth.end()) {
            total += found->second;
            onlyCommon = onlyCommon && isCommon(term);
        } else {
            complete = complete && termOf(term).joins;
        }
    }
    return total * (!complete ? kPartOfSynonymWeight : onlyCommon ? kCommonWeight : kSynonymWeight);
}

std::vector<int> LabelIndex::nearby(std::string_view text, size_t count) const {
    const auto likeness = [](const std::string& word, const std::string& known) {
        const size_t same = static_cast<size_t>(std::ranges::mismatch(word, known).in1 - word.begin());
        if (word.size() >= 4 && withinOneEdit(word, known)) return same + 2;
        return same >= 3 ? same : size_t{0};
    };
    std::vector<std::pair<size_t, int>> ranked;
    const std::vector<std::string> words = withoutArticles(wordsOf(text.substr(0, 400)));
    for (size_t i = 0; i < m_entries.size(); ++i) {
        size_t total = 0;
        for (const std::string& word : words) {
            size_t best = 0;
            for (const std::string& known : m_entries[i].allWords) best = std::max(best, likeness(word, known));
            total += best;
        }
        if (total > 0) ranked.emplace_back(total, static_cast<int>(i));
    }
    std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<int> found;
    for (size_t i = 0; i < std::min(count, ranked.size()); ++i) found.push_back(ranked[i].second);
    return found;
}

}  // namespace moescope
