// SPDX-License-Identifier: Apache-2.0
// The noise schedule of an expert that predicts noise, as diffusers' scheduler_config.json describes it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// The share of data abar_i = product of (1 - beta) up to step i, in double, falling. Takes "linear", "scaled_linear" and
/// "squaredcos_cap_v2" betas and lists of them ("trained_betas"); refuses predictions other than "epsilon" and rescaled schedules.
/// `where` begins the sentences.
Result<std::vector<double>> abarOfSchedule(const nlohmann::json& config, const std::string& where);

/// The scheduler_config.json of a checkpoint: beside it, in `scheduler/` beside it or in the folder above. Empty: there is none.
std::filesystem::path schedulerConfigOf(const std::filesystem::path& checkpointFile);

}  // namespace moescope
