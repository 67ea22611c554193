// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/ensemble_file.h"

#include <array>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "engine/ensemble/json_fields.h"
#include "engine/io/atomic_file.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr uintmax_t kLargestFile = 16u << 20;
constexpr size_t kMostExperts = 4096;

Json objectIn(JsonFields& fields, const char* name, Json otherwise) {
    const Json* found = fields.find(name);
    if (!found) return otherwise;
    if (!found->is_object()) fields.wrong(name, "an object in braces", *found);
    return *found;
}

EnsembleExpert parseExpert(const Json& json, size_t index) {
    JsonFields fields(json, fmt::format("expert {}", index + 1));
    EnsembleExpert expert;
    expert.name = fields.text("name");
    if (expert.name.find_first_of(",=\n") != std::string::npos) fields.wrong("name", "a text without comma, = or line break", expert.name);
    expert.file = fields.text("file");
    expert.weightSet = fields.text("weights", "");
    expert.settings = objectIn(fields, "settings", Json::object());
    expert.schedule = objectIn(fields, "schedule", Json());
    expert.weight = static_cast<float>(fields.number("weight", -1e6, 1e6, 1));
    if (!(expert.weight > 0))
        throw EngineException(ErrorCode::Format,
                              fmt::format("the expert '{}' has the weight {} where a number above 0 is expected; to keep it from running, mute it "
                                          "for a run or remove it from the file", expert.name, expert.weight));
    expert.bias = static_cast<float>(fields.number("bias", -1e30, 1e30, 0));
    fields.refuseOthers();
    return expert;
}

EnsembleFile parse(const Json& json) {
    JsonFields fields(json, "the ensemble");
    const Json& schema = fields.need("schema");
    if (schema != ensembleSchema) fields.wrong("schema", fmt::format("\"{}\"", ensembleSchema), schema);
    EnsembleFile file;
    file.name = fields.text("name", "");
    file.description = fields.text("description", "");
    const Json& experts = fields.need("experts");
    if (!experts.is_array() || experts.empty() || experts.size() > kMostExperts)
        fields.wrong("experts", fmt::format("a list of 1 to {} experts", kMostExperts), experts);
    std::set<std::string> names;
    for (size_t i = 0; i < experts.size(); ++i) {
        file.experts.push_back(parseExpert(experts[i], i));
        if (!names.insert(file.experts.back().name).second)
            throw EngineException(ErrorCode::Format,
                                  fmt::format("two experts are named '{}'; give each a name of its own", file.experts.back().name));
    }
    file.router = fields.need("router");
    if (!file.router.is_object()) fields.wrong("router", "an object in braces that says who chooses", file.router);
    file.topK = fields.integer("top_k", 1, INT64_MAX, 1);
    const auto count = static_cast<int64_t>(file.experts.size());
    if (file.topK > count)
        throw EngineException(ErrorCode::Format,
                              fmt::format("top_k is {} and the ensemble has {} expert{}; choose 1 to {}", file.topK, count, count == 1 ? "" : "s", count));
    constexpr std::array<std::string_view, 1> blends{"velocity"};
    static_cast<void>(fields.oneOf("blend", blends, "velocity"));
    file.eachBranch = fields.flag("each_branch", false);
    fields.refuseOthers();
    return file;
}

}  // namespace

bool isEnsembleFile(const fs::path& path) {
    const std::string name = path.filename().string();
    if (name.ends_with(ensembleEnding)) return true;
    std::error_code code;
    if (!name.ends_with(".json") || name.ends_with(".index.json") || !fs::is_regular_file(path, code) || fs::file_size(path, code) > kLargestFile)
        return false;
    std::ifstream stream(path, std::ios::binary);
    const Json json = parseShallowJson(stream);
    return json.is_object() && json.contains("schema") && json["schema"].is_string() &&
           json["schema"].get_ref<const std::string&>().starts_with("moescope.ensemble/");
}

Result<EnsembleFile> parseEnsemble(const Json& json, const std::string& source) {
    auto parsed = guarded([&] { return parse(json); });
    if (!parsed.ok()) return EngineError{parsed.error().code, fmt::format("'{}': {}", source, parsed.error().message)};
    return parsed;
}

Result<EnsembleFile> readEnsembleFile(const fs::path& path) {
    std::error_code code;
    const uintmax_t size = fs::file_size(path, code);
    if (code)
        return EngineError{ErrorCode::NotFound, fmt::format("the ensemble file '{}' can not be read ({}); check the spelling", path.string(),
                                                            code.message())};
    if (size > kLargestFile)
        return EngineError{ErrorCode::Format, fmt::format("'{}' has {} bytes; an ensemble file has at most {}", path.filename().string(), size,
                                                          kLargestFile)};
    std::ifstream stream(path, std::ios::binary);
    const Json json = parseShallowJson(stream);
    if (json.is_discarded())
        return EngineError{ErrorCode::Format, fmt::format("'{}' should be JSON and is not; it is damaged or something else", path.filename().string())};
    return parseEnsemble(json, path.filename().string());
}

nlohmann::ordered_json toJson(const EnsembleFile& file) {
    nlohmann::ordered_json json = {{"schema", ensembleSchema}};
    if (!file.name.empty()) json["name"] = file.name;
    if (!file.description.empty()) json["description"] = file.description;
    json["experts"] = nlohmann::ordered_json::array();
    for (const EnsembleExpert& expert : file.experts) {
        nlohmann::ordered_json entry = {{"name", expert.name}, {"file", expert.file.generic_string()}};
        if (!expert.weightSet.empty()) entry["weights"] = expert.weightSet;
        if (!expert.settings.empty()) entry["settings"] = nlohmann::ordered_json(expert.settings);
        if (!expert.schedule.is_null()) entry["schedule"] = nlohmann::ordered_json(expert.schedule);
        if (expert.weight != 1) entry["weight"] = expert.weight;
        if (expert.bias != 0) entry["bias"] = expert.bias;
        json["experts"].push_back(std::move(entry));
    }
    json["router"] = nlohmann::ordered_json(file.router);
    json["top_k"] = file.topK;
    if (file.eachBranch) json["each_branch"] = true;
    return json;
}

Status writeEnsembleFile(const EnsembleFile& file, const fs::path& path) {
    const nlohmann::ordered_json json = toJson(file);
    if (const auto valid = parseEnsemble(Json(json), path.filename().string()); !valid.ok()) return valid.error();
    auto target = AtomicFile::create(path);
    if (!target.ok()) return target.error();
    if (const Status written = target->write(json.dump(2) + "\n"); !written.ok()) return written;
    return target->commit();
}

}  // namespace moescope
