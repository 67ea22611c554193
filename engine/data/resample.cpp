// SPDX-License-Identifier: Apache-2.0
#include "engine/data/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moescope {
namespace {

/// The source pixels that make one target pixel, and their shares, which sum to 1.
struct Taps {
    int64_t first = 0;
    std::vector<double> shares;
};

double sinc(double x) {
    const double angle = std::numbers::pi * x;
    return std::abs(x) < 1e-12 ? 1 : std::sin(angle) / angle;
}

/// Weight of source pixel `i` for the target pixel whose middle lies at `centre`, `step` source pixels wide.
double weightOf(ResampleFilter filter, int64_t i, double centre, double step) {
    const double middle = static_cast<double>(i) + 0.5;
    if (filter == ResampleFilter::Lanczos) {
        const double x = (middle - centre) / std::max(step, 1.0);
        return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    }
    if (step < 1) return std::max(0.0, 1 - std::abs(middle - centre));
    const double low = std::max(static_cast<double>(i), centre - step / 2),
                 high = std::min(static_cast<double>(i + 1), centre + step / 2);
    return std::max(0.0, high - low);
}

std::vector<Taps> tapsOf(double from, double to, int64_t source, int64_t target, ResampleFilter filter) {
    const double step = (to - from) / static_cast<double>(target);
    const double reach = filter == ResampleFilter::Lanczos ? 3 * std::max(step, 1.0) : std::max(step / 2, 1.0);
    std::vector<Taps> all(static_cast<size_t>(target));
    for (int64_t cell = 0; cell < target; ++cell) {
        const double centre = from + (static_cast<double>(cell) + 0.5) * step;
        Taps& taps = all[static_cast<size_t>(cell)];
        taps.first = std::clamp<int64_t>(static_cast<int64_t>(std::floor(centre - reach)), 0, source - 1);
        const int64_t last =
            std::clamp<int64_t>(static_cast<int64_t>(std::ceil(centre + reach)), taps.first + 1, source);
        double sum = 0;
        for (int64_t i = taps.first; i < last; ++i) sum += taps.shares.emplace_back(weightOf(filter, i, centre, step));
        if (sum == 0) taps.shares.assign(1, sum = 1);  // a pixel that the rounding of a box left without a neighbour
        for (double& share : taps.shares) share /= sum;
    }
    return all;
}

}  // namespace

Picture8 resample(const Picture8& picture, const PictureBox& box, int64_t width, int64_t height,
                  ResampleFilter filter) {
    const std::vector<Taps> columns = tapsOf(box.left, box.right, picture.width, width, filter);
    const std::vector<Taps> rows = tapsOf(box.top, box.bottom, picture.height, height, filter);
    // Rows first, those that a target row needs, so that memory is one row per target row and channel.
    const auto sourceStride = static_cast<size_t>(3 * picture.width);
    std::vector<double> gathered(sourceStride);
    Picture8 scaled{width, height, std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
    size_t at = 0;
    for (const Taps& row : rows) {
        std::ranges::fill(gathered, 0.0);
        for (size_t tap = 0; tap < row.shares.size(); ++tap) {
            const uint8_t* source = picture.rgb.data() + (static_cast<size_t>(row.first) + tap) * sourceStride;
            for (size_t i = 0; i < sourceStride; ++i) gathered[i] += row.shares[tap] * source[i];
        }
        for (const Taps& column : columns)
            for (size_t channel = 0; channel < 3; ++channel) {
                double value = 0;
                for (size_t tap = 0; tap < column.shares.size(); ++tap)
                    value += column.shares[tap] * gathered[3 * (static_cast<size_t>(column.first) + tap) + channel];
                scaled.rgb[at++] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
            }
    }
    return scaled;
}

}  // namespace moescope
