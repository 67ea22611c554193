// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/labelled_examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "engine/core/name_list.h"
#include "engine/data/picture_set.h"
#include "engine/ensemble/json_fields.h"
#include "engine/io/utf8.h"

namespace moescope {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kMostTextBytes = uintmax_t{256} << 20;

struct Line {
    std::string prompt, expert, group;
};

Line readTabLine(const std::string& text, const std::string& where) {
    const size_t first = text.find('\t');
    if (first == std::string::npos)
        throw EngineException(ErrorCode::Format, fmt::format("{} has no tab where \"prompt <tab> expert\" is expected; "
                                                             "separate the two by one tab",
                                                             where));
    const size_t second = text.find('\t', first + 1);
    Line line{text.substr(0, first), text.substr(first + 1, second - first - 1), {}};
    if (second != std::string::npos) line.group = text.substr(second + 1);
    return line;
}

Line readJsonLine(const std::string& text, const std::string& where) {
    const nlohmann::json json = parseShallowJson(text);
    if (json.is_discarded())
        throw EngineException(ErrorCode::Format,
                              fmt::format("{} is not JSON where an object such as {{\"prompt\": \"a cat\", \"expert\": "
                                          "\"animals\"}} is expected; correct it",
                                          where));
    JsonFields fields(json, where);
    Line line{fields.text("prompt", std::string()), fields.text("expert"), fields.text("group", std::string())};
    fields.refuseOthers();
    return line;
}

int64_t expertIndex(const std::string& name, std::span<const std::string> names, const std::string& where) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return found - names.begin();
    const std::string near = nearestName(name, names);
    throw EngineException(
        ErrorCode::Format,
        fmt::format("{} names the expert {}, which the ensemble does not have; {}", where, jsonExcerpt(name),
                    near.empty() ? fmt::format("it has {}", quotedList(names, "and"))
                                 : fmt::format("did you mean '{}'?", near)));
}

}  // namespace

Result<std::vector<LabelledPrompt>> readLabelledPrompts(const fs::path& file,
                                                        std::span<const std::string> expertNames) {
    return guarded([&] {
        const std::string name = file.filename().string();
        std::error_code code;
        const uintmax_t size = fs::file_size(file, code);
        std::ifstream stream(file, std::ios::binary);
        if (code || !stream)
            throw EngineException(
                ErrorCode::NotFound,
                fmt::format("the file of prompts '{}' can not be opened; check the path", file.string()));
        if (size > kMostTextBytes)
            throw EngineException(ErrorCode::Unsupported,
                                  fmt::format("the file of prompts '{}' has {} bytes and at most {} are read; take a "
                                              "part of it",
                                              name, size, kMostTextBytes));
        std::vector<LabelledPrompt> prompts;
        std::optional<bool> json;
        std::string text;
        for (int64_t number = 1; std::getline(stream, text); ++number) {
            const std::string where = fmt::format("line {} of '{}'", number, name);
            if (number == 1 && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
            if (text.ends_with('\r')) text.pop_back();
            if (!isUtf8(text))
                throw EngineException(ErrorCode::Format,
                                      fmt::format("{} is not UTF-8 text; save the file as UTF-8", where));
            const size_t start = text.find_first_not_of(" \t");
            if (start == std::string::npos) continue;
            if (text[start] == '#' && text.find('\t') == std::string::npos) continue;
            if (!json) json = text[start] == '{';
            Line line = *json ? readJsonLine(text, where) : readTabLine(text, where);
            prompts.push_back({std::move(line.prompt), expertIndex(line.expert, expertNames, where), line.group});
        }
        if (prompts.empty())
            throw EngineException(ErrorCode::Format,
                                  fmt::format("the file of prompts '{}' holds no example; write lines such as \"a cat "
                                              "<tab> animals\"",
                                              name));
        return prompts;
    });
}

Result<std::vector<HostTensor>> readPictures(const std::string& path, int64_t side) {
    return guarded([&] {
        const auto set = openPictureSet(path).orThrow();
        if (set->size() > kMostPictures)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("'{}' holds {} pictures and at most {} are read; give fewer", path,
                                              set->size(), kMostPictures));
        std::vector<HostTensor> pictures;
        for (int64_t i = 0; i < set->size(); ++i) {
            const auto picture = set->picture(i);
            if (!picture.ok())
                throw EngineException(picture.error().code,
                                      fmt::format("'{}': {}", set->item(i).key, picture.error().message));
            pictures.emplace_back(Shape{3, side, side}, preparePicture(*picture, {.side = side}, false));
        }
        return pictures;
    });
}

}  // namespace moescope
