// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/labelled_examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>

#include "engine/ensemble/json_fields.h"
#include "engine/io/png_file.h"
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

/// Share of each source row (or column) in target cell `cell`: the source interval that the cell covers.
struct Overlap {
    int first = 0;
    std::vector<double> shares;
};

std::vector<Overlap> overlaps(int offset, int length, int64_t cells) {
    std::vector<Overlap> all(static_cast<size_t>(cells));
    for (size_t cell = 0; cell < all.size(); ++cell) {
        const double step = static_cast<double>(length) / static_cast<double>(cells);
        const double low = static_cast<double>(cell) * step, high = std::min<double>(low + step, length);
        const int first = std::min(static_cast<int>(low), length - 1);
        all[cell].first = offset + first;
        for (int i = first; i < length && i < high; ++i)
            all[cell].shares.push_back((std::min<double>(i + 1, high) - std::max<double>(i, low)) / (high - low));
    }
    return all;
}

HostTensor squarePicture(const Picture& picture, int64_t side) {
    const int length = std::min(picture.width, picture.height);
    const std::vector<Overlap> columns = overlaps((picture.width - length) / 2, length, side);
    const std::vector<Overlap> rows = overlaps((picture.height - length) / 2, length, side);
    HostTensor scaled(Shape{3, side, side});
    size_t at = 0;
    for (size_t channel = 0; channel < 3; ++channel)
        for (const Overlap& row : rows)
            for (const Overlap& column : columns) {
                double value = 0;
                for (size_t y = 0; y < row.shares.size(); ++y)
                    for (size_t x = 0; x < column.shares.size(); ++x) {
                        const size_t pixel = (static_cast<size_t>(row.first) + y) * static_cast<size_t>(picture.width) +
                                             static_cast<size_t>(column.first) + x;
                        value += row.shares[y] * column.shares[x] * picture.rgb[3 * pixel + channel];
                    }
                scaled.data[at++] = static_cast<float>(value / 127.5 - 1);
            }
    return scaled;
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

Result<std::vector<HostTensor>> readPictureFolder(const fs::path& folder, int64_t side) {
    return guarded([&] {
        std::error_code code;
        std::vector<fs::path> files;
        for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
            std::string ending = entry->path().extension().string();
            std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
            if (ending == ".png") files.push_back(entry->path());
        }
        if (code)
            throw EngineException(ErrorCode::NotFound,
                                  fmt::format("the folder of pictures '{}' can not be read ({}); check "
                                              "the path",
                                              folder.string(), code.message()));
        if (files.empty() || files.size() > kMostPictures)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("the folder '{}' holds {} PNG pictures where 1 to {} are expected; give "
                                              "another folder",
                                              folder.string(), files.size(), kMostPictures));
        std::ranges::sort(files);
        std::vector<HostTensor> pictures;
        for (const fs::path& file : files) pictures.push_back(squarePicture(readPng(file).orThrow().picture, side));
        return pictures;
    });
}

}  // namespace moescope
