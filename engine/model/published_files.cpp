// SPDX-License-Identifier: Apache-2.0
#include "engine/model/published_files.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "engine/io/atomic_file.h"
#include "engine/io/torch_writer.h"
#include "engine/model/layout_options.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

TorchTensor tensorOf(const Shape& shape, std::span<const float> values) {
    return {DType::F32, shape, [values](const TorchTensor::Sink& sink) {
                sink(std::as_bytes(values));
                return Status();
            }};
}

TorchDict weightsOf(const ModelDescription& d, const TensorValues& values, const std::string& prefix) {
    TorchDict dict{{}, TorchDict::Kind::Ordered};
    for (const ExpectedTensor& tensor : d.tensors) {
        const std::span<const float> found = values(tensor.name);
        if (found.empty() && tensor.role == ExpectedTensor::Role::OptionalBuffer) continue;
        if (static_cast<int64_t>(found.size()) != elementCount(tensor.shape))
            throw EngineException(ErrorCode::Internal, fmt::format("the tensor '{}' of shape {} has {} values",
                                                                   tensor.name, shapeText(tensor.shape), found.size()));
        dict.add(prefix + tensor.name, tensorOf(tensor.shape, found));
    }
    return dict;
}

/// The settings as one group; the moments stay in the program's own state.
TorchDict optimizerOf(const nlohmann::json& settings) {
    TorchDict group;
    for (const auto& [key, value] : settings.items()) group.add(key, TorchValue::fromJson(value));
    group.add("params", TorchList{});
    TorchDict optimizer;
    optimizer.add("state", TorchDict{});
    optimizer.add("param_groups", TorchList{{group}});
    return optimizer;
}

/// `first` before what else `more` has.
TorchDict namespaceOf(const Json& first, const nlohmann::json& more) {
    TorchDict dict{{}, TorchDict::Kind::Namespace};
    for (const auto& [key, value] : first.items()) dict.add(key, TorchValue::fromJson(nlohmann::json(value)));
    for (const auto& [key, value] : more.items())
        if (!first.contains(key)) dict.add(key, TorchValue::fromJson(value));
    return dict;
}

/// The ratio r for which int(int(width * r) * 2 / 3) is the inner width of dense layers.
double mlpRatio(const TransformerConfig& c) {
    constexpr double kPublished = 4.0;
    if (c.denseWidth == 4 * c.width * 2 / 3 || c.denseWidth == 0) return kPublished;
    return (static_cast<double>((3 * c.denseWidth + 1) / 2) + 0.25) / static_cast<double>(c.width);
}

/// args.arch: the shape in plain values.
Json shapeOf(const TransformerConfig& c) {
    Json shape = {{"width", c.width},
                  {"depth", c.depth},
                  {"heads", c.heads},
                  {"context_start", c.contextStart},
                  {"image_size", c.inputSide()},
                  {"patch", c.patch},
                  {"channels", c.inChannels},
                  {"bottleneck", c.bottleneck},
                  {"context_tokens", c.contextTokens},
                  {"mlp_ratio", mlpRatio(c)},
                  {"num_classes", c.classes}};
    if (c.moeBlocks.empty()) {
        shape["moe"] = nullptr;
        return shape;
    }
    shape["moe"] = {{"num_experts", c.moe.experts},          {"top_k", c.moe.topK},
                    {"expert_width", c.moe.expertWidth},     {"num_groups", c.moe.groups},
                    {"kept_groups", c.moe.keptGroups},       {"scale", c.moe.scale},
                    {"shared_expert", c.moe.sharedWidth > 0}};
    return shape;
}

Result<fs::path> writePixelModel(const fs::path& path, const ModelDescription& d, const PublishedWeights& weights,
                                 const PublishedFacts& facts) {
    const TransformerConfig& c = d.config;
    Json args = {
        {"model", d.sizeName.empty() ? d.family : d.sizeName}, {"img_size", c.inputSide()}, {"class_num", c.classes}};
    args.update(Json(storedSettings(d)));
    args["arch"] = shapeOf(c);
    TorchDict root;
    root.add("model", weightsOf(d, weights.model, "net."));
    root.add("optimizer", optimizerOf(facts.optimizer));
    root.add("epoch", facts.epoch);
    root.add("args", namespaceOf(args, facts.args));
    for (size_t i = 0; i < std::min<size_t>(2, weights.averages.size()); ++i)
        root.add(fmt::format("model_ema{}", i + 1), weightsOf(d, weights.averages[i], "net."));
    if (const Status written = writeTorchFile(path, root); !written.ok()) return written.error();
    return path;
}

/// With a point in it: readers of YAML 1.1 take 1e-08 for a word.
std::string numberText(double value) {
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".n") == std::string::npos) text.insert(std::min(text.find('e'), text.size()), ".0");
    return text;
}

