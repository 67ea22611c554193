// SPDX-License-Identifier: Apache-2.0
#include "engine/model/class_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/io/utf8.h"
#include "engine/model/label_index.h"
#include "engine/model/label_words.h"

namespace moescope {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxFileBytes = uint64_t{16} << 20;
constexpr size_t kMaxClasses = 100'000;
constexpr size_t kAlternatives = 5;
constexpr size_t kQuotedBytes = 80;      // of a prompt, in a message
constexpr double kContainsScore = 1e-3;  // of a name that merely contains the query: below every word that fits

[[noreturn]] void refuse(std::string message) {
    throw EngineException(ErrorCode::Format, std::move(message));
}

std::string textField(const Json& entry, const char* field, size_t position) {
    const auto found = entry.find(field);
    if (found == entry.end()) return {};
    if (!found->is_string())
        refuse(fmt::format("entry {} of the labels has a \"{}\" that is no text", position, field));
    return found->get<std::string>();
}

ClassLabel labelFrom(const Json& entry, size_t position) {
    ClassLabel label;
    label.index = static_cast<int>(position);
    if (entry.is_string()) {
        label.name = entry.get<std::string>();
    } else if (entry.is_object()) {
        label.name = textField(entry, "name", position);
        label.group = textField(entry, "group", position);
        label.emoji = textField(entry, "emoji", position);
        label.codepoint = textField(entry, "codepoint", position);
        if (const auto index = entry.find("index"); index != entry.end() && *index != position)
            refuse(fmt::format("entry {} of the labels has the index {}; they must stand in order from 0 without gaps",
                               position, index->dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40)));
        if (const auto keywords = entry.find("keywords"); keywords != entry.end()) {
            if (!keywords->is_array())
                refuse(fmt::format("entry {} of the labels has keywords that are no list", position));
            for (const Json& keyword : *keywords) {
                if (!keyword.is_string())
                    refuse(fmt::format("entry {} of the labels has a keyword that is no text", position));
                label.keywords.push_back(keyword.get<std::string>());
            }
        }
    } else {
        refuse(fmt::format("entry {} of the labels is neither a name nor an object with a \"name\"", position));
    }
    if (label.name.empty()) refuse(fmt::format("entry {} of the labels has no name", position));
    return label;
}

/// `text` between quotation marks, shortened between two letters.
std::string shortened(std::string_view text) {
    std::string shown;
    while (!text.empty() && shown.size() < kQuotedBytes) appendUtf8(shown, takeCodePoint(text));
    return fmt::format("\"{}{}\"", shown, text.empty() ? "" : "...");
}

/// 'a', 'b' and 'c'
std::string listed(const std::vector<std::string>& words, const char* last) {
    std::string text;
    for (size_t i = 0; i < words.size(); ++i)
        text += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == words.size() ? fmt::format(" {} ", last) : ", ", words[i]);
    return text;
}

std::string clause(const std::vector<std::string>& words, const char* place) {
    return words.empty()
               ? std::string()
               : fmt::format("{} {} in its {}", listed(words, "and"), words.size() == 1 ? "is" : "are", place);
}

/// Why the class was taken, from the words it shares with the prompt.
std::string reasonOf(const LabelIndex& index, const std::string& name, const LabelScore& score,
                     const std::vector<PromptWord>& prompt) {
    std::vector<std::string> both, nameOnly, keywordOnly, mistyped;
    std::set<std::string> told;
    const auto has = [](const std::vector<size_t>& positions, size_t i) {
        return std::ranges::find(positions, i) != positions.end();
    };
    for (size_t i = 0; i < prompt.size(); ++i) {
        const bool inName = has(score.nameWords, i), inKeywords = has(score.keywordWords, i);
        if ((!inName && !inKeywords) || !told.insert(prompt[i].text).second) continue;
        const std::string& word = prompt[i].mistyped ? index.termText(prompt[i].term) : prompt[i].text;
        (inName && inKeywords ? both : inName ? nameOnly : keywordOnly).push_back(word);
        if (prompt[i].mistyped) mistyped.push_back(fmt::format("'{}' was read as '{}'", prompt[i].text, word));
    }
    std::string reason;
    const auto add = [&](const std::string& part) {
        if (!part.empty()) reason += (reason.empty() ? "" : ", ") + part;
    };
    if (score.wholeName) {
        add(fmt::format("its whole name '{}' is in the prompt", name));
    } else {
        add(clause(both, "name and keywords"));
        add(clause(nameOnly, "name"));
    }
    add(clause(keywordOnly, "keywords"));
    for (const std::string& correction : mistyped) add(correction);
    return reason;
}

}  // namespace

ClassLabels::ClassLabels(std::vector<ClassLabel> classes)
    : m_classes(std::move(classes)), m_index(std::make_shared<LabelIndex>(m_classes)) {}

Result<ClassLabels> ClassLabels::parse(std::string_view text) {
    return guarded([&]() -> ClassLabels {
        Json json = Json::parse(text, nullptr, false);
        if (json.is_object() && json.contains("labels")) json = Json(json["labels"]);
        if (!json.is_array() || json.empty() || json.size() > kMaxClasses)
            refuse(fmt::format("the labels are no JSON list of 1 to {} classes", kMaxClasses));
        std::vector<ClassLabel> classes;
        for (size_t i = 0; i < json.size(); ++i) classes.push_back(labelFrom(json[i], i));
        return ClassLabels(std::move(classes));
    });
}

