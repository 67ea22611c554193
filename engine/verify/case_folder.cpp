// SPDX-License-Identifier: Apache-2.0
#include "engine/verify/case_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "engine/io/tensor_source.h"
#include "engine/model/family.h"

namespace moescope::verify {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uintmax_t kMaxCaseBytes = 64u << 20;
constexpr std::string_view kDiffusersFile = "diffusion_pytorch_model.safetensors";

Result<json> readCaseJson(const fs::path& file) {
    std::error_code code;
    const uintmax_t size = fs::file_size(file, code);
    if (code)
        return EngineError{
            ErrorCode::NotFound,
            fmt::format("no case.json in '{}' ({}); give a folder of reference tensors with a case.json that "
                        "says how they were made",
                        file.parent_path().string(), code.message())};
    if (size > kMaxCaseBytes)
        return EngineError{ErrorCode::Format, fmt::format("'{}' has {} bytes; a case.json has at most {}",
                                                          file.string(), size, kMaxCaseBytes)};
    std::ifstream stream(file, std::ios::binary);
    json parsed = json::parse(stream, nullptr, false);
    if (parsed.is_discarded() || !parsed.is_object())
        return EngineError{ErrorCode::Format,
                           fmt::format("'{}' should be a JSON object; it is damaged or something else, "
                                       "copy it again",
                                       file.string())};
    return parsed;
}

std::string textOf(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

EngineError wrongField(const char* key, const char* expected, const json& found) {
    constexpr size_t kShown = 60;
    return {ErrorCode::Format,
            fmt::format("case.json should give `{}` as {}, found {}", key, expected,
                        found.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, kShown))};
}

/// The weight set that `object` names; empty where it names none.
std::string namedWeights(const json& object) {
    for (const char* key : {"weights", "weights_used"}) {
        const auto found = object.find(key);
        if (found == object.end() || found->is_null()) continue;
        if (!found->is_string()) throw EngineException(wrongField(key, "the name of a weight set", *found));
        return found->get<std::string>();
    }
    return {};
}

std::string knownFamilies() {
    std::string text;
    for (const FamilyDefinition* family : modelFamilies()) text += std::string(family->name) + ", ";
    return text + "AutoencoderKL";
}

}  // namespace

std::string GoldenFile::stem() const {
    return fs::path(name).replace_extension().generic_string();
}

bool GoldenFile::roundsQueries() const {
    return stem().ends_with("-qk16");
}

const NamedTensor* GoldenFile::find(std::string_view key) const {
    const auto found = tensors.tensors.find(key);
    return found == tensors.tensors.end() ? nullptr : &found->second;
}

HostTensor GoldenFile::input(std::string_view key) const {
    const NamedTensor* tensor = find(key);
    if (!tensor) throw EngineException(ErrorCode::Format, fmt::format("'{}' lacks the input '{}'", name, key));
    if (!isFloating(tensor->dtype))
        throw EngineException(ErrorCode::Format,
                              fmt::format("the input '{}' of '{}' should hold floating-point values, found {}", key,
                                          name, dtypeName(tensor->dtype)));
    return tensors.asFloat(key).orThrow();
}

HostTensor GoldenFile::numbers(std::string_view key) const {
    const NamedTensor* tensor = find(key);
    if (!tensor || isFloating(tensor->dtype)) return input(key);
    HostTensor values(tensor->shape);
    const std::vector<int64_t> whole = tensors.asInt64(key).orThrow();
    std::transform(whole.begin(), whole.end(), values.data.begin(), [](int64_t v) { return static_cast<float>(v); });
    return values;
}

std::vector<int64_t> GoldenFile::integerInput(std::string_view key) const {
    const NamedTensor* tensor = find(key);
    if (!tensor) throw EngineException(ErrorCode::Format, fmt::format("'{}' lacks the input '{}'", name, key));
    if (isFloating(tensor->dtype) || tensor->shape.size() != 1)
        throw EngineException(ErrorCode::Format,
                              fmt::format("the input '{}' of '{}' should be a list of whole numbers, found {} {}", key,
                                          name, dtypeName(tensor->dtype), shapeText(tensor->shape)));
    return tensors.asInt64(key).orThrow();
}

void readTensors(GoldenFile& file) {
    std::error_code code;
    if (!fs::exists(file.path, code))
        throw EngineException(ErrorCode::NotFound,
                              fmt::format("case.json lists '{}', and there is no such file in the folder", file.name));
    file.tensors = readAllTensors(file.path).orThrow();
}

