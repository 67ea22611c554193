// SPDX-License-Identifier: Apache-2.0
#include "engine/data/cldr_names.h"

#include <expat.h>
#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "engine/data/item_labels.h"

namespace moescope {
namespace {

constexpr uint64_t kMostBytes = uint64_t{64} << 20;
constexpr std::string_view kSelector = "\xEF\xB8\x8F";  // U+FE0F

/// What the parser's callbacks, which must not throw, gather.
struct Reading {
    XML_Parser parser = nullptr;
    std::map<std::string, CharacterName> names;
    std::string character, text;
    bool isName = false, inside = false, outOfMemory = false;

    template <class Work>
    void keep(Work&& work) noexcept {
        try {
            work();
        } catch (...) {
            outOfMemory = true;
            XML_StopParser(parser, XML_FALSE);
        }
    }
};

std::vector<std::string> splitKeywords(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const size_t bar = std::min(text.find('|'), text.size());
        for (std::string& word : captionLines(text.substr(0, bar))) words.push_back(std::move(word));
        text.remove_prefix(std::min(bar + 1, text.size()));
    }
    return words;
}

void onStart(void* data, const XML_Char* name, const XML_Char** attributes) {
    auto& reading = *static_cast<Reading*>(data);
    if (std::string_view(name) != "annotation") return;
    reading.keep([&] {
        reading.inside = true;
        reading.isName = false;
        reading.character.clear();
        reading.text.clear();
        for (const XML_Char** attribute = attributes; *attribute; attribute += 2) {
            if (std::string_view(attribute[0]) == "cp") reading.character = attribute[1];
            if (std::string_view(attribute[0]) == "type") reading.isName = std::string_view(attribute[1]) == "tts";
        }
        for (size_t at = 0; (at = reading.character.find(kSelector, at)) != std::string::npos;)
            reading.character.erase(at, kSelector.size());
    });
}

void onText(void* data, const XML_Char* text, int length) {
    auto& reading = *static_cast<Reading*>(data);
    if (reading.inside) reading.keep([&] { reading.text.append(text, static_cast<size_t>(length)); });
}

void onEnd(void* data, const XML_Char* name) {
    auto& reading = *static_cast<Reading*>(data);
    if (std::string_view(name) != "annotation") return;
    reading.inside = false;
    reading.keep([&] {
        CharacterName& entry = reading.names[reading.character];
        if (reading.isName)
            entry.name = reading.text;
        else
            entry.keywords = splitKeywords(reading.text);
    });
}

}  // namespace

Result<std::map<std::string, CharacterName>> readCldrNames(const std::filesystem::path& file) {
    return guarded([&] {
        std::error_code code;
        if (!std::filesystem::exists(file, code))
            throw EngineException(ErrorCode::NotFound,
                                  fmt::format("the names of emoji are not at '{}'; install the Debian package "
                                              "unicode-cldr-core, or name CLDR's en.xml with --annotations",
                                              file.string()));
        const std::string text = readTextFile(file, kMostBytes);
        const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate("UTF-8"), XML_ParserFree);
        if (!parser) throw std::bad_alloc();
        Reading reading;
        reading.parser = parser.get();
        XML_SetUserData(parser.get(), &reading);
        XML_SetElementHandler(parser.get(), onStart, onEnd);
        XML_SetCharacterDataHandler(parser.get(), onText);
        const XML_Status status = XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
        if (reading.outOfMemory) throw std::bad_alloc();
        if (status != XML_STATUS_OK)
            throw EngineException(
                ErrorCode::Format,
                fmt::format("'{}' is damaged in line {} ({}); give CLDR's annotations of a language, such as en.xml",
                            file.string(), XML_GetCurrentLineNumber(parser.get()),
                            XML_ErrorString(XML_GetErrorCode(parser.get()))));
        std::erase_if(reading.names, [](const auto& entry) { return entry.second.name.empty(); });
        if (reading.names.empty())
            throw EngineException(
                ErrorCode::Format,
                fmt::format("'{}' names no character; give CLDR's annotations of a language, such as en.xml",
                            file.string()));
        return std::move(reading.names);
    });
}

}  // namespace moescope
