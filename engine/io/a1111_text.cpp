// SPDX-License-Identifier: Apache-2.0
// The `parameters` text of a picture, in the form that A1111's web UI made common.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "engine/io/generation_parameters.h"
#include "engine/io/utf8.h"

namespace moescope {
namespace {

using Json = nlohmann::json;
using Entry = std::pair<std::string, std::string>;

constexpr std::string_view kNegative = "Negative prompt:";
constexpr size_t kFewestEntries = 3;  // a last line with fewer is taken as part of the prompt

std::string quoted(const std::string& value) {
    const bool plain = !value.empty() && value.find_first_of(",:\n\"") == std::string::npos && value.front() != ' ' &&
                       value.back() != ' ';
    return plain ? value : Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string withFirstLetter(std::string text, int (*convert)(int)) {
    if (!text.empty()) text[0] = static_cast<char>(convert(static_cast<unsigned char>(text[0])));
    return text;
}

/// The names of the web UI: CPU, and NV for Philox.
std::string rngName(const std::string& rng) {
    return rng == "torch-cpu" ? "CPU" : rng == "torch-cuda" ? "NV" : rng;
}
std::string rngFromName(const std::string& name) {
    return name == "CPU" ? "torch-cpu" : name == "NV" || name == "GPU" ? "torch-cuda" : name;
}

std::vector<Entry> entriesOf(const GenerationParameters& p) {
    std::vector<Entry> entries;
    const auto add = [&](const char* key, std::string value) {
        if (!value.empty()) entries.emplace_back(key, std::move(value));
    };
    add("Steps", fmt::format("{}", p.steps));
    add("Sampler", withFirstLetter(p.sampler, std::toupper));
    add("CFG scale", fmt::format("{}", p.cfgScale));
    add("Seed", fmt::format("{}", p.imageSeed()));
    add("Size", fmt::format("{}x{}", p.width, p.height));
    add("Model hash", p.modelHash);
    add("Model", fileNameOnly(p.modelName));
    add("Model family", p.family);
    add("Weights", p.weightSet);
    if (p.classId) add("Class", fmt::format("{}", *p.classId));
    add("Class name", p.className);
    if (p.batch != 1) add("Batch size", fmt::format("{}", p.batch));
    if (p.batchIndex != 0) add("Batch pos", fmt::format("{}", p.batchIndex));
    if (p.cfgLow != 0 || p.cfgHigh != 1) add("CFG interval", fmt::format("{}, {}", p.cfgLow, p.cfgHigh));
    if (p.noiseScale != 1) add("Noise scale", fmt::format("{}", p.noiseScale));
    if (p.tEps != 0) add("T eps", fmt::format("{}", p.tEps));
    if (p.shift != 1) add("Shift", fmt::format("{}", p.shift));
    if (p.eta != 0) add("Eta", fmt::format("{}", p.eta));
    add("Respacing", p.respacing);
    add("Precision", p.dtype);
    add("Device", p.device);
    add("RNG", rngName(p.rng));
    if (p.noiseBatch != "per-image") add("Noise batch", p.noiseBatch);
    add("Noise file", fileNameOnly(p.noiseFile));
    add("Noise hash", p.noiseHash);
    add("Expert pool", p.pool);
    add("Session", fileNameOnly(p.sessionFile));
    add("Version", p.version);
    return entries;
}

std::string_view trimmed(std::string_view text) {
    const size_t start = text.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

bool isKey(std::string_view key) {
    return key.size() >= 2 && std::ranges::all_of(key, [](unsigned char c) {
               return std::isalnum(c) || c == '_' || c == ' ' || c == '-' || c == '/';
           });
}

/// The value at the front of `rest`, which may be quoted; what follows it up to the next comma is dropped.
std::string takeValue(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::string value;
    bool unquoted = false;
    if (rest.starts_with('"')) {
        size_t end = 1;
        while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
        if (end < rest.size()) {
            const Json text = Json::parse(rest.substr(0, end + 1), nullptr, false);
            if (text.is_string()) {
                value = text.get<std::string>();
                unquoted = true;
                rest.remove_prefix(end + 1);
            }
        }
    }
    const size_t comma = std::min(rest.find(','), rest.size());
    if (!unquoted) value = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    return value;
}

std::vector<Entry> parseEntries(std::string_view line) {
    std::vector<Entry> entries;
    while (!line.empty()) {
        const size_t colon = line.find(':'), comma = line.find(',');
        const std::string_view key = trimmed(line.substr(0, std::min(colon, line.size())));
        if (colon == std::string_view::npos || comma < colon || !isKey(key)) {
            line.remove_prefix(std::min(std::min(comma, line.size()) + 1, line.size()));
            continue;
        }
        line.remove_prefix(colon + 1);
        std::string value = takeValue(line);
        entries.emplace_back(std::string(key), std::move(value));
    }
    return entries;
}

template <class Number>
Number number(const std::string& key, std::string_view text) {
    Number value{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    bool good = read.ec == std::errc{} && read.ptr == text.data() + text.size();
    if constexpr (std::is_floating_point_v<Number>) good = good && std::isfinite(value);
    if (!good)
        throw EngineException(
            ErrorCode::Format,
            fmt::format("the entry \"{}\" of the picture's parameters is \"{}\" where a number is expected; "
                        "the text was damaged or edited",
                        key, text.substr(0, 60)));
    return value;
}

/// Two numbers around `separator`: "512x512", "0.1, 1".
template <class Number>
void pairOf(const std::string& key, std::string_view text, char separator, Number& first, Number& second) {
    const size_t middle = std::min(text.find(separator), text.size());
    first = number<Number>(key, trimmed(text.substr(0, middle)));
    second = number<Number>(key, trimmed(text.substr(std::min(middle + 1, text.size()))));
}

void apply(const Entry& entry, GenerationParameters& p) {
    const auto& [key, value] = entry;
    if (key == "Steps")
        p.steps = number<int>(key, value);
    else if (key == "Sampler")
        p.sampler = withFirstLetter(value, std::tolower);
    else if (key == "CFG scale")
        p.cfgScale = number<double>(key, value);
    else if (key == "Seed")
        p.seed = number<uint64_t>(key, value);
    else if (key == "Size")
        pairOf(key, value, 'x', p.width, p.height);
    else if (key == "Model hash")
        p.modelHash = value;
    else if (key == "Model")
        p.modelName = fileNameOnly(value);
    else if (key == "Model family")
        p.family = value;
    else if (key == "Weights")
        p.weightSet = value;
    else if (key == "Class")
        p.classId = number<int64_t>(key, value);
    else if (key == "Class name")
        p.className = value;
    else if (key == "Batch size")
        p.batch = number<int64_t>(key, value);
    else if (key == "Batch pos")
        p.batchIndex = number<int64_t>(key, value);
    else if (key == "CFG interval")
        pairOf(key, value, ',', p.cfgLow, p.cfgHigh);
    else if (key == "Noise scale")
        p.noiseScale = number<double>(key, value);
    else if (key == "T eps")
        p.tEps = number<double>(key, value);
    else if (key == "Shift")
        p.shift = number<double>(key, value);
    else if (key == "Eta")
        p.eta = number<double>(key, value);
    else if (key == "Respacing")
        p.respacing = value;
    else if (key == "Precision")
        p.dtype = value;
    else if (key == "Device")
        p.device = value;
    else if (key == "RNG")
        p.rng = rngFromName(value);
    else if (key == "Noise batch")
        p.noiseBatch = value;
    else if (key == "Noise file")
        p.noiseFile = fileNameOnly(value);
    else if (key == "Noise hash")
        p.noiseHash = value;
    else if (key == "Expert pool")
        p.pool = value;
    else if (key == "Session")
        p.sessionFile = fileNameOnly(value);
    else if (key == "Version")
        p.version = value;
}

}  // namespace

std::string toA1111Text(const GenerationParameters& parameters) {
    std::string text = parameters.prompt + "\n";
    if (!parameters.negativePrompt.empty()) text += fmt::format("{} {}\n", kNegative, parameters.negativePrompt);
    std::string line;
    for (const auto& [key, value] : entriesOf(parameters))
        line += fmt::format("{}{}: {}", line.empty() ? "" : ", ", key,
                            key == "CFG interval" ? fmt::format("\"{}\"", value) : quoted(value));
    return repairedUtf8(text + line);  // names of files need not be UTF-8, a PNG text is
}

Result<GenerationParameters> parseA1111Text(std::string_view text) {
    return guarded([&]() -> GenerationParameters {
        GenerationParameters p;
        while (text.ends_with('\n')) text.remove_suffix(1);
        const size_t lastBreak = text.rfind('\n');
        const size_t lastStart = lastBreak == std::string_view::npos ? 0 : lastBreak + 1;
        const std::vector<Entry> entries = parseEntries(text.substr(lastStart));
        std::string_view prompts = text;
        if (entries.size() >= kFewestEntries) {
            for (const Entry& entry : entries) apply(entry, p);
            if (p.noiseBatch != "joint") p.seed -= static_cast<uint64_t>(p.batchIndex);
            prompts = text.substr(0, lastBreak == std::string_view::npos ? 0 : lastBreak);
        }
        const bool onlyNegative = prompts.starts_with(kNegative);
        size_t negative = onlyNegative ? 0 : prompts.find(fmt::format("\n{}", kNegative));
        p.prompt = prompts.substr(0, negative);
        if (negative == std::string_view::npos) return p;
        negative += kNegative.size() + (onlyNegative ? 0 : 1);
        std::string_view rest = prompts.substr(negative);
        if (rest.starts_with(' ')) rest.remove_prefix(1);
        p.negativePrompt = rest;
        return p;
    });
}

}  // namespace moescope
