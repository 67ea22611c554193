// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/expert_schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "engine/ensemble/json_fields.h"

namespace moescope {
namespace {

constexpr int64_t kMostSteps = 1000000;

std::vector<double> betasOf(JsonFields& fields) {
    if (const nlohmann::json* trained = fields.find("trained_betas"); trained && !trained->is_null()) {
        if (!trained->is_array() || trained->empty() || !std::ranges::all_of(*trained, [](const auto& beta) { return beta.is_number(); }))
            fields.wrong("trained_betas", "a list of numbers", *trained);
        return trained->get<std::vector<double>>();
    }
    constexpr std::array<std::string_view, 3> kinds{"linear", "scaled_linear", "squaredcos_cap_v2"};
    const auto steps = static_cast<size_t>(fields.integer("num_train_timesteps", 1, kMostSteps, 1000));
    const double first = fields.number("beta_start", 0, 1, 1e-4), last = fields.number("beta_end", 0, 1, 0.02);
    const std::string kind = fields.oneOf("beta_schedule", kinds, "linear");
    std::vector<double> betas(steps);
    const auto shareAt = [](double t) {  // of data, arXiv 2102.09672
        const double c = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
        return c * c;
    };
    for (size_t i = 0; i < steps; ++i) {
        const double along = steps > 1 ? static_cast<double>(i) / static_cast<double>(steps - 1) : 0;
        if (kind == "linear") {
            betas[i] = first + along * (last - first);
        } else if (kind == "scaled_linear") {
            const double root = std::sqrt(first) + along * (std::sqrt(last) - std::sqrt(first));
            betas[i] = root * root;
        } else {
            const auto n = static_cast<double>(steps);
            betas[i] = std::min(1 - shareAt(static_cast<double>(i + 1) / n) / shareAt(static_cast<double>(i) / n), 0.999);
        }
    }
    return betas;
}

}  // namespace

Result<std::vector<double>> abarOfSchedule(const nlohmann::json& config, const std::string& where) {
    return guarded([&] {
        JsonFields fields(config, where);
        constexpr std::array<std::string_view, 1> predictions{"epsilon"};
        static_cast<void>(fields.oneOf("prediction_type", predictions, "epsilon"));
        if (fields.flag("rescale_betas_zero_snr", false))
            fields.wrong("rescale_betas_zero_snr", "false", true);
        std::vector<double> abar;
        double share = 1;
        for (const double beta : betasOf(fields)) {
            if (!(beta > 0 && beta < 1))
                throw EngineException(ErrorCode::Format, where + " gives a beta outside 0 to 1; correct beta_start and beta_end or the list");
            share *= 1 - beta;
            abar.push_back(share);
        }
        return abar;
    });
}

std::filesystem::path schedulerConfigOf(const std::filesystem::path& checkpointFile) {
    constexpr const char* name = "scheduler_config.json";
    const std::filesystem::path folder = checkpointFile.parent_path();
    std::error_code ignored;
    for (const auto& place : {folder / name, folder / "scheduler" / name, folder.parent_path() / "scheduler" / name})
        if (std::filesystem::is_regular_file(place, ignored)) return place;
    return {};
}

}  // namespace moescope
