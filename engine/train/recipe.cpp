// SPDX-License-Identifier: Apache-2.0
#include "engine/train/recipe.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "engine/core/name_list.h"
#include "engine/model/compose_model.h"
#include "engine/model/layout_options.h"
#include "engine/train/recipe_fields.h"

namespace moescope::train {
namespace {

constexpr size_t kLargestRecipe = 1 << 20;
constexpr int64_t kPromptPlaces = 16;
constexpr int64_t kLatentSide = 8;  // pixels per latent of the Stable Diffusion autoencoder

/// Reads the fields of one YAML document and knows on which line each stands.
class RecipeReader {
public:
    RecipeReader(const YAML::Node& root, std::string source) : m_source(std::move(source)) {
        if (!root.IsMap()) refuse(root, "a recipe should be a list of fields such as 'name: my-model', with sections model, training, ...");
        for (const auto& entry : root) {
            const std::string name = keyOf(entry.first);
            if (entry.second.IsMap() && isSection(name)) {
                for (const auto& inner : entry.second) read(name + "." + keyOf(inner.first), inner.first, inner.second);
            } else {
                read(name, entry.first, entry.second);
            }
        }
    }

    Recipe recipe;

    bool has(const std::string& path) const { return m_lines.contains(path); }
    /// Throws when `path` was given although `why` says that it means nothing.
    void forbid(std::initializer_list<const char*> paths, const std::string& why) const {
        for (const char* path : paths)
            if (const auto line = m_lines.find(path); line != m_lines.end())
                throw EngineException(ErrorCode::Format, fmt::format("{}, line {}: {} {}; remove it or change that", m_source, line->second, path, why));
    }
    [[noreturn]] void contradict(const std::string& path, const std::string& sentence) const {
        const auto line = m_lines.find(path);
        throw EngineException(ErrorCode::Format, line == m_lines.end() ? fmt::format("{}: {}", m_source, sentence)
                                                                       : fmt::format("{}, line {}: {}", m_source, line->second, sentence));
    }

private:
    [[noreturn]] void refuse(const YAML::Node& node, const std::string& sentence) const {
        throw EngineException(ErrorCode::Format, fmt::format("{}, line {}: {}", m_source, node.Mark().line + 1, sentence));
    }

    std::string keyOf(const YAML::Node& key) const {
        if (!key.IsScalar()) refuse(key, "the name of a field should be a word");
        return key.Scalar();
    }

    static bool isSection(const std::string& name) {
        const auto& table = recipeFieldTable();
        return std::any_of(table.begin(), table.end(), [&](const RecipeField& field) { return field.path.starts_with(name + "."); });
    }

    void read(const std::string& path, const YAML::Node& key, const YAML::Node& value) {
        const auto& table = recipeFieldTable();
        const auto field = std::find_if(table.begin(), table.end(), [&](const RecipeField& each) { return each.path == path; });
        if (field == table.end()) {
            std::vector<std::string> names;
            for (const RecipeField& each : table) names.push_back(each.path);
            const std::string near = nearestName(path, names);
            refuse(key, fmt::format("there is no field '{}'; {}", path,
                                    near.empty() ? "`moescope-cli train --fields` lists all" : fmt::format("did you mean '{}'?", near)));
        }
        if (!m_lines.emplace(path, key.Mark().line + 1).second) refuse(key, fmt::format("'{}' stands there twice", path));
        if (!field->read(value, recipe))
            refuse(key, fmt::format("'{}' should be {}, found '{}'", path, field->expected, value.IsScalar() ? value.Scalar() : "something else"));
    }