Result<ClassLabels> ClassLabels::load(const std::filesystem::path& path) {
    return guarded([&]() -> ClassLabels {
        std::error_code failure;
        const uint64_t size = std::filesystem::file_size(path, failure);
        std::ifstream file(path, std::ios::binary);
        if (failure || !file)
            throw EngineException(
                std::filesystem::exists(path, failure) ? ErrorCode::Io : ErrorCode::NotFound,
                fmt::format("cannot open the labels '{}'; give a JSON file that can be read", path.string()));
        if (size > kMaxFileBytes)
            refuse(fmt::format("the labels '{}' have {} bytes and at most {} are read", path.string(), size,
                               kMaxFileBytes));
        const std::string text(std::istreambuf_iterator<char>(file), {});
        auto labels = parse(text);
        if (!labels)
            throw EngineException(labels.error().code, fmt::format("'{}': {}", path.string(), labels.error().message));
        return std::move(labels).value();
    });
}

const ClassLabel* ClassLabels::byIndex(int64_t index) const {
    return index < 0 || index >= size() ? nullptr : &m_classes[static_cast<size_t>(index)];
}

std::optional<int> ClassLabels::byName(std::string_view name) const {
    return m_index->exactName(name);
}

std::string ClassLabels::nearNames(std::string_view text) const {
    std::vector<std::string> names;
    for (const int index : m_index->nearby(text, kAlternatives))
        names.push_back(m_classes[static_cast<size_t>(index)].name);
    if (!names.empty()) return fmt::format("did you mean {}?", listed(names, "or"));
    for (size_t i = 0; i < 3; ++i) names.push_back(m_classes[i * (m_classes.size() - 1) / 2].name);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return fmt::format("name one of the {} classes, such as {}", m_classes.size(), listed(names, "or"));
}

Result<int> ClassLabels::resolve(std::string_view numberOrName) const {
    int64_t number = 0;
    const char* end = numberOrName.data() + numberOrName.size();
    const auto read = std::from_chars(numberOrName.data(), end, number);
    if (read.ptr == end && !numberOrName.empty()) {
        if (read.ec == std::errc{} && byIndex(number)) return static_cast<int>(number);
        return {ErrorCode::InvalidArgument,
                fmt::format("there is no class {}; the classes are 0 to {}", numberOrName, size() - 1)};
    }
    if (const auto index = byName(numberOrName)) return *index;
    return {ErrorCode::InvalidArgument,
            fmt::format("no class is called {}; {}", shortened(numberOrName), nearNames(numberOrName))};
}

Result<ClassMatch> ClassLabels::match(std::string_view prompt) const {
    std::vector<PromptWord> words = m_index->readPrompt(prompt);
    std::vector<LabelScore> scores;
    std::vector<int> order;
    for (int i = 0; i < size(); ++i) {
        scores.push_back(m_index->score(i, words));
        if (scores.back().score > 0) order.push_back(i);
    }
    const auto scoreOf = [&](int index) { return scores[static_cast<size_t>(index)].score; };
    std::ranges::stable_sort(order, [&](int a, int b) { return scoreOf(a) > scoreOf(b); });

    ClassMatch match;
    if (const auto exact = m_index->exactName(prompt)) {
        match.index = *exact;
        match.reason = "the words are its name";
    } else if (const auto pictured = m_index->emojiIn(prompt)) {
        match.index = *pictured;
        match.reason = fmt::format("its emoji {} is in the prompt", byIndex(*pictured)->emoji);
    } else if (!order.empty()) {
        match.index = order.front();
        match.reason =
            reasonOf(*m_index, byIndex(order.front())->name, scores[static_cast<size_t>(order.front())], words);
    } else if (wordsOf(prompt).empty()) {
        return {ErrorCode::InvalidArgument,
                fmt::format("the prompt {} has no words; {}", shortened(prompt), nearNames({}))};
    } else {
        return {ErrorCode::InvalidArgument,
                fmt::format("no class of this model fits the prompt {}; {}", shortened(prompt), nearNames(prompt))};
    }
    match.name = byIndex(match.index)->name;
    match.score = scoreOf(match.index);
    for (const int index : order)
        if (index != match.index && match.alternatives.size() < kAlternatives)
            match.alternatives.push_back({index, byIndex(index)->name, scoreOf(index)});
    return match;
}

std::vector<ClassAlternative> ClassLabels::find(std::string_view query) const {
    const std::vector<PromptWord> words = m_index->readPrompt(query);
    const std::optional<int> exact = m_index->exactName(query);
    std::string squashed;
    for (const std::string& word : wordsOf(query)) squashed += word;
    const auto squash = [](const std::string& text) {
        std::string all;
        for (const std::string& word : wordsOf(text)) all += word;
        return all;
    };
    std::vector<ClassAlternative> found;
    for (const ClassLabel& label : m_classes) {
        double score = m_index->score(label.index, words).score;
        if (score == 0 && !squashed.empty()) {
            const bool inName = squash(label.name).find(squashed) != std::string::npos;
            const bool inKeyword = std::ranges::any_of(label.keywords, [&](const std::string& keyword) {
                return squash(keyword).find(squashed) != std::string::npos;
            });
            score = inName ? 2 * kContainsScore : inKeyword ? kContainsScore : 0;
        }
        if (score > 0 || query.empty() || exact == label.index || std::to_string(label.index) == query)
            found.push_back({label.index, label.name, score});
    }
    std::ranges::stable_sort(found, [&](const ClassAlternative& a, const ClassAlternative& b) {
        const bool firstA = exact == a.index, firstB = exact == b.index;
        return firstA != firstB ? firstA : a.score > b.score;
    });
    return found;
}

}  // namespace moescope
