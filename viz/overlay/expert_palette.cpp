// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/expert_palette.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

namespace moescope {
namespace {

constexpr int kHues = 8, kLightnesses = 3;

// Told apart by the common kinds of colour blindness: they differ in lightness where they come close in hue.
constexpr std::array<QRgb, kHues> kFew = {0xff0072b2, 0xffe69f00, 0xff009e73, 0xffd55e00, 0xff56b4e9, 0xffcc79a7, 0xfff0e442, 0xff882255};

// Seven patterns and three lightnesses have no common factor: with 8 hues that makes 168 looks.
constexpr std::array kHatches = {Qt::SolidPattern, Qt::BDiagPattern,   Qt::HorPattern, Qt::FDiagPattern,
                                 Qt::VerPattern,   Qt::Dense6Pattern, Qt::CrossPattern};

double gammaEncoded(double linear) {
    linear = std::clamp(linear, 0.0, 1.0);
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

/// OKLab with polar chroma (Ottosson 2020): steps of equal size look equally large. Chroma shrinks where sRGB has no such colour.
QColor fromLightnessChromaHue(double lightness, double chroma, double degrees) {
    const double radians = degrees * std::numbers::pi / 180;
    for (;; chroma -= 0.005) {
        const double a = chroma * std::cos(radians), b = chroma * std::sin(radians);
        const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
        const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
        const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
        const std::array rgb = {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                                -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                                -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
        const auto [low, high] = std::minmax_element(rgb.begin(), rgb.end());
        if (chroma > 0 && (*low < 0 || *high > 1)) continue;
        return QColor::fromRgbF(static_cast<float>(gammaEncoded(rgb[0])), static_cast<float>(gammaEncoded(rgb[1])),
                                static_cast<float>(gammaEncoded(rgb[2])));
    }
}

/// Straight lines between colours at equal distances.
QColor ramp(std::span<const QRgb> stops, double share) {
    const double place = std::clamp(std::isnan(share) ? 0.0 : share, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
    const auto index = std::min(static_cast<size_t>(place), stops.size() - 2);
    const double part = place - static_cast<double>(index);
    const auto mixed = [&](int (*channel)(QRgb)) {
        return static_cast<int>(std::lround(channel(stops[index]) * (1 - part) + channel(stops[index + 1]) * part));
    };
    return QColor(mixed(qRed), mixed(qGreen), mixed(qBlue));
}

}  // namespace

ExpertLook expertLook(int expert, int experts) {
    expert = std::max(expert, 0);
    if (experts <= kHues) return {QColor(kFew[static_cast<size_t>(expert % kHues)]), Qt::SolidPattern};
    // Hue and lightness change from every number to the next. After 24 numbers they would repeat: each further round turns the hues a
    // little, so that colours differ even where tokens are too small for hatching.
    constexpr int round = kHues * kLightnesses;
    const int rounds = (experts + round - 1) / round;
    constexpr double step = 360.0 / kHues;
    constexpr std::array<double, kLightnesses> lightness = {0.60, 0.80, 0.42};
    const double hue = 250 + step * (expert % kHues) * 3 + step * (expert / round) / rounds;  // 3: neighbours lie far apart
    const QColor colour = fromLightnessChromaHue(lightness[static_cast<size_t>(expert % kLightnesses)], 0.14, hue);
    return {colour, kHatches[static_cast<size_t>(expert / kHues) % kHatches.size()]};
}

QColor contrastingColour(const QColor& colour) {
    return 0.299 * colour.red() + 0.587 * colour.green() + 0.114 * colour.blue() > 140 ? QColor(Qt::black) : QColor(Qt::white);
}

QColor sequentialColour(double share) {
    constexpr std::array<QRgb, 9> stops = {0xff00224e, 0xff1c346d, 0xff414d6b, 0xff5e626e, 0xff7c7b78,
                                           0xff9a9376, 0xffbcaf6f, 0xffdfcc5e, 0xfffee838};
    return ramp(stops, share);
}

QColor divergingColour(double share) {
    constexpr std::array<QRgb, 7> stops = {0xff2166ac, 0xff67a9cf, 0xffc6dcec, 0xfff5f5f5, 0xfffbd3c0, 0xffef8a62, 0xffb2182b};
    return ramp(stops, (std::isnan(share) ? 0.0 : share) / 2 + 0.5);
}

}  // namespace moescope