    std::string m_source;
    std::map<std::string, int, std::less<>> m_lines;
};

void checkModel(RecipeReader& reader) {
    ModelRecipe& model = reader.recipe.model;
    TransformerConfig& c = model.config;
    const ComposableFamily* family = composableFamily(model.family);
    if (!family) reader.contradict("model.family", fmt::format("model.family should be {}, found '{}'", composableFamilyNames(), model.family));
    const bool latent = family->latents;
    model.dense = family->dense;
    for (const char* needed : {"model.patch", "model.width", "model.depth", "model.heads"})
        if (!reader.has(needed)) reader.contradict("model.family", fmt::format("{} is missing", needed));
    if (model.dense) {
        reader.forbid({"experts.count", "experts.top_k", "experts.width", "experts.shared", "experts.groups", "experts.kept_groups", "experts.scale",
                       "experts.layers", "experts.router", "experts.routing_gradient", "parts.experts", "parts.router", "start.upcycle"},
                      fmt::format("means nothing for the dense family {}", model.family));
        c.moe = {};
    } else {
        for (const char* needed : {"experts.count", "experts.top_k", "experts.width"})
            if (!reader.has(needed)) reader.contradict("model.family", fmt::format("{} is missing", needed));
        c.moe.sharedWidth = model.sharedExperts * c.moe.expertWidth;
        c.moe.addsInput = true;
        c.moeBlocks.clear();
        for (int block = model.everyBlock ? 0 : 1; block < static_cast<int>(c.depth); block += model.everyBlock ? 1 : 2) c.moeBlocks.push_back(block);
        if (c.moe.topK > c.moe.experts)
            reader.contradict("experts.top_k", fmt::format("experts.top_k should be at most experts.count, found {} of {}", c.moe.topK, c.moe.experts));
        if (c.moeBlocks.empty()) reader.contradict("model.depth", "a depth of 1 with experts.layers: interleave has no MoE layer; use a depth of 2");
    }
    if (c.width % c.heads != 0)
        reader.contradict("model.heads", fmt::format("model.width should be a multiple of model.heads, found {} and {}", c.width, c.heads));
    c.headWidth = c.width / c.heads;
    if (!reader.has("model.channels")) c.inChannels = latent ? 4 : 3;
    const int64_t unit = c.patch * (spaceOf(c) == PictureSpace::SdLatent ? kLatentSide : 1);
    if (reader.recipe.data.side % unit != 0)
        reader.contradict("model.image_size", fmt::format("model.image_size should be a multiple of {}, found {}", unit, reader.recipe.data.side));
    c.grid = reader.recipe.data.side / unit;
    if (!reader.has("model.prediction")) model.prediction = latent ? Prediction::Velocity : Prediction::CleanImage;
    c.outChannels = latent ? 2 * c.inChannels : c.inChannels;
    if (latent) reader.forbid({"model.bottleneck", "model.context_tokens", "model.context_start"}, "belongs to the families on pixels");
    if (!latent) {
        reader.forbid({"data.vae"}, "belongs to a family on latents");
        if (!reader.has("model.bottleneck")) c.bottleneck = std::min<int64_t>(128, c.width);
        if (c.contextTokens > 0 && c.contextStart >= c.depth)
            reader.contradict("model.context_start", fmt::format("model.context_start should be below the depth {}, found {}", c.depth, c.contextStart));
    }
    if (!reader.has("model.position")) {  // as published
        c.rotary = Rotary::Grid;
        c.positions = latent ? PositionTable::None : PositionTable::Stored;
    }
    if (family->prompts) {
        if (!reader.has("model.context_tokens")) c.contextTokens = kPromptPlaces;
        if (c.contextTokens == 0) reader.contradict("model.context_tokens", "model.context_tokens should be at least 1 where a model reads prompts");
        if (!reader.has("prompt.width")) reader.recipe.prompt.inner = 2 * c.width;
    } else {
        reader.forbid({"prompt.layers", "prompt.width", "prompt.vocabulary"}, "belongs to families that read prompts");
    }
    if (!reader.has("model.dense_width")) c.denseWidth = latent ? 4 * c.width : 4 * c.width * 2 / 3;
    if (!model.dense && model.everyBlock) c.denseWidth = 0;
}

void checkTraining(RecipeReader& reader) {
    const TrainingRecipe& training = reader.recipe.training;
    if (training.time == TimeSampling::Uniform) reader.forbid({"training.time_mean", "training.time_std"}, "needs training.time: logit-normal");
    const bool bias = training.balance == Balance::Bias || training.balance == Balance::Both;
    const bool auxiliary = training.balance == Balance::Auxiliary || training.balance == Balance::Both;
    if (!bias) reader.forbid({"training.balance_rate"}, "needs training.balance: bias or both");
    if (!auxiliary) reader.forbid({"training.auxiliary_weight"}, "needs training.balance: auxiliary or both");
    if (reader.recipe.model.dense) reader.forbid({"training.balance", "training.z_loss"}, "means nothing for a dense family");
    if (training.averages.empty() || training.averages.size() > 2)
        reader.contradict("training.averages", fmt::format("training.averages should be one or two decays, found {}", training.averages.size()));
    const ComposableFamily* family = composableFamily(reader.recipe.model.family);
    if (const size_t most = static_cast<size_t>(family->mostAverages); training.averages.size() > most)
        reader.contradict("training.averages", fmt::format("the {} layout keeps {}, found {} decays", family->name,
                                                           most == 1 ? "one average" : "two averages", training.averages.size()));
    if (training.warmup > training.steps)
        reader.contradict("training.warmup", fmt::format("training.warmup should be at most training.steps, found {} of {}", training.warmup, training.steps));
    for (const int expert : reader.recipe.parts.experts)
        if (expert >= reader.recipe.model.config.moe.experts)
            reader.contradict("parts.experts", fmt::format("parts.experts should be numbers below {}, found {}",
                                                           reader.recipe.model.config.moe.experts, expert));
    if (reader.has("start.checkpoint")) reader.forbid({"start.upcycle"}, "and start.checkpoint exclude each other");
    if (!reader.has("start.upcycle")) reader.forbid({"start.router_noise"}, "needs start.upcycle");
    if (reader.recipe.parts.any() && !reader.has("start.checkpoint"))
        reader.contradict(reader.has("parts.experts") ? "parts.experts" : "parts.router", "training parts of a model needs the rest of it: give start.checkpoint");
}

}  // namespace

Result<Recipe> parseRecipe(const std::string& yaml, const std::string& source) {
    return guarded([&] {
        YAML::Node root;
        try {
            root = YAML::Load(yaml);
        } catch (const YAML::Exception& error) {
            throw EngineException(ErrorCode::Format, fmt::format("{}, line {}: this is not YAML: {}", source, error.mark.line + 1, error.msg));
        }
        RecipeReader reader(root, source);
        checkModel(reader);
        checkTraining(reader);
        reader.recipe.text = yaml;
        return reader.recipe;
    });
}

Result<Recipe> readRecipe(const std::filesystem::path& file) {
    std::error_code code;
    const auto size = std::filesystem::file_size(file, code);
    if (code)
        return EngineError{ErrorCode::NotFound, fmt::format("no recipe at '{}' ({}); give a .yaml file, or the name of one that `moescope-cli "
                                                            "train --recipes` lists",
                                                            file.string(), code.message())};
    if (size > kLargestRecipe)
        return EngineError{ErrorCode::Format, fmt::format("'{}' has {} bytes; a recipe has at most {}", file.string(), size, kLargestRecipe)};
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) return EngineError{ErrorCode::Io, fmt::format("'{}' could not be read", file.string())};
    return parseRecipe(text.str(), file.filename().string());
}

