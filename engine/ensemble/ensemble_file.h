// SPDX-License-Identifier: Apache-2.0
// The ensemble file `*.moe.json`: which networks are the experts of a mixture, who chooses among them, how many run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

inline constexpr std::string_view ensembleSchema = "moescope.ensemble/v1";
inline constexpr std::string_view ensembleEnding = ".moe.json";

/// One expert as the file names it.
struct EnsembleExpert {
    std::string name;
    std::filesystem::path file;                           // checkpoint, relative to the ensemble file
    std::string weightSet;                                // "weights": "ema", ...; empty: the preferred one
    nlohmann::json settings = nlohmann::json::object();   // what the checkpoint's tensors can not tell, by name
    nlohmann::json schedule;                              // of a noise predictor, as in a scheduler_config.json; null: none
    float weight = 1;                                     // > 0; its share is multiplied with it
    float bias = 0;                                       // added to the router's logit
};

/// Everything the file says. Paths are as written.
struct EnsembleFile {
    std::string name;         // for a person; empty: the file's name
    std::string description;  // for a person
    std::vector<EnsembleExpert> experts;
    nlohmann::json router;  // see loadRouter
    int64_t topK = 1;
    bool eachBranch = false;  // guidance: the branch without prompt asks the router itself
};

/// Whether a path is opened as an ensemble: by its ending, or by the schema inside a `.json`.
bool isEnsembleFile(const std::filesystem::path& path);

/// Checks all that can be told without the experts' files: types, unknown fields, names, k. `source` appears in the sentences.
Result<EnsembleFile> parseEnsemble(const nlohmann::json& json, const std::string& source);
Result<EnsembleFile> readEnsembleFile(const std::filesystem::path& path);

/// What parseEnsemble reads, fields in a readable order, defaults left out.
nlohmann::ordered_json toJson(const EnsembleFile& file);
/// Checked first, then written whole or not at all.
Status writeEnsembleFile(const EnsembleFile& file, const std::filesystem::path& path);

}  // namespace moescope