void emit(YAML::Emitter& out, const Json& value) {
    if (value.is_object()) {
        out << YAML::BeginMap;
        for (const auto& [key, item] : value.items()) {
            out << YAML::Key << key << YAML::Value;
            emit(out, item);
        }
        out << YAML::EndMap;
    } else if (value.is_array()) {
        out << YAML::BeginSeq;
        for (const auto& item : value) emit(out, item);
        out << YAML::EndSeq;
    } else if (value.is_string()) {
        out << YAML::DoubleQuoted << value.get<std::string>();  // never to be taken for a number or a truth value
    } else if (value.is_boolean()) {
        out << value.get<bool>();
    } else if (value.is_number_integer()) {
        out << value.get<int64_t>();
    } else if (value.is_number()) {
        out << numberText(value.get<double>());
    } else {
        out << YAML::Null;
    }
}

/// The configuration as published training folders have it.
Json folderConfig(const ModelDescription& d, const PublishedFacts& facts) {
    const TransformerConfig& c = d.config;
    const bool everyBlock = static_cast<int64_t>(c.moeBlocks.size()) == c.depth;
    Json params = {{"input_size", c.inputSide()},
                   {"num_classes", c.classes},
                   {"patch_size", c.patch},
                   {"depth", c.depth},
                   {"hidden_size", c.width},
                   {"num_heads", c.heads},
                   {"mlp_ratio", c.denseWidth ? static_cast<double>(c.denseWidth) / static_cast<double>(c.width) : 4.0},
                   {"use_swiglu", false},
                   {"rope_type", "2d"},
                   {"use_sinks", false},
                   {"sliding_window", 0},
                   {"enable_gqa", false},
                   {"norm_type", "layernorm"}};
    params.update(Json(storedSettings(d)));
    for (const char* mixture : {"top_k", "n_group", "topk_group", "routed_scaling_factor", "heads"})
        params.erase(mixture);
    params["MoE_config"] = {{"num_experts", c.moe.experts},
                            {"hidden_size", c.width},
                            {"moe_intermediate_size", c.moe.expertWidth},
                            {"n_group", c.moe.groups},
                            {"topk_group", c.moe.keptGroups},
                            {"num_experts_per_tok", c.moe.topK},
                            {"routed_scaling_factor", c.moe.scale},
                            {"capacity", 1},
                            {"init_MoeMLP", false},
                            {"interleave", !everyBlock},
                            {"skip_first2", false},
                            {"skip_last2", false},
                            {"use_shared_expert", c.moe.sharedWidth > 0}};
    if (c.moe.sharedWidth > c.moe.expertWidth && c.moe.sharedWidth % c.moe.expertWidth == 0)
        params["MoE_config"]["n_shared_experts"] = c.moe.sharedWidth / c.moe.expertWidth;
    return {{"basic", {{"rf", true}, {"image_size", c.inputSide() * (d.space == PictureSpace::SdLatent ? 8 : 1)}}},
            {"model", {{"ckpt", nullptr}, {"target", "models.models_DSMoE.DiT"}, {"params", params}}},
            {"optim", Json(facts.optimizer)}};
}

Status writeText(const fs::path& path, std::string_view text) {
    auto file = AtomicFile::create(path);
    if (!file.ok()) return file.error();
    if (const Status written = file->write(text); !written.ok()) return written;
    return file->commit();
}

Result<fs::path> writeFolder(const fs::path& folder, const ModelDescription& d, const PublishedWeights& weights,
                             const PublishedFacts& facts) {
    std::error_code code;
    fs::create_directories(folder / "checkpoints", code);
    if (code)
        return EngineError{ErrorCode::Io, fmt::format("the folder '{}' could not be made ({}); choose another place",
                                                      (folder / "checkpoints").string(), code.message())};
    YAML::Emitter yaml;
    emit(yaml, folderConfig(d, facts));
    const std::string config = fmt::format("config_{}.yaml", facts.date);
    if (const Status written = writeText(folder / config, std::string(yaml.c_str()) + "\n"); !written.ok())
        return written.error();
    TorchDict root;
    root.add("model", weightsOf(d, weights.model, ""));
    if (!weights.averages.empty()) root.add("ema", weightsOf(d, weights.averages.front(), ""));
    root.add("opt", optimizerOf(facts.optimizer));
    root.add("args", namespaceOf({{"config", config}, {"step", facts.step}}, facts.args));
    const fs::path file = folder / "checkpoints" / fmt::format("{:07}.pt", facts.step);
    if (const Status written = writeTorchFile(file, root); !written.ok()) return written.error();
    return file;
}

}  // namespace

Result<fs::path> writePublished(const fs::path& path, const ModelDescription& description,
                                const PublishedWeights& weights, const PublishedFacts& facts) {
    const auto families = modelFamilies();
    const auto has = [&](const FamilyDefinition* family) {
        return family->compose && family->name == description.family;
    };
    if (std::ranges::none_of(families, has))
        return EngineError{
            ErrorCode::Unsupported,
            fmt::format("{} is not written in a published layout; write it as safetensors", description.family)};
    const auto written = guarded([&] {
        return (description.config.bottleneck ? writePixelModel : writeFolder)(path, description, weights, facts)
            .orThrow();
    });
    return written;
}

}  // namespace moescope