Result<std::string> withFields(const std::string& yaml, const std::vector<std::string>& assignments) {
    if (assignments.empty()) return yaml;
    return guarded([&] {
        try {
            YAML::Node root = YAML::Load(yaml);
            for (const std::string& assignment : assignments) {
                const size_t equals = assignment.find('=');
                if (equals == std::string::npos || equals == 0)
                    throw EngineException(ErrorCode::InvalidArgument, fmt::format("expected section.field=value, found '{}'", assignment));
                const std::string path = assignment.substr(0, equals);
                const size_t dot = path.find('.');
                const YAML::Node value = YAML::Load(assignment.substr(equals + 1));
                if (dot == std::string::npos)
                    root[path] = value;
                else
                    root[path.substr(0, dot)][path.substr(dot + 1)] = value;
            }
            YAML::Emitter out;
            out << root;
            return std::string(out.c_str()) + "\n";
        } catch (const YAML::Exception& error) {
            throw EngineException(ErrorCode::Format, fmt::format("the recipe or a value given for it is not YAML: {}", error.msg));
        }
    });
}

std::vector<std::string> recipeFields() {
    std::vector<std::string> lines;
    for (const RecipeField& field : recipeFieldTable()) lines.push_back(fmt::format("{}: {}", field.path, field.expected));
    return lines;
}

std::string_view balanceName(Balance balance) {
    switch (balance) {
        case Balance::None: return "none";
        case Balance::Bias: return "bias";
        case Balance::Auxiliary: return "auxiliary";
        case Balance::Both: return "both";
    }
    return "none";
}

}  // namespace moescope::train
