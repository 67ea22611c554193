// SPDX-License-Identifier: Apache-2.0
#include "engine/model/noise_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/model/setting_bag.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMostSteps = 100000;
constexpr double kLargestCosineBeta = 0.999;

std::string shown(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60);
}

[[noreturn]] void refuse(std::string_view key, std::string_view expected, const std::string& found) {
    throw EngineException(ErrorCode::Unsupported,
                          fmt::format("the noise schedule should give {} as {}, found {}", key, expected, found));
}

const json* given(const json& config, const char* key) {
    const auto found = config.find(key);
    return found == config.end() || found->is_null() ? nullptr : &*found;
}

double numberOf(const json& config, const char* key, double fallback, double above, double below) {
    const json* value = given(config, key);
    if (!value) return fallback;
    if (!value->is_number() || !(value->get<double>() > above && value->get<double>() < below))
        refuse(key, fmt::format("a number between {} and {}", above, below), shown(*value));
    return value->get<double>();
}

std::string textOf(const json& config, const char* key, const char* fallback) {
    const json* value = given(config, key);
    if (!value) return fallback;
    return value->is_string() ? value->get<std::string>() : shown(*value);
}

/// `count` numbers from `first` to `last` in equal steps.
std::vector<double> evenly(double first, double last, int64_t count) {
    std::vector<double> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
        values[static_cast<size_t>(i)] =
            count == 1 ? first : first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1);
    return values;
}

/// beta_i = 1 - f((i+1)/n) / f(i/n), at most 0.999, f(u) = cos^2((u + 0.008) / 1.008 pi/2) (arXiv 2102.09672, equation
/// 17).
std::vector<double> cosineBetas(int64_t count) {
    const auto signal = [&](int64_t i) {
        const double c =
            std::cos((static_cast<double>(i) / static_cast<double>(count) + 0.008) / 1.008 * std::numbers::pi / 2);
        return c * c;
    };
    std::vector<double> betas(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
        betas[static_cast<size_t>(i)] = std::min(1 - signal(i + 1) / signal(i), kLargestCosineBeta);
    return betas;
}

std::vector<double> betasOf(const json& config) {
    if (const json* trained = given(config, "trained_betas")) {
        std::vector<double> betas;
        if (trained->is_array() && static_cast<int64_t>(trained->size()) <= kMostSteps)
            for (const json& beta : *trained)
                if (beta.is_number() && beta.get<double>() > 0 && beta.get<double>() < 1)
                    betas.push_back(beta.get<double>());
        if (betas.empty() || betas.size() != trained->size())
            refuse("trained_betas", "a list of numbers between 0 and 1", shown(*trained));
        return betas;
    }
    const double count = numberOf(config, "num_train_timesteps", 1000, 0, kMostSteps + 1);
    if (count != std::nearbyint(count)) refuse("num_train_timesteps", "a whole number", fmt::format("{}", count));
    const auto steps = static_cast<int64_t>(count);
    const double start = numberOf(config, "beta_start", 1e-4, 0, 1), end = numberOf(config, "beta_end", 0.02, 0, 1);
    const std::string shape = textOf(config, "beta_schedule", "linear");
    if (shape == "linear") return evenly(start, end, steps);
    if (shape == "squaredcos_cap_v2") return cosineBetas(steps);
    if (shape != "scaled_linear") refuse("beta_schedule", "linear, scaled_linear or squaredcos_cap_v2", shape);
    std::vector<double> betas = evenly(std::sqrt(start), std::sqrt(end), steps);
    for (double& beta : betas) beta *= beta;
    return betas;
}

NoiseTarget targetOf(const json& config) {
    const std::string type = textOf(config, "prediction_type", "epsilon");
    if (type == "epsilon") return NoiseTarget::Noise;
    if (type == "v_prediction") return NoiseTarget::Velocity;
    if (type == "sample") return NoiseTarget::Data;
    refuse("prediction_type", "epsilon, v_prediction or sample", type);
}

NoiseSchedule parse(const json& config, std::string source) {
    if (!config.is_object())
        throw EngineException(ErrorCode::Format,
                              "a noise schedule should be an object of settings, found " + shown(config));
    NoiseSchedule schedule;
    schedule.source = std::move(source);
    schedule.target = targetOf(config);
    if (const json* rescaled = given(config, "rescale_betas_zero_snr"); rescaled && *rescaled != false)
        refuse("rescale_betas_zero_snr",
               "false, since its last timestep has no signal that a clean picture could be taken from",
               shown(*rescaled));
    double product = 1;
    for (const double beta : betasOf(config)) schedule.alphaBar.push_back(product *= 1 - beta);
    if (product < 1e-30)
        refuse("its betas", "noise that leaves some signal at the last timestep",
               fmt::format("a share of {}", product));
    return schedule;
}

}  // namespace

double NoiseSchedule::indexOf(double wanted) const {
    if (alphaBar.empty() || !(wanted < alphaBar.front())) return 0;
    if (wanted <= alphaBar.back()) return static_cast<double>(steps() - 1);
    // The first entry that is not above `wanted`; its neighbour before is.
    const auto lower = std::lower_bound(alphaBar.begin(), alphaBar.end(), wanted,
                                        [](double entry, double value) { return entry > value; });
    const double after = *lower, before = *(lower - 1);
    return static_cast<double>(lower - alphaBar.begin()) - (wanted - after) / (before - after);
}

double NoiseSchedule::alphaBarAt(double index) const {
    const double last = static_cast<double>(steps() - 1), at = std::clamp(index, 0.0, last),
                 whole = std::min(std::floor(at), std::max(0.0, last - 1));
    const auto i = static_cast<size_t>(whole);
    if (i + 1 >= alphaBar.size()) return alphaBar[i];
    return alphaBar[i] + (at - whole) * (alphaBar[i + 1] - alphaBar[i]);
}

double NoiseSchedule::indexOfFlowTime(double flowTime) const {
    const double signal = flowTime * flowTime, noise = (1 - flowTime) * (1 - flowTime);
    return indexOf(signal / (signal + noise));
}

NoiseAndData splitPrediction(NoiseTarget target, double alphaBar, double x, double prediction) {
    const double a = std::sqrt(alphaBar), s = std::sqrt(1 - alphaBar);
    switch (target) {
        case NoiseTarget::Noise:
            return {prediction, (x - s * prediction) / a};
        case NoiseTarget::Data:
            return {(x - a * prediction) / s, prediction};
        case NoiseTarget::Velocity:
            break;
    }
    return {s * x + a * prediction, a * x - s * prediction};
}

Result<NoiseSchedule> parseNoiseSchedule(const json& config, std::string source) {
    return guarded([&] { return parse(config, std::move(source)); });
}

Result<std::optional<NoiseSchedule>> findNoiseSchedule(const fs::path& folder) {
    constexpr const char* kFile = "scheduler_config.json";
    for (const fs::path& place : {folder / kFile, folder.parent_path() / "scheduler" / kFile}) {
        std::error_code ignored;
        if (!fs::exists(place, ignored)) continue;
        const auto config = readConfigFile(place);
        if (!config.ok()) return config.error();
        auto schedule = parseNoiseSchedule(*config, kFile);
        if (!schedule.ok())
            return EngineError{schedule.error().code, fmt::format("{} ({})", schedule.error().message, kFile)};
        return std::optional<NoiseSchedule>(std::move(*schedule));
    }
    return std::optional<NoiseSchedule>();
}

}  // namespace moescope
