// SPDX-License-Identifier: Apache-2.0
#include "engine/io/session_format.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace moescope::session {
namespace {

using Json = nlohmann::json;

constexpr int deepestManifest = 32;

[[noreturn]] void damaged(const std::string& file, const std::string& what) {
    throw EngineException(ErrorCode::Format, fmt::format("{}: the session's manifest is damaged: {}; save or copy the "
                                                         "session again",
                                                         file, what));
}

/// Reads typed fields and refuses what is missing, of another type or out of range. `where` names the place in
/// messages.
class Fields {
public:
    Fields(const Json& object, std::string where, const std::string& file)
        : m_object(object), m_where(std::move(where)), m_file(file) {
        if (!object.is_object()) damaged(m_file, m_where + " is not an object");
    }

    const Json& any(const char* key) const {
        const auto found = m_object.find(key);
        if (found == m_object.end()) damaged(m_file, fmt::format("{} has no {}", m_where, key));
        return *found;
    }
    int64_t integer(const char* key, int64_t low, int64_t high) const {
        return checkInteger(any(key), fmt::format("{} of {}", key, m_where), low, high);
    }
    double number(const char* key) const {
        const Json& value = any(key);
        if (!value.is_number()) damaged(m_file, fmt::format("{} of {} is not a number", key, m_where));
        return value.get<double>();
    }
    float real(const char* key) const {
        const double value = number(key);
        if (std::abs(value) > std::numeric_limits<float>::max())
            damaged(m_file, fmt::format("{} of {} is {}, beyond fp32", key, m_where, value));
        return static_cast<float>(value);
    }
    bool flag(const char* key) const {
        const Json& value = any(key);
        if (!value.is_boolean()) damaged(m_file, fmt::format("{} of {} is not true or false", key, m_where));
        return value.get<bool>();
    }
    std::string text(const char* key) const {
        const Json& value = any(key);
        if (!value.is_string()) damaged(m_file, fmt::format("{} of {} is not a text", key, m_where));
        return value.get<std::string>();
    }
    const Json& list(const char* key, size_t longest) const {
        const Json& value = any(key);
        if (!value.is_array() || value.size() > longest)
            damaged(m_file, fmt::format("{} of {} is not a list of at most {} entries", key, m_where, longest));
        return value;
    }
    std::vector<double> numbers(const char* key, size_t longest) const {
        std::vector<double> values;
        for (const Json& value : list(key, longest)) {
            if (!value.is_number()) damaged(m_file, fmt::format("a value of {} of {} is not a number", key, m_where));
            values.push_back(value.get<double>());
        }
        return values;
    }
    std::vector<int64_t> integers(const char* key, size_t longest, int64_t low, int64_t high) const {
        std::vector<int64_t> values;
        for (const Json& value : list(key, longest))
            values.push_back(checkInteger(value, fmt::format("{} of {}", key, m_where), low, high));
        return values;
    }
    /// The value among `all` whose name is stored; `name` maps a value to its name.
    template <class Value, size_t N>
    Value oneOf(const char* key, const std::array<Value, N>& all, std::string_view (*name)(Value)) const {
        const std::string stored = text(key);
        for (Value value : all)
            if (name(value) == stored) return value;
        damaged(m_file,
                fmt::format("{} of {} is \"{}\", which means nothing here", key, m_where, stored.substr(0, 32)));
    }

private:
    int64_t checkInteger(const Json& value, const std::string& what, int64_t low, int64_t high) const {
        const bool fits = value.is_number_integer() &&
                          !(value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
        if (!fits) damaged(m_file, what + " is not a whole number");
        const auto number = value.get<int64_t>();
        if (number < low || number > high)
            damaged(m_file, fmt::format("{} is {}, expected {} to {}", what, number, low, high));
        return number;
    }

    const Json& m_object;
    std::string m_where;
    const std::string& m_file;
};

constexpr std::array policies{RoutingPolicy::TokenChoice, RoutingPolicy::ExpertChoice, RoutingPolicy::BatchPool,
                              RoutingPolicy::Prototype, RoutingPolicy::NetworkMixture};
constexpr std::array kinds{TokenKind::Image, TokenKind::ClassLabel, TokenKind::Text, TokenKind::Padding, TokenKind::Picture};

MoeLayerDescriptor parseLayer(const Json& json, size_t index, size_t networks, const std::string& file) {
    const Fields fields(json, fmt::format("layer {}", index), file);
    MoeLayerDescriptor layer;
    layer.network = static_cast<int>(fields.integer("network", 0, static_cast<int64_t>(networks) - 1));
    layer.block = static_cast<int>(fields.integer("block", -1, INT32_MAX));
    layer.moeIndex = static_cast<int>(fields.integer("moe_index", 0, INT32_MAX));
    layer.policy = fields.oneOf("policy", policies, policyName);
    layer.experts = fields.integer("experts", 1, mostExperts);
    layer.topK = fields.integer("top_k", 0, layer.experts);
    layer.capacity = fields.integer("capacity", 0, mostTokens);
    layer.sharedExpert = fields.flag("shared_expert");
    if (json.contains("unconditional_expert"))
        layer.unconditionalExpert = fields.integer("unconditional_expert", -1, layer.experts - 1);
    if (json.contains("thresholds"))
        for (const double value : fields.numbers("thresholds", static_cast<size_t>(layer.experts)))
            layer.thresholds.push_back(static_cast<float>(value));
    int64_t tokens = 0;
    for (const Json& entry : fields.list("token_groups", 64)) {
        const Fields group(entry, fmt::format("a token group of layer {}", index), file);
        TokenGroup parsed;
        parsed.kind = group.oneOf("kind", kinds, tokenKindName);
        parsed.count = group.integer("count", 0, mostTokens);
        parsed.height = group.integer("height", 0, mostTokens);
        parsed.width = group.integer("width", 0, mostTokens);
        if (parsed.kind == TokenKind::Image && parsed.height * parsed.width != parsed.count)
            damaged(file, fmt::format("layer {} has {} image tokens on a grid of {} x {}", index, parsed.count,
                                      parsed.height, parsed.width));
        tokens += parsed.count;
        layer.tokenGroups.push_back(parsed);
    }
    if (tokens > mostTokens)
        damaged(file, fmt::format("layer {} has {} tokens, at most {} are read", index, tokens, mostTokens));
    return layer;
}

std::vector<std::string> parsePieces(const Json& json, const std::string& file) {
    if (!json.is_array() || json.size() > static_cast<size_t>(mostTokens)) damaged(file, "text_pieces are not lists of texts");
    std::vector<std::string> pieces;
    for (const Json& piece : json) {
        if (!piece.is_string()) damaged(file, "a piece in text_pieces is not a text");
        pieces.push_back(piece.get<std::string>());
    }
    return pieces;
}

TextPieces parseTextPieces(const Json& json, size_t images, const std::string& file) {
    const Fields fields(json, "text_pieces", file);
    TextPieces text;
    for (const Json& prompt : fields.list("prompts", images)) text.prompts.push_back(parsePieces(prompt, file));
    if (text.prompts.size() != images) damaged(file, fmt::format("text_pieces are of {} pictures, the run has {}", text.prompts.size(), images));
    text.negative = parsePieces(fields.any("negative"), file);
    return text;
}

EvaluationInfo parseEvaluation(const Json& json, size_t index, const std::string& file) {
    const Fields fields(json, fmt::format("evaluation {}", index), file);
    EvaluationInfo info;
    info.index = static_cast<int>(fields.integer("index", static_cast<int64_t>(index), static_cast<int64_t>(index)));
    info.step = static_cast<int>(fields.integer("step", 0, INT32_MAX));
    info.stage = static_cast<int>(fields.integer("stage", 0, INT32_MAX));
    info.timestep = fields.real("timestep");
    info.noiseLevel = fields.real("noise_level");
    info.cfgScale = fields.number("cfg_scale");
    info.uncondRun = fields.flag("uncond_run");
    return info;
}

Json parseJson(const std::string& text, const std::string& file) {
    if (text.size() > longestManifest)
        damaged(file, fmt::format("it has {} bytes, at most {} are read", text.size(), longestManifest));
    const auto depthGuard = [&](int depth, Json::parse_event_t, Json&) {
        if (depth > deepestManifest) damaged(file, "it is nested too deeply");
        return true;
    };
    try {
        return Json::parse(text, depthGuard);
    } catch (const Json::parse_error& e) {
        damaged(file, fmt::format("it is not valid JSON at its byte {}", e.byte));
    }
}

}  // namespace

Json toJson(const MoeLayerDescriptor& layer) {
    Json groups = Json::array();
    for (const TokenGroup& group : layer.tokenGroups)
        groups.push_back({{"kind", tokenKindName(group.kind)},
                          {"count", group.count},
                          {"height", group.height},
                          {"width", group.width}});
    Json json{{"network", layer.network},    {"block", layer.block},
              {"moe_index", layer.moeIndex}, {"policy", policyName(layer.policy)},
              {"experts", layer.experts},    {"top_k", layer.topK},
              {"capacity", layer.capacity},  {"shared_expert", layer.sharedExpert},
              {"token_groups", std::move(groups)}};
    if (layer.unconditionalExpert >= 0) json["unconditional_expert"] = layer.unconditionalExpert;
    if (!layer.thresholds.empty()) json["thresholds"] = layer.thresholds;
    return json;
}

Json toJson(const EvaluationInfo& info) {
    return {{"index", info.index},
            {"step", info.step},
            {"stage", info.stage},
            {"timestep", info.timestep},
            {"noise_level", info.noiseLevel},
            {"cfg_scale", info.cfgScale},
            {"uncond_run", info.uncondRun}};
}

std::string manifestText(const RunRecord& run, const std::vector<int64_t>& pictureImages) {
    Json layers = Json::array();
    for (const MoeLayerDescriptor& layer : run.routing.layers) layers.push_back(toJson(layer));
    Json evaluations = Json::array();
    for (const EvaluationRecord& evaluation : run.evaluations) evaluations.push_back(toJson(evaluation.info));
    Json manifest{
        {"schema", fmt::format("{}{}", schemaPrefix, schemaVersion)},
        {"writer", "MoEscope " MOESCOPE_VERSION},
        {"complete", run.complete},
        {"model",
         {{"name", fileNameOnly(run.parameters.modelName)},
          {"hash", run.parameters.modelHash},
          {"family", run.parameters.family},
          {"weight_set", run.parameters.weightSet}}},
        {"request", moescope::toJson(run.parameters)},
        {"images", run.images},
        {"class_ids", run.classIds},
        {"latent_shape", run.latentShape},
        {"latent_dtype", run.precision == LatentPrecision::F16 ? "F16" : "F32"},
        {"preview_size", {run.previewHeight, run.previewWidth}},
        {"picture_images", pictureImages},
        {"networks", run.routing.networks},
        {"layers", std::move(layers)},
        {"evaluations", std::move(evaluations)},
    };
    if (const TextPieces& text = run.routing.text; !text.prompts.empty())
        manifest["text_pieces"] = {{"prompts", text.prompts}, {"negative", text.negative}};
    // Names may come from a file system that is not UTF-8; what cannot be written becomes U+FFFD.
    return manifest.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void checkSchema(const std::string& schema, const std::string& file) {
    int version = 0;
    const bool ours = schema.starts_with(schemaPrefix);
    const char* end = schema.data() + schema.size();
    const auto [rest, error] = ours ? std::from_chars(schema.data() + schemaPrefix.size(), end, version)
                                    : std::from_chars_result{nullptr, std::errc::invalid_argument};
    if (!ours || error != std::errc{} || rest != end || version < 1)
        throw EngineException(
            ErrorCode::Format,
            fmt::format("{}: expected a MoEscope session, found a safetensors file without the schema "
                        "{}{}; choose a .moescope file",
                        file, schemaPrefix, schemaVersion));
    if (version > schemaVersion)
        throw EngineException(
            ErrorCode::Unsupported,
            fmt::format("{} was written by a newer MoEscope (v{}), this program reads session files up to "
                        "v{}; open it with a newer MoEscope",
                        file, version, schemaVersion));
}

Manifest parseManifest(const std::string& text, const std::string& file) {
    const Json json = parseJson(text, file);
    const Fields fields(json, "the manifest", file);
    Manifest manifest;
    RunRecord& run = manifest.run;
    manifest.writer = fields.text("writer");
    run.complete = fields.flag("complete");
    auto parameters = fromJson(fields.any("request"));
    if (!parameters) damaged(file, "its request cannot be read (" + parameters.error().message + ")");
    run.parameters = std::move(parameters).value();
    run.images = fields.integer("images", 1, mostImages);
    for (const int64_t id : fields.integers("class_ids", mostImages, INT32_MIN, INT32_MAX))
        run.classIds.push_back(static_cast<int>(id));
    run.latentShape = fields.integers("latent_shape", 3, 1, int64_t{1} << 20);
    if (run.latentShape.size() != 3) damaged(file, "latent_shape does not have the 3 numbers C, H, W");
    const std::string dtype = fields.text("latent_dtype");
    if (dtype != "F16" && dtype != "F32") damaged(file, "latent_dtype is neither F16 nor F32");
    run.precision = dtype == "F16" ? LatentPrecision::F16 : LatentPrecision::F32;
    const auto preview = fields.integers("preview_size", 2, 0, 1 << 16);
    if (preview.size() != 2) damaged(file, "preview_size does not have the 2 numbers height, width");
    run.previewHeight = static_cast<int>(preview[0]);
    run.previewWidth = static_cast<int>(preview[1]);
    manifest.pictureImages = fields.integers("picture_images", static_cast<size_t>(run.images), 0, run.images - 1);
    for (size_t i = 1; i < manifest.pictureImages.size(); ++i)
        if (manifest.pictureImages[i] <= manifest.pictureImages[i - 1]) damaged(file, "picture_images do not ascend");

    run.routing.images = run.images;
    for (const Json& name : fields.list("networks", 4096)) {
        if (!name.is_string()) damaged(file, "a name in networks is not a text");
        run.routing.networks.push_back(name.get<std::string>());
    }
    for (const Json& layer : fields.list("layers", 65536))
        run.routing.layers.push_back(parseLayer(layer, run.routing.layers.size(), run.routing.networks.size(), file));
    if (json.contains("text_pieces"))
        run.routing.text = parseTextPieces(fields.any("text_pieces"), static_cast<size_t>(run.images), file);
    for (const Json& evaluation : fields.list("evaluations", mostEvaluations))
        run.evaluations.push_back({.info = parseEvaluation(evaluation, run.evaluations.size(), file)});
    return manifest;
}

std::string recordProblem(const RoutingRecord& record, const RoutingTrace& trace, int64_t evaluations) {
    if (record.evaluation < 0 || record.evaluation >= evaluations)
        return fmt::format("evaluation {} where the run has {}", record.evaluation, evaluations);
    if (record.layer < 0 || static_cast<size_t>(record.layer) >= trace.layers.size())
        return fmt::format("layer {} where the run has {}", record.layer, trace.layers.size());
    const MoeLayerDescriptor& layer = trace.layers[static_cast<size_t>(record.layer)];
    if (record.network != layer.network)
        return fmt::format("network {} where its layer is in network {}", record.network, layer.network);
    const auto images = static_cast<size_t>(trace.images), experts = static_cast<size_t>(layer.experts);
    const auto tokens = images * static_cast<size_t>(layer.tokensPerSample());
    const auto sized = [](size_t size, size_t expected) { return size == 0 || size == expected; };
    if (record.counts.size() != images * experts || record.mass.size() != images * experts)
        return fmt::format("{} counts and {} gate masses where {} x {} are needed", record.counts.size(),
                           record.mass.size(), images, experts);
    if (!sized(record.rowPtr.size(), tokens + 1) || record.expert.size() != record.gate.size() ||
        !sized(record.scores.size(), tokens * experts) || !sized(record.inputNorm.size(), tokens) ||
        !sized(record.routedNorm.size(), tokens) || !sized(record.sharedNorm.size(), tokens))
        return fmt::format("lists that do not fit its {} tokens", tokens);
    for (const int32_t count : record.counts)
        if (count < 0) return fmt::format("an expert that received {} tokens", count);
    if (record.rowPtr.empty()) return record.expert.empty() ? "" : "experts without row_ptr";
    if (record.rowPtr.front() != 0 || record.rowPtr.back() != record.expert.size())
        return fmt::format("row_ptr from {} to {} where it must run from 0 to {}", record.rowPtr.front(),
                           record.rowPtr.back(), record.expert.size());
    for (size_t token = 0; token < tokens; ++token) {
        // Bounded by the end, so a row_ptr that rises above it and falls again is found before it is followed.
        const uint32_t begin = record.rowPtr[token], end = record.rowPtr[token + 1];
        if (end < begin || end > record.expert.size()) return fmt::format("a row_ptr that falls at token {}", token);
        for (uint32_t i = begin; i < end; ++i) {
            if (record.expert[i] >= experts)
                return fmt::format("expert {} at token {} where the layer has {}", record.expert[i], token, experts);
            if (i > begin && record.expert[i] <= record.expert[i - 1])
                return fmt::format("experts that do not ascend at token {}", token);
        }
    }
    return "";
}

}  // namespace moescope::session
