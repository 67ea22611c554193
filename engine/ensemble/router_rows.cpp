// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/router_rows.h"

#include <fmt/format.h>

#include "engine/ensemble/fitted_router_file.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string kindOf(const Json& router) {
    const auto kind = router.find("kind");
    return kind != router.end() && kind->is_string() ? kind->get<std::string>() : std::string();
}

/// Writes them beside the ensemble file under its name and names them in the section.
Json withWeights(Json router, const LearnedRouterWeights& weights, const fs::path& path) {
    std::string stem = path.filename().string();
    if (stem.ends_with(ensembleEnding)) stem.resize(stem.size() - ensembleEnding.size());
    const std::string name = stem + ".router.safetensors";
    writeLearnedRouter(path.parent_path() / name, weights, {{"moescope.content", "router over networks"}}).orThrow();
    router["file"] = name;
    return router;
}

LearnedRouterWeights withoutRow(const LearnedRouterWeights& weights, size_t index) {
    LearnedRouterWeights fewer = weights;
    const auto width = static_cast<std::ptrdiff_t>(weights.outWeight.shape[1]), row = static_cast<std::ptrdiff_t>(index);
    fewer.outWeight.data.erase(fewer.outWeight.data.begin() + row * width, fewer.outWeight.data.begin() + (row + 1) * width);
    fewer.outBias.data.erase(fewer.outBias.data.begin() + row);
    --fewer.outWeight.shape[0];
    --fewer.outBias.shape[0];
    return fewer;
}

/// Takes `name` out of every rule; a rule that named nobody else goes.
Json rulesWithout(Json router, const std::string& name) {
    const auto strip = [&](Json& weights) {
        if (weights.is_object()) weights.erase(name);
        return !weights.empty();
    };
    if (router.contains("rules") && router["rules"].is_array()) {
        Json kept = Json::array();
        for (Json rule : router["rules"])
            if (!rule.is_object() || !rule.contains("weights") || strip(rule["weights"])) kept.push_back(std::move(rule));
        router["rules"] = std::move(kept);
    }
    if (router.contains("otherwise") && !strip(router["otherwise"])) router.erase("otherwise");
    return router;
}

[[noreturn]] void refuseStoredPrototypes() {
    throw EngineException(ErrorCode::Unsupported, "the router's prototypes lie in a file of their own, which is not changed here; give them as \"words\", "
                                                  "or replace the router section");
}

}  // namespace

Result<Json> routerWithout(const EnsembleFile& file, const fs::path& path, size_t index) {
    return guarded([&] {
        Json router = file.router;
        const std::string kind = kindOf(router), &name = file.experts[index].name;
        if (kind == "learned") {
            const LearnedRouterWeights weights = readKnownRouter(path).orThrow().weights;
            if (weights.experts() != static_cast<int64_t>(file.experts.size()))
                throw EngineException(ErrorCode::Format, fmt::format("the router has rows for {} experts and the ensemble has {}", weights.experts(),
                                                                     file.experts.size()));
            return withWeights(std::move(router), withoutRow(weights, index), path);
        }
        if (kind == "rules") return rulesWithout(std::move(router), name);
        if (!router.contains("words")) refuseStoredPrototypes();
        router["words"].erase(name);
        return router;
    });
}

Result<Json> routerWith(const EnsembleFile& file, const fs::path& path, const std::string& name, const std::string& words, float bias) {
    return guarded([&] {
        Json router = file.router;
        const std::string kind = kindOf(router);
        if (kind == "learned") {
            const LearnedRouterWeights weights = readKnownRouter(path).orThrow().weights;
            const std::vector<float> row(static_cast<size_t>(weights.outWeight.shape[1]));
            return withWeights(std::move(router), weights.withRow(row, bias), path);
        }
        if (kind == "rules") return router;
        if (!router.contains("words")) refuseStoredPrototypes();
        if (words.empty())
            throw EngineException(ErrorCode::InvalidArgument, fmt::format("the router compares prompts with a text for each expert; say what '{}' is for "
                                                                          "with --words TEXT", name));
        router["words"][name] = words;
        return router;
    });
}

}  // namespace moescope
