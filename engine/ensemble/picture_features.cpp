// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/picture_features.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/core/error.h"

namespace moescope {

std::vector<float> pictureFeatures(std::span<const float> picture, int64_t channels, int64_t side, int64_t grid) {
    if (grid < 1 || grid > side)
        throw EngineException(
            ErrorCode::InvalidArgument,
            fmt::format("the router divides pictures into {0} x {0} cells, which pictures of {1} x {1} do not have; "
                        "choose a grid from 1 to {1}",
                        grid, side));
    if (channels < 1 || static_cast<int64_t>(picture.size()) != channels * side * side)
        throw EngineException(
            ErrorCode::InvalidArgument,
            fmt::format("the picture has {0} values where {1} channels of {2} x {2} are expected; use "
                        "a router made for these pictures",
                        picture.size(), channels, side));
    std::vector<float> features(static_cast<size_t>(pictureFeatureWidth(channels, grid)));
    size_t at = 0;
    for (int64_t channel = 0; channel < channels; ++channel) {
        for (const bool deviation : {false, true}) {
            for (int64_t cell = 0; cell < grid * grid; ++cell) {
                const int64_t top = cell / grid * side / grid, bottom = (cell / grid + 1) * side / grid;
                const int64_t left = cell % grid * side / grid, right = (cell % grid + 1) * side / grid;
                const auto count = static_cast<double>((bottom - top) * (right - left));
                const auto sumOf = [&](auto&& measure) {
                    double sum = 0;
                    for (int64_t row = top; row < bottom; ++row)
                        for (int64_t column = left; column < right; ++column)
                            sum += measure(static_cast<double>(
                                picture[static_cast<size_t>((channel * side + row) * side + column)]));
                    return sum;
                };
                const double mean = sumOf([](double value) { return value; }) / count;
                const auto variance = [&] {
                    return sumOf([mean](double value) { return (value - mean) * (value - mean); }) / count;
                };
                features[at++] = static_cast<float>(deviation ? std::sqrt(variance()) : mean);
            }
        }
    }
    return features;
}

}  // namespace moescope
