// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_parts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moescope {
namespace {

using Colour = std::array<double, 3>;

constexpr double kLeastDifference = 40;  // from the background, Euclidean, of 255 a channel
constexpr double kLeastArea = 0.006;     // of a part, of the picture's area: 6 pixels of 32 x 32
constexpr double kEdgeShare = 0.35;      // a part that touches another and is smaller than this share of it is its edge
constexpr double kMostCover = 1.25;      // the middle of a blurred shape is farther from the background than its mean
constexpr int8_t kNone = -1;

Colour pixelOf(const Picture8& picture, int64_t pixel) {
    const uint8_t* at = picture.rgb.data() + 3 * pixel;
    return {static_cast<double>(at[0]), static_cast<double>(at[1]), static_cast<double>(at[2])};
}

double dot(const Colour& a, const Colour& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
Colour minus(const Colour& a, const Colour& b) {
    return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

Colour backgroundOf(const Picture8& picture) {
    const int64_t width = picture.width, height = picture.height;
    Colour median{};
    for (size_t channel = 0; channel < 3; ++channel) {
        std::vector<uint8_t> edge;
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; x += y == 0 || y == height - 1 ? 1 : std::max<int64_t>(width - 1, 1))
                edge.push_back(picture.rgb[static_cast<size_t>(3 * (y * width + x)) + channel]);
        std::ranges::nth_element(edge, edge.begin() + static_cast<std::ptrdiff_t>(edge.size() / 2));
        median[channel] = edge[edge.size() / 2];
    }
    return median;
}

/// Which colour of the list a pixel has when seen through a smooth edge: the line from the background to it passes
/// nearest by. kNone where it is background by more than half.
int8_t colourOf(const Colour& pixel, const Colour& background) {
    const Colour difference = minus(pixel, background);
    if (dot(difference, difference) < kLeastDifference * kLeastDifference) return kNone;
    int8_t best = kNone;
    double least = 0;
    for (int i = 0; i < sceneColours; ++i) {
        const SceneRgb rgb = rgbOf(static_cast<SceneColour>(i));
        const Colour line =
            minus({static_cast<double>(rgb[0]), static_cast<double>(rgb[1]), static_cast<double>(rgb[2])}, background);
        const double length = dot(line, line);
        if (length < kLeastDifference * kLeastDifference) continue;
        const double share = std::clamp(dot(difference, line) / length, 0.0, 1.0);
        const Colour rest{difference[0] - share * line[0], difference[1] - share * line[1],
                          difference[2] - share * line[2]};
        const double residual = dot(rest, rest);
        if (best != kNone && residual >= least) continue;
        least = residual;
        best = share > 0.5 ? static_cast<int8_t>(i) : static_cast<int8_t>(-2 - i);
    }
    return std::max(best, kNone);
}

/// Numbers of connected pixels of one label, diagonal neighbours included; -1 for none.
struct Regions {
    std::vector<int> number;
    std::vector<std::vector<int64_t>> pixels;
    std::vector<int8_t> label;
};

template <class Visit>
void neighbours(int64_t pixel, int64_t width, int64_t height, Visit&& visit) {
    const int64_t x = pixel % width, y = pixel / width;
    for (int64_t v = std::max<int64_t>(y - 1, 0); v <= std::min(y + 1, height - 1); ++v)
        for (int64_t u = std::max<int64_t>(x - 1, 0); u <= std::min(x + 1, width - 1); ++u)
            if (u != x || v != y) visit(v * width + u);
}

Regions regionsOf(const std::vector<int8_t>& labels, int64_t width, int64_t height) {
    Regions regions;
    regions.number.assign(labels.size(), -1);
    for (size_t start = 0; start < labels.size(); ++start) {
        if (labels[start] == kNone || regions.number[start] >= 0) continue;
        const int number = static_cast<int>(regions.pixels.size());
        std::vector<int64_t> pixels{static_cast<int64_t>(start)};
        regions.number[start] = number;
        for (size_t next = 0; next < pixels.size(); ++next)
            neighbours(pixels[next], width, height, [&](int64_t other) {
                const auto at = static_cast<size_t>(other);
                if (labels[at] != labels[start] || regions.number[at] >= 0) return;
                regions.number[at] = number;
                pixels.push_back(other);
            });
        regions.pixels.push_back(std::move(pixels));
        regions.label.push_back(labels[start]);
    }
    return regions;
}

/// Gives the labels of the larger neighbour to the rims that smooth edges leave around a shape.
void absorbEdges(std::vector<int8_t>& labels, const Regions& regions, int64_t width, int64_t height) {
    std::vector<size_t> order(regions.pixels.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t i) { return regions.pixels[i].size(); });
    for (const size_t region : order) {
        size_t largest = region;
        for (const int64_t pixel : regions.pixels[region])
            neighbours(pixel, width, height, [&](int64_t other) {
                const int number = regions.number[static_cast<size_t>(other)];
                if (number >= 0 && regions.pixels[static_cast<size_t>(number)].size() > regions.pixels[largest].size())
                    largest = static_cast<size_t>(number);
            });
        if (static_cast<double>(regions.pixels[region].size()) >=
            kEdgeShare * static_cast<double>(regions.pixels[largest].size()))
            continue;
        for (const int64_t pixel : regions.pixels[region]) labels[static_cast<size_t>(pixel)] = regions.label[largest];
    }
}

/// The part of a region: its colour is that of the pixels that lie farthest from the background.
ScenePart partOf(const Picture8& picture, const Colour& background, const Regions& regions, size_t region) {
    std::vector<int64_t> pixels = regions.pixels[region];
    const auto farness = [&](int64_t pixel) {
        const Colour difference = minus(pixelOf(picture, pixel), background);
        return dot(difference, difference);
    };
    std::ranges::sort(pixels, [&](int64_t a, int64_t b) { return farness(a) > farness(b); });
    Colour core{};
    const size_t cores = std::max<size_t>(pixels.size() * 2 / 5, 1);
    for (size_t i = 0; i < cores; ++i)
        for (size_t channel = 0; channel < 3; ++channel)
            core[channel] += pixelOf(picture, pixels[i])[channel] / static_cast<double>(cores);

    ScenePart part;
    part.colour = static_cast<SceneColour>(regions.label[region]);
    int64_t right = 0, bottom = 0;
    part.left = picture.width;
    part.top = picture.height;
    for (const int64_t pixel : pixels) {
        part.left = std::min(part.left, pixel % picture.width);
        right = std::max(right, pixel % picture.width);
        part.top = std::min(part.top, pixel / picture.width);
        bottom = std::max(bottom, pixel / picture.width);
    }
    part.left = std::max<int64_t>(part.left - 1, 0);
    part.top = std::max<int64_t>(part.top - 1, 0);
    part.width = std::min(right + 1, picture.width - 1) - part.left + 1;
    part.height = std::min(bottom + 1, picture.height - 1) - part.top + 1;
    const Colour line = minus(core, background);
    for (int64_t y = 0; y < part.height; ++y)
        for (int64_t x = 0; x < part.width; ++x) {
            const int64_t pixel = (part.top + y) * picture.width + part.left + x;
            const int number = regions.number[static_cast<size_t>(pixel)];
            const bool mine = number < 0 || static_cast<size_t>(number) == region;
            part.cover.push_back(
                mine ? std::clamp(dot(minus(pixelOf(picture, pixel), background), line) / dot(line, line), 0.0,
                                  kMostCover)
                     : 0.0);
        }
    return part;
}

}  // namespace

SceneParts splitScene(const Picture8& picture) {
    SceneParts split;
    if (picture.width < 1 || picture.height < 1) return split;
    split.background = backgroundOf(picture);
    std::vector<int8_t> labels;
    for (int64_t pixel = 0; pixel < picture.width * picture.height; ++pixel)
        labels.push_back(colourOf(pixelOf(picture, pixel), split.background));
    absorbEdges(labels, regionsOf(labels, picture.width, picture.height), picture.width, picture.height);
    const Regions regions = regionsOf(labels, picture.width, picture.height);
    const double least = kLeastArea * static_cast<double>(picture.width * picture.height);
    for (size_t region = 0; region < regions.pixels.size(); ++region)
        if (static_cast<double>(regions.pixels[region].size()) >= least)
            split.parts.push_back(partOf(picture, split.background, regions, region));
    return split;
}

}  // namespace moescope
