// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/diffusion_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "engine/model/noise_schedule.h"

namespace moescope {
namespace {

constexpr double kFirstBeta = 1e-4, kLastBeta = 0.02;
constexpr size_t kMostSections = kTrainedTimesteps;

std::optional<int> wholeNumber(std::string_view text) {
    int value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

EngineError refuse(std::string sentence) { return {ErrorCode::InvalidArgument, std::move(sentence)}; }

EngineError unreadable(std::string_view respacing) {
    return refuse(fmt::format("the respacing should be a number of steps (250), a count for each section (10,15,20) or ddimN (ddim50), "
                              "found '{}'",
                              respacing.substr(0, 60)));
}

Result<std::vector<int>> wholeStride(int wanted) {
    for (int stride = 1; stride < kTrainedTimesteps; ++stride) {
        if ((kTrainedTimesteps + stride - 1) / stride != wanted) continue;
        std::vector<int> kept;
        for (int index = 0; index < kTrainedTimesteps; index += stride) kept.push_back(index);
        return kept;
    }
    return refuse(fmt::format("no whole stride keeps exactly {} of {} timesteps; choose another number, or '{}' without ddim in front",
                              wanted, kTrainedTimesteps, wanted));
}

Result<std::vector<int>> sections(const std::vector<int>& counts) {
    const int number = static_cast<int>(counts.size());
    std::vector<int> kept;
    int start = 0;
    for (int section = 0; section < number; ++section) {
        const int size = kTrainedTimesteps / number + (section < kTrainedTimesteps % number ? 1 : 0);
        const int count = counts[static_cast<size_t>(section)];
        if (count > size)
            return refuse(fmt::format("section {} of {} of the respacing has {} timesteps, found {} steps for it", section + 1, number,
                                      size, count));
        const double stride = count > 1 ? static_cast<double>(size - 1) / (count - 1) : 1.0;
        double position = 0;  // added up, as the published code does, so that ties round the same way
        for (int step = 0; step < count; ++step, position += stride)
            kept.push_back(start + static_cast<int>(std::nearbyint(position)));
        start += size;
    }
    if (kept.empty()) return refuse("the respacing keeps no timestep at all; give at least one section a step");
    return kept;
}

}  // namespace

std::vector<double> linearAlphasCumprod() {
    std::vector<double> cumprod;
    const double width = (kLastBeta - kFirstBeta) / (kTrainedTimesteps - 1);
    double product = 1;
    for (int i = 0; i < kTrainedTimesteps; ++i) {
        const double beta = i + 1 == kTrainedTimesteps ? kLastBeta : kFirstBeta + i * width;
        cumprod.push_back(product *= 1 - beta);
    }
    return cumprod;
}

std::vector<double> trainedAlphasCumprod(const ModelDescription& description) {
    return description.noise ? description.noise->alphaBar : linearAlphasCumprod();
}

Result<std::vector<int>> keptTimesteps(std::string_view respacing, int steps) {
    constexpr std::string_view stride = "ddim";
    if (respacing.empty()) {
        if (steps < 1 || steps > kTrainedTimesteps)
            return refuse(fmt::format("steps should be 1 to {} (the timesteps of this model), found {}", kTrainedTimesteps, steps));
        return sections({steps});
    }
    if (respacing.starts_with(stride)) {
        const auto wanted = wholeNumber(respacing.substr(stride.size()));
        if (!wanted) return unreadable(respacing);
        return wholeStride(*wanted);
    }
    std::vector<int> counts;
    for (std::string_view rest = respacing;;) {
        const size_t comma = rest.find(',');
        const auto count = wholeNumber(rest.substr(0, comma));
        if (!count || counts.size() == kMostSections) return unreadable(respacing);
        counts.push_back(*count);
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return sections(counts);
}

float DiffusionSchedule::noiseLevel(int i) const {
    const double data = std::sqrt(alphasCumprod[static_cast<size_t>(i)]);
    const double noise = std::sqrt(1 - alphasCumprod[static_cast<size_t>(i)]);
    return static_cast<float>(noise / (data + noise));
}

DiffusionSchedule respacedSchedule(std::span<const double> alphasCumprod, std::vector<int> timesteps) {
    DiffusionSchedule s;
    s.timesteps = std::move(timesteps);
    double kept = 1, product = 1;
    for (const int timestep : s.timesteps) {
        const double alphas = alphasCumprod[static_cast<size_t>(timestep)];
        const double beta = 1 - alphas / kept, before = product;
        kept = alphas;
        product *= 1 - beta;
        s.betas.push_back(beta);
        s.alphasCumprod.push_back(product);
        s.posteriorLogVariance.push_back(beta * (1 - before) / (1 - product));
        s.posteriorClean.push_back(beta * std::sqrt(before) / (1 - product));
        s.posteriorState.push_back((1 - before) * std::sqrt(1 - beta) / (1 - product));
    }
    // The first entry is log 0. Nothing is added there; any finite number does where there is no second.
    if (s.steps() > 0) s.posteriorLogVariance[0] = s.steps() > 1 ? s.posteriorLogVariance[1] : s.betas[0];
    for (double& variance : s.posteriorLogVariance) variance = std::log(variance);
    return s;
}

namespace {

std::array<float, 2> cleanCoefficients(double alphas) {
    return {static_cast<float>(std::sqrt(1 / alphas)), static_cast<float>(std::sqrt(1 / alphas - 1))};
}

}  // namespace

std::array<float, 8> ddpmStep(const DiffusionSchedule& schedule, int i) {
    const auto at = static_cast<size_t>(i);
    const auto [state, noise] = cleanCoefficients(schedule.alphasCumprod[at]);
    return {state,
            noise,
            static_cast<float>(schedule.posteriorClean[at]),
            static_cast<float>(schedule.posteriorState[at]),
            0.0f,
            static_cast<float>(std::log(schedule.betas[at])),
            static_cast<float>(schedule.posteriorLogVariance[at]),
            i ? 1.0f : 0.0f};
}

std::array<float, 8> ddimStep(const DiffusionSchedule& schedule, int i, double eta) {
    const auto [state, noise] = cleanCoefficients(schedule.alphasCumprod[static_cast<size_t>(i)]);
    const float alphas = static_cast<float>(schedule.alphasCumprod[static_cast<size_t>(i)]);
    const float before = static_cast<float>(schedule.alphasBefore(i));
    const float sigma =
        static_cast<float>(eta) * std::sqrt((1 - before) / (1 - alphas)) * std::sqrt(1 - alphas / before);
    return {state, noise, std::sqrt(before), 0.0f, std::sqrt(1 - before - sigma * sigma), 0.0f, 0.0f, i ? sigma : 0.0f};
}

}  // namespace moescope
