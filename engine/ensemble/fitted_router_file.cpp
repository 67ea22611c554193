// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/fitted_router_file.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "engine/ensemble/router_kinds.h"
#include "engine/io/atomic_file.h"

namespace moescope {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kEnding = ".moe.json";
constexpr uintmax_t kMostBytes = uintmax_t{16} << 20;

Json readEnsemble(const fs::path& file) {
    const std::string name = file.filename().string();
    std::error_code code;
    const uintmax_t size = fs::file_size(file, code);
    std::ifstream stream(file, std::ios::binary);
    if (code || !stream)
        throw EngineException(ErrorCode::NotFound,
                              fmt::format("the ensemble file '{}' can not be opened; check the path", file.string()));
    const Json json = size > kMostBytes ? Json() : parseShallowJson<Json>(stream);
    if (!json.is_object() || !json.contains("experts") || !json["experts"].is_array() || json["experts"].empty())
        throw EngineException(ErrorCode::Format,
                              fmt::format("'{}' is not an ensemble file, which is a JSON object with a list of "
                                          "\"experts\"; give a *.moe.json",
                                          name));
    return json;
}

}  // namespace

Json routerSection(const LearnedRouterWeights& weights, const RouterSight& sight, const std::string& file) {
    const bool prompt = sight.promptWidth > 0;
    Json section{{"kind", "learned"},
                 {"input", prompt ? "prompt" : "picture"},
                 {"file", file},
                 {"time_width", weights.timeWidth}};
    if (!prompt) {
        section["picture"] = Json{{"grid", sight.pictureGrid}, {"channels", sight.pictureChannels}};
        return section;
    }
    Json& words = section["prompt"] =
        Json{{"source", sight.hashing ? "hashed" : "text-encoder"}, {"width", sight.promptWidth}};
    if (sight.hashing) {
        words["hash"] = kPromptHash;
        words["seed"] = sight.hashing->seed;
    }
    return section;
}

Result<std::string> writeFittedRouter(const fs::path& ensembleFile, const FittedRouter& router) {
    return guarded([&] {
        Json ensemble = readEnsemble(ensembleFile);
        std::string stem = ensembleFile.filename().string();
        stem = stem.ends_with(kEnding) ? stem.substr(0, stem.size() - kEnding.size()) : ensembleFile.stem().string();
        const std::string file = stem + ".router.safetensors";
        writeLearnedRouter(ensembleFile.parent_path() / file, router.weights, router.metadata).orThrow();
        ensemble["router"] = routerSection(router.weights, router.sight, file);
        AtomicFile target = AtomicFile::create(ensembleFile).orThrow();
        target.write(ensemble.dump(2, ' ', false, Json::error_handler_t::replace) + "\n").orThrow();
        target.commit().orThrow();
        return file;
    });
}

Result<std::vector<std::string>> ensembleExpertNames(const fs::path& ensembleFile) {
    return guarded([&] {
        std::vector<std::string> names;
        const Json ensemble = readEnsemble(ensembleFile);
        for (const Json& expert : ensemble["experts"]) {
            const nlohmann::json plain = expert;
            names.push_back(JsonFields(plain, fmt::format("expert {}", names.size() + 1)).text("name"));
        }
        return names;
    });
}

Result<std::shared_ptr<const Ensemble>> openExperts(const fs::path& ensembleFile) {
    return guarded([&] {
        nlohmann::json ensemble = readEnsemble(ensembleFile);
        ensemble["router"] = {{"kind", "rules"}};
        EnsembleFile file = parseEnsemble(ensemble, ensembleFile.filename().string()).orThrow();
        return Ensemble::make(std::move(file), ensembleFile).orThrow();
    });
}

Result<KnownRouter> readKnownRouter(const fs::path& ensembleFile) {
    return guarded([&] {
        const Json ensemble = readEnsemble(ensembleFile);
        const nlohmann::json json = ensemble.contains("router") ? nlohmann::json(ensemble["router"]) : nlohmann::json();
        JsonFields fields(json, "the router section");
        constexpr std::array<std::string_view, 1> kinds{"learned"};
        static_cast<void>(fields.oneOf("kind", kinds));
        const fs::path folder = ensembleFile.parent_path();
        const RouterSection section{fields, folder, {}};
        KnownRouter known;
        known.sight = readSight(fields);
        known.weights =
            readLearnedRouter(section.file(), known.sight.width(), fields.integer("time_width", 0, 65536)).orThrow();
        return known;
    });
}

}  // namespace moescope
