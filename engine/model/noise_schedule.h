// SPDX-License-Identifier: Apache-2.0
// The noise of a discrete diffusion: how much signal is left at each of its timesteps, and what its network predicts of
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// What a network of a discrete diffusion x = a data + s noise (a = sqrt(abar), s = sqrt(1 - abar)) gives.
enum class NoiseTarget : uint8_t {
    Noise,     // "epsilon"
    Velocity,  // "v_prediction": a noise - s data (arXiv 2202.00512)
    Data,      // "sample"
};

/// Const after it is made; in double throughout.
struct NoiseSchedule {
    std::vector<double>
        alphaBar;  // [steps] product of 1 - beta up to each timestep; strictly decreasing, above 0 and below 1
    NoiseTarget target = NoiseTarget::Noise;
    std::string source;  // "scheduler_config.json", "ensemble.moe.json": where it came from

    int64_t steps() const { return static_cast<int64_t>(alphaBar.size()); }

    /// The timestep, 0 .. steps - 1 and fractional, at which a share `wanted` of the variance is signal. Straight lines
    /// between neighbours of the table (alphaBar against index), so the answer grows as `wanted` falls; beyond the
    /// table its ends.
    double indexOf(double wanted) const;
    /// alphaBar at a fractional timestep by the same lines; timesteps beyond the table take its ends.
    double alphaBarAt(double index) const;
    /// indexOf for a flow's time (data at 1): the timestep where abar = t^2 / (t^2 + (1 - t)^2).
    double indexOfFlowTime(double flowTime) const;
};

/// Predicted noise and data of one value, from what the network gave at signal share `alphaBar` (above 0 and below 1).
struct NoiseAndData {
    double noise = 0, data = 0;
};
NoiseAndData splitPrediction(NoiseTarget target, double alphaBar, double x, double prediction);

/// A scheduler configuration in the layout of diffusers: num_train_timesteps, beta_start, beta_end, beta_schedule
/// (linear, scaled_linear, squaredcos_cap_v2), trained_betas, rescale_betas_zero_snr, prediction_type (epsilon,
/// v_prediction, sample). What is left out has the defaults of diffusers. The error names the setting, what was
/// expected and what was found.
Result<NoiseSchedule> parseNoiseSchedule(const nlohmann::json& config, std::string source);

/// The configuration that belongs to a network's folder: scheduler_config.json inside it, else
/// ../scheduler/scheduler_config.json. Empty where there is neither; an error where there is one that can not be used.
Result<std::optional<NoiseSchedule>> findNoiseSchedule(const std::filesystem::path& folder);

}  // namespace moescope
