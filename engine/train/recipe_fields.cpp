// SPDX-License-Identifier: Apache-2.0
#include "engine/train/recipe_fields.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace moescope::train {
namespace {

std::optional<double> numberOf(const YAML::Node& node) {
    if (!node.IsScalar()) return std::nullopt;
    const std::string& text = node.Scalar();
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<int64_t> integerOf(const YAML::Node& node) {
    const auto value = numberOf(node);
    if (!value || *value != std::floor(*value) || std::abs(*value) > 9e15) return std::nullopt;
    return static_cast<int64_t>(*value);
}

template <class Member>
RecipeField whole(std::string path, int64_t least, int64_t most, Member member) {
    return {std::move(path), fmt::format("a whole number from {} to {}", least, most), [=](const YAML::Node& node, Recipe& recipe) {
                const auto value = integerOf(node);
                if (!value || *value < least || *value > most) return false;
                member(recipe) = *value;
                return true;
            }};
}

template <class Member>
RecipeField number(std::string path, double least, double most, std::string words, Member member) {
    return {std::move(path), std::move(words), [=](const YAML::Node& node, Recipe& recipe) {
                const auto value = numberOf(node);
                if (!value || *value < least || *value > most) return false;
                member(recipe) = *value;
                return true;
            }};
}

template <class Member>
RecipeField flag(std::string path, Member member) {
    return {std::move(path), "true or false", [=](const YAML::Node& node, Recipe& recipe) {
                if (!node.IsScalar() || (node.Scalar() != "true" && node.Scalar() != "false")) return false;
                member(recipe) = node.Scalar() == "true";
                return true;
            }};
}

template <class Member>
RecipeField text(std::string path, std::string words, Member member) {
    return {std::move(path), std::move(words), [=](const YAML::Node& node, Recipe& recipe) {
                if (!node.IsScalar()) return false;
                member(recipe) = node.Scalar();
                return true;
            }};
}

template <class Value, class Member>
RecipeField choice(std::string path, std::vector<std::pair<std::string, Value>> values, Member member) {
    std::string words;
    for (const auto& [name, value] : values) words += (words.empty() ? "" : ", ") + name;
    return {std::move(path), "one of " + words, [=](const YAML::Node& node, Recipe& recipe) {
                if (!node.IsScalar()) return false;
                for (const auto& [name, value] : values)
                    if (node.Scalar() == name) {
                        member(recipe) = value;
                        return true;
                    }
                return false;
            }};
}

/// A list of numbers in a range; a single number counts as a list of one.
template <class Number, class Member>
RecipeField numbers(std::string path, double least, double most, std::string words, Member member) {
    return {std::move(path), std::move(words), [=](const YAML::Node& node, Recipe& recipe) {
                std::vector<Number> values;
                const auto take = [&](const YAML::Node& item) {
                    const auto value = numberOf(item);
                    if (!value || *value < least || *value > most) return false;
                    if constexpr (std::is_integral_v<Number>)
                        if (*value != std::floor(*value)) return false;
                    values.push_back(static_cast<Number>(*value));
                    return true;
                };
                if (node.IsSequence()) {
                    for (const YAML::Node& item : node)
                        if (!take(item)) return false;
                } else if (!take(node)) {
                    return false;
                }
                member(recipe) = values;
                return true;
            }};
}

RecipeField texts(std::string path, std::string words, std::vector<std::string>& (*member)(Recipe&)) {
    return {std::move(path), std::move(words), [=](const YAML::Node& node, Recipe& recipe) {
                if (!node.IsSequence()) return false;
                std::vector<std::string> values;
                for (const YAML::Node& item : node) {
                    if (!item.IsScalar()) return false;
                    values.push_back(item.Scalar());
                }
                member(recipe) = values;
                return true;
            }};
}

/// A table and a rotation, each at most once.
bool readPositions(const YAML::Node& node, Recipe& recipe) {
    if (!node.IsSequence() && !node.IsScalar()) return false;
    TransformerConfig& config = recipe.model.config;
    config.positions = PositionTable::None;
    config.rotary = Rotary::None;
    const auto take = [&](const YAML::Node& item) {
        if (!item.IsScalar()) return false;
        const std::string& word = item.Scalar();
        if (word == "none") return true;
        if (word == "rope-1d" || word == "rope-2d") {
            if (config.rotary != Rotary::None) return false;
            config.rotary = word == "rope-1d" ? Rotary::Line : Rotary::Grid;
            return true;
        }
        if ((word != "learned" && word != "sincos") || config.positions != PositionTable::None) return false;
        config.positions = word == "learned" ? PositionTable::Learned : PositionTable::Stored;
        return true;
    };
    if (node.IsScalar()) return take(node);
    for (const YAML::Node& item : node)
        if (!take(item)) return false;
    return true;
}

constexpr double kInfinite = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::min();

#define MEMBER(expression) [](Recipe & r) -> auto& { return r.expression; }

void addModelFields(std::vector<RecipeField>& fields) {
    fields.push_back(text("name", "a name", MEMBER(name)));
    fields.push_back(text("model.family", "the name of a family that can be trained", MEMBER(model.family)));
    fields.push_back(whole("model.image_size", 1, 4096, MEMBER(data.side)));
    fields.push_back(whole("model.patch", 1, 64, MEMBER(model.config.patch)));
    fields.push_back(whole("model.width", 4, 65536, MEMBER(model.config.width)));
    fields.push_back(whole("model.depth", 1, 512, MEMBER(model.config.depth)));
    fields.push_back(whole("model.heads", 1, 1024, MEMBER(model.config.heads)));
    fields.push_back(whole("model.dense_width", 1, 1 << 20, MEMBER(model.config.denseWidth)));
    fields.push_back(whole("model.bottleneck", 1, 65536, MEMBER(model.config.bottleneck)));
    fields.push_back(whole("model.context_tokens", 0, 4096, MEMBER(model.config.contextTokens)));
    fields.push_back(whole("model.context_start", 0, 511, MEMBER(model.config.contextStart)));
    fields.push_back(whole("model.channels", 1, 64, MEMBER(model.config.inChannels)));
    fields.push_back(choice<Prediction>("model.prediction", {{"velocity", Prediction::Velocity}, {"clean-picture", Prediction::CleanImage}},
                                        MEMBER(model.prediction)));
    fields.push_back(whole("model.key_value_heads", 1, 1024, MEMBER(model.config.keyHeads)));
    fields.push_back({"model.position", "a list of none, learned, sincos, rope-1d, rope-2d: at most one table and one rotation", readPositions});
    fields.push_back(whole("prompt.layers", 1, 16, MEMBER(prompt.layers)));
    fields.push_back(whole("prompt.width", 1, 1 << 20, MEMBER(prompt.inner)));
    fields.push_back(whole("prompt.vocabulary", 4, 65536, MEMBER(prompt.vocabulary)));
    fields.push_back(whole("experts.count", 1, 65536, MEMBER(model.config.moe.experts)));
    fields.push_back(whole("experts.top_k", 1, 65536, MEMBER(model.config.moe.topK)));
    fields.push_back(whole("experts.width", 1, 1 << 20, MEMBER(model.config.moe.expertWidth)));
    fields.push_back(whole("experts.shared", 0, 2, MEMBER(model.sharedExperts)));
    fields.push_back(whole("experts.groups", 1, 65536, MEMBER(model.config.moe.groups)));
    fields.push_back(whole("experts.kept_groups", 1, 65536, MEMBER(model.config.moe.keptGroups)));
    fields.push_back(number("experts.scale", kTiny, 1e6, "a number above 0", MEMBER(model.config.moe.scale)));
    fields.push_back(choice<bool>("experts.layers", {{"interleave", false}, {"all", true}}, MEMBER(model.everyBlock)));
    fields.push_back(choice<RouterRule>("experts.router",
                                        {{"sigmoid", RouterRule::SigmoidTokenChoice}, {"softmax", RouterRule::SoftmaxNormalised}},
                                        MEMBER(model.config.moe.rule)));
    fields.push_back(choice<RoutingGradient>("experts.routing_gradient",
                                             {{"chosen", RoutingGradient::Chosen},
                                              {"straight-through", RoutingGradient::StraightThrough},
                                              {"dense", RoutingGradient::Dense}},
                                             MEMBER(model.routingGradient)));
}

void addTrainingFields(std::vector<RecipeField>& fields) {
    fields.push_back(whole("training.steps", 1, 1'000'000'000, MEMBER(training.steps)));
    fields.push_back(whole("training.batch", 1, 65536, MEMBER(training.batch)));
    fields.push_back(whole("training.accumulation", 1, 65536, MEMBER(training.accumulation)));
    fields.push_back(whole("training.seed", 0, int64_t{1} << 53, MEMBER(training.seed)));
    fields.push_back(number("training.rate", kTiny, 100, "a number above 0", MEMBER(training.rate)));
    fields.push_back(number("training.beta1", 0, 0.999999, "a number from 0 to below 1", MEMBER(training.beta1)));
    fields.push_back(number("training.beta2", 0, 0.999999, "a number from 0 to below 1", MEMBER(training.beta2)));
    fields.push_back(number("training.eps", kTiny, 1, "a number above 0", MEMBER(training.eps)));
    fields.push_back(number("training.weight_decay", 0, 100, "a number from 0", MEMBER(training.weightDecay)));
    fields.push_back(number("training.clip", 0, kInfinite, "a number from 0 (0: gradients are not clipped)", MEMBER(training.clip)));
    fields.push_back(whole("training.warmup", 0, 1'000'000'000, MEMBER(training.warmup)));
    fields.push_back(choice<RateShape>("training.schedule",
                                       {{"constant", RateShape::Constant}, {"cosine", RateShape::Cosine}, {"linear", RateShape::Linear}},
                                       MEMBER(training.shape)));
    fields.push_back(numbers<double>("training.averages", 0, 0.9999999, "one or two numbers from 0 to below 1", MEMBER(training.averages)));
    fields.push_back(flag("training.ramp_averages", MEMBER(training.rampAverages)));
    fields.push_back(choice<TimeSampling>("training.time", {{"uniform", TimeSampling::Uniform}, {"logit-normal", TimeSampling::LogitNormal}},
                                          MEMBER(training.time)));
    fields.push_back(number("training.time_mean", -100, 100, "a number", MEMBER(training.timeMean)));
    fields.push_back(number("training.time_std", kTiny, 100, "a number above 0", MEMBER(training.timeStd)));
    fields.push_back(number("training.t_eps", 1e-6, 1, "a number from 0.000001 to 1", MEMBER(training.tEps)));
    fields.push_back(number("training.noise_scale", kTiny, 100, "a number above 0", MEMBER(training.noiseScale)));
    fields.push_back(number("training.condition_dropout", 0, 1, "a share from 0 to 1", MEMBER(training.conditionDropout)));
    fields.push_back(choice<Balance>(
        "training.balance", {{"none", Balance::None}, {"bias", Balance::Bias}, {"auxiliary", Balance::Auxiliary}, {"both", Balance::Both}},
        MEMBER(training.balance)));
    fields.push_back(number("training.balance_rate", 0, 1, "a number from 0 to 1", MEMBER(training.balanceRate)));
    fields.push_back(number("training.auxiliary_weight", 0, 1000, "a number from 0", MEMBER(training.auxiliaryWeight)));
    fields.push_back(number("training.z_loss", 0, 1000, "a number from 0", MEMBER(training.zLoss)));
    fields.push_back(choice<bool>("training.precision", {{"f32", false}, {"bf16", true}}, MEMBER(training.bf16)));
    fields.push_back(flag("training.checkpointing", MEMBER(training.checkpointing)));
}

void addOtherFields(std::vector<RecipeField>& fields) {
    fields.push_back({"data.path", "a folder or tar file of pictures, or a list of them", [](const YAML::Node& node, Recipe& recipe) {
                          recipe.data.paths.clear();
                          if (node.IsScalar()) {
                              recipe.data.paths.push_back(node.Scalar());
                              return !node.Scalar().empty();
                          }
                          if (!node.IsSequence() || node.size() == 0) return false;
                          for (const YAML::Node& item : node) {
                              if (!item.IsScalar() || item.Scalar().empty()) return false;
                              recipe.data.paths.push_back(item.Scalar());
                          }
                          return true;
                      }});
    fields.push_back(flag("data.flip", MEMBER(data.flip)));
    fields.push_back(choice<bool>("data.fit", {{"crop", false}, {"pad", true}}, MEMBER(data.pad)));
    fields.push_back(text("data.vae", "a folder with an autoencoder", MEMBER(data.vae)));
    fields.push_back(number("data.held_out", 0, 0.9, "a share from 0 to 0.9", MEMBER(data.heldOut)));
    fields.push_back(numbers<int>("parts.experts", 0, 65535, "a list of expert numbers", MEMBER(parts.experts)));
    fields.push_back(flag("parts.router", MEMBER(parts.router)));
    fields.push_back(text("start.checkpoint", "a checkpoint", MEMBER(start.checkpoint)));
    fields.push_back(text("start.upcycle", "a checkpoint of a dense model", MEMBER(start.upcycle)));
    fields.push_back(number("start.router_noise", 0, 10, "a number from 0 to 10", MEMBER(start.routerNoise)));
    fields.push_back(number("saving.minutes", 0.01, 1e6, "a number above 0", MEMBER(saving.minutes)));
    fields.push_back(whole("saving.keep", 1, 1000, MEMBER(saving.keep)));
    fields.push_back(numbers<double>("saving.milestones", 0, 1, "a list of shares from 0 to 1", MEMBER(saving.milestones)));
    fields.push_back(whole("samples.every", 0, 1'000'000'000, MEMBER(samples.every)));
    fields.push_back(whole("samples.count", 1, 4096, MEMBER(samples.count)));
    fields.push_back(whole("samples.steps", 1, 10000, MEMBER(samples.samplingSteps)));
    fields.push_back(number("samples.cfg", 0, 1000, "a number from 0", MEMBER(samples.cfgScale)));
    fields.push_back(texts("samples.prompts", "a list of texts", [](Recipe& r) -> std::vector<std::string>& { return r.samples.prompts; }));
}

#undef MEMBER

}  // namespace

const std::vector<RecipeField>& recipeFieldTable() {
    static const std::vector<RecipeField> table = [] {
        std::vector<RecipeField> fields;
        addModelFields(fields);
        addTrainingFields(fields);
        addOtherFields(fields);
        return fields;
    }();
    return table;
}

}  // namespace moescope::train
