// SPDX-License-Identifier: Apache-2.0
#include "engine/data/item_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "engine/data/colour_names.h"
#include "engine/ensemble/json_fields.h"
#include "engine/io/utf8.h"
#include "engine/model/class_labels.h"

namespace moescope {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr int64_t kMostClasses = 100'000;
constexpr size_t kMostRemarks = 50;

[[noreturn]] void refuse(std::string sentence) {
    throw EngineException(ErrorCode::Format, std::move(sentence));
}

void addCaptions(const Json& value, const char* field, const std::string& where, std::vector<std::string>& captions) {
    const auto wrong = [&] {
        refuse(fmt::format("{}: \"{}\" is {} where a text or a list of texts is expected; correct it", where, field,
                           jsonExcerpt(value)));
    };
    const auto addOne = [&](const Json& one) {
        if (!one.is_string()) wrong();
        for (std::string& line : captionLines(one.get<std::string>())) captions.push_back(std::move(line));
    };
    if (value.is_array())
        for (const Json& one : value) addOne(one);
    else if (!value.is_null())
        addOne(value);
}

StoredLabel labelFrom(const Json& value, const char* field, const std::string& where) {
    if (value.is_null()) return {};
    if (value.is_string() && !value.get<std::string>().empty()) return value.get<std::string>();
    if (value.is_number_integer() && value >= 0 && value < kMostClasses) return value.get<int64_t>();
    refuse(fmt::format("{}: \"{}\" is {} where the name of a class or a number from 0 to {} is expected; correct it",
                       where, field, jsonExcerpt(value), kMostClasses - 1));
}

std::vector<std::string> namesFromFile(const fs::path& file) {
    std::vector<std::string> names;
    const ClassLabels labels = ClassLabels::load(file).orThrow();
    for (const ClassLabel& label : labels.classes()) names.push_back(label.name);
    return names;
}

}  // namespace

StoredFacts factsFrom(const Json& object, const std::string& where) {
    if (!object.is_object())
        refuse(
            fmt::format("{} is {} where an object such as {{\"file_name\": \"a.png\", \"text\": \"a cat\"}} is "
                        "expected; correct it",
                        where, jsonExcerpt(object)));
    StoredFacts facts;
    for (const char* field : {"caption", "captions", "text", "texts"})
        if (const auto found = object.find(field); found != object.end())
            addCaptions(*found, field, where, facts.captions);
    for (const char* field : {"label", "class", "cls"})
        if (const auto found = object.find(field); found != object.end() && facts.label.index() == 0)
            facts.label = labelFrom(*found, field, where);
    return facts;
}

std::vector<std::string> captionLines(std::string_view text) {
    std::vector<std::string> lines;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const size_t first = line.find_first_not_of(" \t\r");
        if (first == std::string_view::npos) continue;
        line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
        lines.push_back(repairedUtf8(line));
    }
    return lines;
}

std::vector<std::string> numberLabels(std::span<const StoredLabel> labels, const fs::path& folder,
                                      std::vector<TrainingItem>& items) {
    std::set<std::string> texts;
    int64_t highest = -1;
    for (const StoredLabel& label : labels) {
        if (const auto* text = std::get_if<std::string>(&label)) texts.insert(*text);
        if (const auto* number = std::get_if<int64_t>(&label)) highest = std::max(highest, *number);
    }
    std::error_code code;
    const fs::path file = folder / "labels.json";
    const bool named = fs::exists(file, code);
    std::vector<std::string> names = named ? namesFromFile(file) : std::vector<std::string>(texts.begin(), texts.end());
    if (!named && !texts.empty() && highest >= 0)
        refuse(
            fmt::format("some pictures of '{}' have the number of a class and others its name, such as '{}'; use one "
                        "of the two, or add a labels.json with the names in order",
                        folder.filename().string(), *texts.begin()));
    if (static_cast<int64_t>(texts.size()) > kMostClasses)
        refuse(fmt::format("the set has {} classes and at most {} are read", texts.size(), kMostClasses));
    for (int64_t number = 0; !named && number <= highest; ++number) names.push_back(std::to_string(number));
    if (highest >= static_cast<int64_t>(names.size()))
        refuse(
            fmt::format("a picture has the class {} and labels.json names the classes 0 to {}; correct one of the two",
                        highest, static_cast<int64_t>(names.size()) - 1));
    std::map<std::string, int32_t, std::less<>> numbers;
    for (size_t i = 0; i < names.size(); ++i) numbers.emplace(names[i], static_cast<int32_t>(i));
    for (size_t i = 0; i < labels.size(); ++i) {
        if (const auto* number = std::get_if<int64_t>(&labels[i])) items[i].label = static_cast<int32_t>(*number);
        if (const auto* text = std::get_if<std::string>(&labels[i])) {
            const auto found = numbers.find(*text);
            if (found == numbers.end())
                refuse(fmt::format("{} has the class '{}', which labels.json does not name; add it there", items[i].key,
                                   *text));
            items[i].label = found->second;
        }
    }
    return names;
}

std::array<uint8_t, 3> storedBackground(const fs::path& folder) {
    std::error_code code;
    const fs::path file = folder / "dataset.json";
    if (!fs::exists(file, code)) return {255, 255, 255};
    const Json json = parseShallowJson(readTextFile(file, uint64_t{1} << 20));
    if (!json.is_object()) refuse(fmt::format("'{}' holds no JSON object; correct it or remove it", file.string()));
    const auto found = json.find("background");
    if (found == json.end() || !found->is_string()) return {255, 255, 255};
    return colourFrom(found->get<std::string>()).orThrow();
}

std::string readTextFile(const fs::path& path, uint64_t most) {
    std::error_code code;
    const uint64_t size = fs::file_size(path, code);
    std::ifstream file(path, std::ios::binary);
    if (code || !file)
        throw EngineException(fs::exists(path, code) ? ErrorCode::Io : ErrorCode::NotFound,
                              fmt::format("cannot open '{}'; give a file that can be read", path.string()));
    if (size > most)
        throw EngineException(ErrorCode::Unsupported, fmt::format("'{}' has {} bytes and at most {} are read; split it",
                                                                  path.string(), size, most));
    std::string text(size, '\0');
    file.read(text.data(), static_cast<std::streamsize>(size));
    if (!file)
        throw EngineException(ErrorCode::Io,
                              fmt::format("reading '{}' failed half-way; check the disk", path.string()));
    return text;
}

void Fingerprint::add(std::string_view text) {
    add(text.size());
    for (const char c : text) m_hash = (m_hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}

void Fingerprint::add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) m_hash = (m_hash ^ ((number >> shift) & 0xff)) * 0x100000001b3;
}

std::string Fingerprint::text() const {
    return fmt::format("{:016x}", m_hash);
}

void Remarks::add(std::string sentence) {
    if (m_sentences.size() < kMostRemarks)
        m_sentences.push_back(std::move(sentence));
    else
        ++m_more;
}

std::vector<std::string> Remarks::finished() && {
    if (m_more > 0) m_sentences.push_back(fmt::format("and {} more of the kind", m_more));
    return std::move(m_sentences);
}

}  // namespace moescope
