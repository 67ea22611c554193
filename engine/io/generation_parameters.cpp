// SPDX-License-Identifier: Apache-2.0
#include "engine/io/generation_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>

namespace moescope {
namespace {

using Json = nlohmann::json;

/// Field name and place of every plain value, in one list for reading and writing.
template <class Parameters, class Visit>
void visitFields(Parameters& p, Visit visit) {
    visit("prompt", p.prompt);
    visit("negative_prompt", p.negativePrompt);
    visit("class_id", p.classId);
    visit("class_name", p.className);
    visit("seed", p.seed);
    visit("batch_index", p.batchIndex);
    visit("batch", p.batch);
    visit("steps", p.steps);
    visit("sampler", p.sampler);
    visit("cfg_scale", p.cfgScale);
    visit("cfg_low", p.cfgLow);
    visit("cfg_high", p.cfgHigh);
    visit("noise_scale", p.noiseScale);
    visit("t_eps", p.tEps);
    visit("shift", p.shift);
    visit("eta", p.eta);
    visit("respacing", p.respacing);
    visit("rng", p.rng);
    visit("noise_batch", p.noiseBatch);
    visit("noise_file", p.noiseFile);
    visit("noise_hash", p.noiseHash);
    visit("dtype", p.dtype);
    visit("device", p.device);
    visit("width", p.width);
    visit("height", p.height);
    visit("model_name", p.modelName);
    visit("model_hash", p.modelHash);
    visit("family", p.family);
    visit("weight_set", p.weightSet);
    visit("pool", p.pool);
    visit("version", p.version);
    visit("nfe", p.nfe);
    visit("session_file", p.sessionFile);
}

void removeFolders(GenerationParameters& p) {
    for (std::string* name : {&p.modelName, &p.noiseFile, &p.sessionFile}) *name = fileNameOnly(*name);
}

[[noreturn]] void wrongType(const char* field, const char* expected, const Json& found) {
    throw EngineException(
        ErrorCode::Format,
        fmt::format("the field \"{}\" of the picture's settings is {} where {} is expected; the settings "
                    "were damaged or edited",
                    field, found.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60), expected));
}

void readField(const char* field, const Json& json, std::string& value) {
    if (!json.is_string()) wrongType(field, "a text", json);
    value = json.get<std::string>();
}

/// Whole numbers that fit, also as text: programs that hold numbers as doubles lose seeds above 2^53.
template <std::integral Integer>
void readField(const char* field, const Json& json, Integer& value) {
    Json number = json;
    if constexpr (std::is_unsigned_v<Integer>) {
        if (json.is_string()) number = Json::parse(json.get<std::string>(), nullptr, false);
    }
    const bool fits = number.is_number_unsigned()  ? std::in_range<Integer>(number.get<uint64_t>())
                      : number.is_number_integer() ? std::in_range<Integer>(number.get<int64_t>())
                                                   : false;
    if (!fits) wrongType(field, "a whole number in range", json);
    value = number.get<Integer>();
}

void readField(const char* field, const Json& json, double& value) {
    if (!json.is_number() || !std::isfinite(json.get<double>())) wrongType(field, "a number", json);
    value = json.get<double>();
}

void readField(const char* field, const Json& json, std::optional<int64_t>& value) {
    if (json.is_null()) return value.reset();
    readField(field, json, value.emplace());
}

void readField(const char* field, const Json& json, std::vector<double>& values) {
    if (!json.is_array() || json.size() > 1'000'000) wrongType(field, "a list of numbers", json);
    values.resize(json.size());
    for (size_t i = 0; i < values.size(); ++i) readField(field, json[i], values[i]);
}

/// Optional things that are not there leave no trace.
template <class Value>
Json written(const Value& value) {
    return value;
}
Json written(const std::optional<int64_t>& value) {
    return value ? Json(*value) : Json();
}
Json written(const uint64_t& value) {
    return value < uint64_t{1} << 53 ? Json(value) : Json(std::to_string(value));
}

bool leaveOut(const Json& value) {
    return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) ||
           (value.is_array() && value.empty());
}

}  // namespace

std::string fileNameOnly(std::string_view path) {
    constexpr std::string_view separators = "/\\";
    const size_t last = path.find_last_not_of(separators);
    if (last == std::string_view::npos) return {};
    path = path.substr(0, last + 1);
    const size_t separator = path.find_last_of(separators);
    std::string name(separator == std::string_view::npos ? path : path.substr(separator + 1));
    return name == ".." || name == "." ? std::string() : name;
}

nlohmann::json toJson(const GenerationParameters& parameters) {
    GenerationParameters p = parameters;
    removeFolders(p);
    Json json = p.other.is_object() ? p.other : Json::object();
    json["schema"] = generationSchema;
    visitFields(p, [&](const char* field, const auto& value) {
        json.erase(field);
        Json stored = written(value);
        if (!leaveOut(stored)) json[field] = std::move(stored);
    });
    return json;
}

std::string toJsonText(const GenerationParameters& parameters) {
    return toJson(parameters).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<GenerationParameters> fromJson(const nlohmann::json& json) {
    return guarded([&]() -> GenerationParameters {
        if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string())
            throw EngineException(ErrorCode::Format,
                                  fmt::format("the picture's settings do not name their schema; expected \"{}\", the "
                                              "settings were damaged or are another program's",
                                              generationSchema));
        if (const auto& schema = json["schema"].get_ref<const std::string&>(); schema != generationSchema)
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format("the picture's settings have the schema \"{}\" and this version reads \"{}\"; "
                            "a newer version of the program may read them",
                            schema.substr(0, 60), generationSchema));
        GenerationParameters p;
        p.other = json;
        p.other.erase("schema");
        visitFields(p, [&](const char* field, auto& value) {
            if (const auto found = json.find(field); found != json.end()) readField(field, *found, value);
            p.other.erase(field);
        });
        removeFolders(p);
        return p;
    });
}

Result<GenerationParameters> fromJsonText(std::string_view text) {
    constexpr int maxDepth = 64;
    int depth = 0;
    const auto tooDeep = [&](int level, Json::parse_event_t, Json&) {
        depth = std::max(depth, level);
        return level <= maxDepth;
    };
    const Json json = Json::parse(text, tooDeep, false);
    if (json.is_discarded() || depth > maxDepth)
        return {ErrorCode::Format,
                "the picture's settings are not JSON that can be read; the file was damaged or edited"};
    return fromJson(json);
}

}  // namespace moescope