Result<CaseFolder> CaseFolder::open(const fs::path& folder) {
    std::error_code code;
    if (!fs::is_directory(folder, code))
        return EngineError{ErrorCode::NotFound,
                           fmt::format("no folder '{}'; give a folder with a case.json", folder.string())};
    auto parsed = readCaseJson(folder / "case.json");
    if (!parsed.ok()) return parsed.error();
    if (const auto config = parsed->find("config"); config != parsed->end() && !config->is_object())
        return wrongField("config", "an object", *config);
    CaseFolder made;
    made.m_path = folder;
    made.m_json = std::move(*parsed);
    return made;
}

std::string CaseFolder::name() const {
    if (const std::string name = textOf(m_json, "case"); !name.empty()) return name;
    const fs::path folder = fs::absolute(m_path).lexically_normal();
    return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

std::string CaseFolder::family() const {
    if (const std::string family = textOf(m_json, "family"); !family.empty()) return family;
    if (const std::string kind = textOf(m_json, "kind"); !kind.empty()) return kind;
    const auto config = m_json.find("config");
    return config == m_json.end() || !config->is_object() ? std::string() : textOf(*config, "_class_name");
}

Status CaseFolder::runnable() const {
    const std::string family = this->family();
    const auto refuse = [&](const std::string& what) {
        return Status(
            ErrorCode::Unsupported,
            fmt::format("'{}' is a case of {}, which this version does not run; verify runs forward passes, "
                        "samplers, training steps and autoencoders of {}",
                        name(), what, knownFamilies()));
    };
    if (family.empty() || m_json.contains("mixture") || family == "AutoencoderKL" || family.starts_with("unet2d")) return {};
    const auto families = modelFamilies();
    if (std::none_of(families.begin(), families.end(), [&](const auto* known) { return known->name == family; }))
        return refuse("the family " + family);
    return {};
}

std::vector<GoldenFile> CaseFolder::goldenFiles() const {
    std::vector<GoldenFile> files;
    std::set<std::string> known;
    const std::string weights = namedWeights(m_json);
    const auto add = [&](const std::string& name, const json& entry, bool listed) {
        if (!known.insert(fs::path(name).lexically_normal().generic_string()).second) return;
        GoldenFile file;
        file.path = m_path / name;
        file.name = name;
        file.entry = entry.is_object() ? entry : json::object();
        const std::string own = namedWeights(file.entry);
        file.weights = own.empty() ? weights : own;
        if (file.roundsQueries()) file.settings["half_query_key"] = true;
        file.listed = listed;
        files.push_back(std::move(file));
    };
    if (const auto goldens = m_json.find("goldens"); goldens != m_json.end() && goldens->is_object())
        for (const auto& [name, entry] : goldens->items()) add(name, entry, true);
    if (const auto runs = m_json.find("runs"); runs != m_json.end() && runs->is_array())
        for (const json& run : *runs)
            if (run.is_object() && !textOf(run, "file").empty()) add(textOf(run, "file"), run, true);
    // The layout of most families: samplers by the stem of their file, and forward passes that need no more words.
    const auto sampling = m_json.find("sampling");
    const bool byStem = sampling != m_json.end() && sampling->is_object();
    if (byStem)
        for (const auto& [stem, entry] : sampling->items()) add(stem + ".safetensors", entry, true);
    known.insert(checkpoint().lexically_relative(m_path).lexically_normal().generic_string());
    std::vector<std::string> others;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(m_path, code))
        if (entry.path().extension() == ".safetensors") others.push_back(entry.path().filename().string());
    std::sort(others.begin(), others.end());
    for (const std::string& name : others)
        add(name, json::object(), byStem && fs::path(name).stem().string().find("forward") != std::string::npos);
    return files;
}

fs::path CaseFolder::checkpoint() const {
    const std::string named = textOf(m_json, "checkpoint");
    return named.empty() ? m_path / kDiffusersFile : m_path / named;
}

json CaseFolder::checkpointSettings() const {
    const auto configOf = [](const json& object) {
        const auto config = object.find("config");
        return config != object.end() && config->is_object() ? *config : json::object();
    };
    if (m_json.contains("config")) return configOf(m_json);
    const fs::path folder = fs::absolute(checkpoint()).lexically_normal().parent_path();
    for (const fs::path& place : {folder, folder.parent_path()})
        if (const auto beside = readCaseJson(place / "case.json"); beside.ok() && beside.value().contains("config"))
            return configOf(*beside);
    return json::object();
}

}  // namespace moescope::verify
