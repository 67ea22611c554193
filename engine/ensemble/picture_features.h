// SPDX-License-Identifier: Apache-2.0
// A noisy picture as a few numbers: how bright and how varied each channel is, region by region.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moescope {

/// `picture` [channels, side, side] as it enters the networks. Cell (r, c) of a grid x grid division covers rows
/// r side / grid .. (r + 1) side / grid - 1 (rounded down), columns likewise. Per channel, the means of all cells by
/// rows, then the standard deviations (over all values of a cell, no Bessel correction): [channels * 2 * grid * grid].
/// Sums are taken in double, row by row. Throws EngineException where grid is not within 1 .. side or the picture's
/// size does not fit.
std::vector<float> pictureFeatures(std::span<const float> picture, int64_t channels, int64_t side, int64_t grid);

/// Length of pictureFeatures().
constexpr int64_t pictureFeatureWidth(int64_t channels, int64_t grid) {
    return channels * 2 * grid * grid;
}

}  // namespace moescope
