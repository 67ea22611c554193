// SPDX-License-Identifier: Apache-2.0
#include "engine/model/setting_bag.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace moescope {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr uintmax_t kMaxConfigBytes = 4u << 20;

void flatten(const json& value, int depth, std::map<std::string, json, std::less<>>& leaves) {
    if (!value.is_object() || depth > kMaxDepth) return;
    for (const auto& [key, item] : value.items())
        if (!item.is_object() && !item.is_array() && !item.is_null()) leaves.emplace(key, item);
    for (const auto& [key, item] : value.items())
        if (item.is_object()) flatten(item, depth + 1, leaves);
}

std::optional<double> parseNumber(std::string_view text) {
    double number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

json scalarFromYaml(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return text;  // quoted
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    if (text == "null" || text == "~" || text.empty()) return nullptr;
    if (const auto number = parseNumber(text)) {
        if (std::nearbyint(*number) == *number && std::abs(*number) < 9e15 && text.find_first_of(".eE") == std::string::npos)
            return static_cast<int64_t>(*number);
        return *number;
    }
    return text;
}

json fromYaml(const YAML::Node& node, int depth, int& budget) {
    if (depth > kMaxDepth || --budget < 0) return nullptr;
    if (node.IsScalar()) return scalarFromYaml(node);
    if (node.IsSequence()) {
        json list = json::array();
        for (const auto& item : node) list.push_back(fromYaml(item, depth + 1, budget));
        return list;
    }
    if (node.IsMap()) {
        json object = json::object();
        for (const auto& item : node)
            if (item.first.IsScalar()) object[item.first.Scalar()] = fromYaml(item.second, depth + 1, budget);
        return object;
    }
    return nullptr;
}

/// Newest by name of the files in `folder` that match prefix and suffix.
std::filesystem::path newestFile(const std::filesystem::path& folder, std::string_view prefix, std::string_view suffix) {
    std::filesystem::path best;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(prefix) && name.ends_with(suffix) && (best.empty() || name > best.filename().string()))
            best = entry.path();
    }
    return best;
}

}  // namespace

void SettingBag::add(const json& object, std::string source) {
    Source entry;
    entry.name = std::move(source);
    flatten(object, 0, entry.leaves);
    entry.object = object;
    if (!entry.leaves.empty()) m_sources.push_back(std::move(entry));
}

const json* SettingBag::look(std::initializer_list<std::string_view> names, std::string& source) {
    for (const Source& candidate : m_sources)
        for (std::string_view name : names)
            if (const auto found = candidate.leaves.find(name); found != candidate.leaves.end()) {
                source = candidate.name;
                return &found->second;
            }
    return nullptr;
}

void SettingBag::remember(std::string setting, std::string value, std::string source) {
    const auto same = [&](const SettingSource& s) { return s.setting == setting; };
    if (std::none_of(m_used.begin(), m_used.end(), same)) m_used.push_back({setting, std::move(value), std::move(source)});
}

std::optional<double> SettingBag::number(std::initializer_list<std::string_view> names) {
    std::string source;
    const json* value = look(names, source);
    if (!value) return std::nullopt;
    std::optional<double> number;
    if (value->is_number()) number = value->get<double>();
    if (value->is_string()) number = parseNumber(value->get<std::string>());
    if (number) remember(std::string(*names.begin()), fmt::format("{}", *number), source);
    return number;
}

std::optional<int64_t> SettingBag::integer(std::initializer_list<std::string_view> names) {
    const auto value = number(names);
    if (!value || std::nearbyint(*value) != *value || std::abs(*value) > 1e12) return std::nullopt;
    return static_cast<int64_t>(*value);
}

std::optional<std::string> SettingBag::text(std::initializer_list<std::string_view> names) {
    std::string source;
    const json* value = look(names, source);
    if (!value || !value->is_string()) return std::nullopt;
    remember(std::string(*names.begin()), value->get<std::string>(), source);
    return value->get<std::string>();
}

std::optional<bool> SettingBag::flag(std::initializer_list<std::string_view> names) {
    std::string source;
    const json* value = look(names, source);
    if (!value) return std::nullopt;
    if (value->is_boolean()) return value->get<bool>();
    if (value->is_number()) return value->get<double>() != 0;
    return std::nullopt;
}

const json* SettingBag::whole(std::string_view name) const {
    for (const Source& candidate : m_sources)
        if (const auto found = candidate.object.find(name); found != candidate.object.end()) return &*found;
    return nullptr;
}

Result<json> readConfigFile(const std::filesystem::path& path) {
    std::error_code code;
    const uintmax_t size = std::filesystem::file_size(path, code);
    if (code) return EngineError{ErrorCode::NotFound, fmt::format("no readable file '{}': {}", path.string(), code.message())};
    if (size > kMaxConfigBytes)
        return EngineError{ErrorCode::Format, fmt::format("'{}' has {} bytes; a model configuration has at most {}", path.string(),
                                                          size, kMaxConfigBytes)};
    std::ifstream stream(path, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    try {
        int budget = 100000;
        json value = fromYaml(YAML::Load(content.str()), 0, budget);  // JSON is read as YAML, too
        if (!value.is_object())
            return EngineError{ErrorCode::Format, fmt::format("'{}' should hold named settings (YAML or JSON)", path.string())};
        return value;
    } catch (const std::exception& e) {
        return EngineError{ErrorCode::Format, fmt::format("'{}' is not readable as YAML or JSON: {}", path.string(), e.what())};
    }
}

void addCheckpointSettings(SettingBag& bag, const TensorSource& source, std::vector<std::string>& notes) {
    const json& metadata = source.metadata();
    if (const auto stored = metadata.find("moescope.config"); stored != metadata.end() && stored->is_string()) {
        const json parsed = json::parse(stored->get<std::string>(), nullptr, false);
        if (parsed.is_object()) bag.add(parsed, "the file's metadata");
    }
    const auto addFile = [&](const std::filesystem::path& file) {
        const auto content = readConfigFile(file);
        if (content.ok())
            bag.add(*content, file.filename().string());
        else
            notes.push_back(content.error().message);
    };
    const std::filesystem::path folder = source.files().front().parent_path();
    for (const std::filesystem::path& place : {folder, folder.parent_path()}) {
        if (place.empty()) continue;
        if (const auto yaml = newestFile(place, "config", ".yaml"); !yaml.empty()) {
            addFile(yaml);
            break;
        }
        if (place == folder && std::filesystem::exists(folder / "config.json")) addFile(folder / "config.json");
    }
    if (const auto args = metadata.find("args"); args != metadata.end() && args->is_object()) {
        if (const auto arch = args->find("arch"); arch != args->end()) bag.add(*arch, "the pickled args.arch");
        bag.add(*args, "the pickled args");
    }
}

}  // namespace moescope
