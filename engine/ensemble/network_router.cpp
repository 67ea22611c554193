// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/network_router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/core/name_list.h"
#include "engine/ensemble/picture_features.h"
#include "engine/ensemble/router_kinds.h"

namespace moescope {
namespace {

constexpr int64_t kMaxSide = 65536;
constexpr float kNever = -std::numeric_limits<float>::infinity();

void checkLogits(std::span<const float> logits, int64_t topK) {
    const auto experts = static_cast<int64_t>(logits.size());
    if (topK < 1 || topK > experts)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{} networks are asked to run per evaluation and the ensemble has {}; choose "
                                          "a number from 1 to {}",
                                          topK, experts, experts));
    const auto bad = std::ranges::find_if(logits, [](float l) { return std::isnan(l) || l > 3.4e38F; });
    if (bad != logits.end())
        throw EngineException(ErrorCode::Numeric,
                              fmt::format("the router gave the number {} to network {} where a finite one is expected; "
                                          "check its weights and the prompt embedding",
                                          *bad, bad - logits.begin()));
    if (std::ranges::all_of(logits, [](float l) { return l == kNever; }))
        throw EngineException(ErrorCode::InvalidArgument,
                              "the router gives no network any weight here; give at least one network a weight above "
                              "0 for every prompt and noise level");
}

}  // namespace

std::vector<float> blendWeights(std::span<const float> logits, int64_t topK) {
    checkLogits(logits, topK);
    std::vector<size_t> order(logits.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    order.resize(static_cast<size_t>(topK));
    const float largest = logits[order.front()];
    std::vector<float> weights(logits.size());
    double sum = 0;  // in falling order of the logits: a network of weight 0 changes no bit of it
    for (const size_t chosen : order)
        sum += std::exp(static_cast<double>(logits[chosen]) - static_cast<double>(largest));
    for (const size_t chosen : order)
        weights[chosen] =
            static_cast<float>(std::exp(static_cast<double>(logits[chosen]) - static_cast<double>(largest)) / sum);
    return weights;
}

std::vector<float> manualWeights(std::span<const float> weights) {
    for (const float weight : weights)
        if (!(std::isfinite(weight) && weight >= 0))
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{} was given as the weight of a network where a number of at least 0 is "
                                              "expected; correct it",
                                              weight));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (sum == 0)
        throw EngineException(ErrorCode::InvalidArgument,
                              "all networks were given the weight 0; give at least one of them a weight above 0");
    std::vector<float> scaled;
    for (const float weight : weights) scaled.push_back(static_cast<float>(static_cast<double>(weight) / sum));
    return scaled;
}

void RouterSection::expectRows(int64_t rows, const std::string& what) const {
    if (rows != static_cast<int64_t>(expertNames.size()))
        throw EngineException(ErrorCode::Format,
                              fmt::format("{} has rows for {} experts and the ensemble has {}; add or remove rows, or "
                                          "fit the router again",
                                          what, rows, expertNames.size()));
}

size_t RouterSection::expert(std::string_view name, const std::string& where) const {
    const auto found = std::ranges::find(expertNames, name);
    if (found != expertNames.end()) return static_cast<size_t>(found - expertNames.begin());
    const std::string near = nearestName(name, expertNames);
    throw EngineException(ErrorCode::Format,
                          fmt::format("{} names the expert {}, which the ensemble does not have; {}", where,
                                      jsonExcerpt(std::string(name)),
                                      near.empty() ? fmt::format("it has {}", quotedList(expertNames, "and"))
                                                   : fmt::format("did you mean '{}'?", near)));
}

std::filesystem::path RouterSection::file() const {
    std::filesystem::path path = folder / fields.text("file");
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw EngineException(ErrorCode::NotFound,
                              fmt::format("the router's file '{}' is not in the folder of the ensemble file; put it "
                                          "there or correct \"file\" in the router section",
                                          jsonExcerpt(fields.text("file"))));
    return path;
}

RouterSight readSight(JsonFields& fields) {
    constexpr std::array<std::string_view, 2> inputs{"prompt", "picture"};
    RouterSight sight;
    if (fields.oneOf("input", inputs, "prompt") == "prompt") {
        readPromptSection(fields.need("prompt"), sight);
        return sight;
    }
    JsonFields picture(fields.need("picture"), "\"picture\" of the router section");
    sight.pictureGrid = picture.integer("grid", 1, kMaxSide);
    sight.pictureChannels = picture.integer("channels", 1, 1024);
    picture.refuseOthers();
    return sight;
}

void readPromptSection(const nlohmann::json& section, RouterSight& sight) {
    constexpr std::array<std::string_view, 2> sources{"hashed", "text-encoder"};
    constexpr std::array<std::string_view, 1> hashes{kPromptHash};
    JsonFields prompt(section, "\"prompt\" of the router section");
    sight.promptWidth = prompt.integer("width", 1, kMaxPromptWidth);
    if (prompt.oneOf("source", sources) == "hashed") {
        static_cast<void>(prompt.oneOf("hash", hashes));
        sight.hashing = PromptFeatures{sight.promptWidth, prompt.seed("seed", 0)};
    }
    prompt.refuseOthers();
}

std::unique_ptr<NetworkRouter> readLearnedKind(const RouterSection& section) {
    const RouterSight sight = readSight(section.fields);
    const int64_t timeWidth = section.fields.integer("time_width", 0, 65536);
    if (timeWidth % 2 != 0) section.fields.wrong("time_width", "an even number", timeWidth);
    LearnedRouterWeights weights = readLearnedRouter(section.file(), sight.width(), timeWidth).orThrow();
    if (section.fields.integer("hidden", 1, kMaxSide, weights.hidden()) != weights.hidden())
        section.fields.wrong("hidden",
                             fmt::format("{}, as many as out.weight in its file has columns,", weights.hidden()),
                             section.fields.need("hidden"));
    section.expectRows(weights.experts(), "the router's file");
    return makeLearnedRouter(std::move(weights), sight);
}

Result<std::unique_ptr<NetworkRouter>> loadRouter(const nlohmann::json& routerSection,
                                                  const std::filesystem::path& folder,
                                                  std::span<const std::string> expertNames) {
    return guarded([&]() -> std::unique_ptr<NetworkRouter> {
        constexpr std::array<std::string_view, 3> kinds{"learned", "prototypes", "rules"};
        JsonFields fields(routerSection, "the router section");
        const RouterSection section{fields, folder, expertNames};
        const std::string kind = fields.oneOf("kind", kinds);
        std::unique_ptr<NetworkRouter> router = kind == "learned"      ? readLearnedKind(section)
                                                : kind == "prototypes" ? readPrototypeKind(section)
                                                                       : readRuleKind(section);
        fields.refuseOthers();
        return router;
    });
}

}  // namespace moescope
