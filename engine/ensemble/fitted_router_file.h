// SPDX-License-Identifier: Apache-2.0
// A fitted router on disk: its weights beside the ensemble file, and the file's router section that names them.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/ensemble/ensemble.h"
#include "engine/ensemble/router_fit.h"

namespace moescope {

/// The router section for a learned router whose weights lie in `file` beside the ensemble file.
nlohmann::ordered_json routerSection(const LearnedRouterWeights& weights, const RouterSight& sight,
                                     const std::string& file);

/// Writes the weights with their metadata as `NAME.router.safetensors` beside NAME.moe.json, then puts the section into
/// that file, whose other fields stay as they are. Each of the two is written whole or not at all. Returns the name of
/// the weights' file.
Result<std::string> writeFittedRouter(const std::filesystem::path& ensembleFile, const FittedRouter& router);

/// The experts' names as the ensemble file lists them.
Result<std::vector<std::string>> ensembleExpertNames(const std::filesystem::path& ensembleFile);

/// The ensemble with its experts, whatever its router section holds, and where it has none yet: rules take its place.
Result<std::shared_ptr<const Ensemble>> openExperts(const std::filesystem::path& ensembleFile);

struct KnownRouter {
    LearnedRouterWeights weights;
    RouterSight sight;
};

/// The learned router of an ensemble file, whatever number of experts it has rows for.
Result<KnownRouter> readKnownRouter(const std::filesystem::path& ensembleFile);

}  // namespace moescope
