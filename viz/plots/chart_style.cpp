// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/plots/chart_style.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "viz/overlay/expert_palette.h"

namespace moescope {
namespace {

QColor between(const QColor& a, const QColor& b, double share) {
    const auto mix = [&](int from, int to) { return static_cast<int>(std::lround(from + (to - from) * share)); };
    return {mix(a.red(), b.red()), mix(a.green(), b.green()), mix(a.blue(), b.blue())};
}

constexpr std::array<QRgb, 8> kHues{0xff0072b2, 0xffd55e00, 0xff009e73, 0xffcc79a7, 0xff7f5aa8, 0xffc28e00, 0xff56b4e9, 0xff8c8c8c};

}  // namespace

QColor ChartStyle::shade(double share) const {
    return between(background(), text(), share);
}

QFont ChartStyle::titleFont() const {
    QFont bold = font;
    bold.setBold(true);
    return bold;
}

ChartStyle exportStyle(const QPalette& palette, QSize size) {
    ChartStyle style{palette, QFont()};
    const double pixels = std::min(size.width() / 70.0, size.height() / 42.0);
    style.font.setPixelSize(static_cast<int>(std::clamp(pixels, 10.0, 40.0)));
    return style;
}

QColor heatColour(const ColourRange& range, double value) {
    const double share = range.high > range.low ? (value - range.low) / (range.high - range.low) : 0;
    return range.scale == ColourScale::Diverging ? divergingColour(2 * share - 1) : sequentialColour(share);
}

QPen seriesPen(const ChartStyle& style, int index) {
    const auto hue = static_cast<size_t>(index) % kHues.size();
    QPen pen(between(QColor(kHues[hue]), style.background(), 0.3), style.em() / 8);
    constexpr std::array<Qt::PenStyle, 4> dashes{Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
    pen.setStyle(dashes[static_cast<size_t>(index) % dashes.size()]);
    return pen;
}

std::vector<Tick> niceTicks(double low, double high, int most, bool counted) {
    std::vector<Tick> ticks;
    if (!(high > low) || most < 1) return ticks;
    const double wanted = (high - low) / most;
    const double power = std::pow(10.0, std::floor(std::log10(wanted)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= wanted * (1 - 1e-9)) {
            step = factor * power;
            break;
        }
    if (counted) step = std::max(step, 1.0);
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.push_back({i * step, numberText(i == 0 ? 0 : i * step)});
    return ticks;
}

namespace {

/// 0, 1, 2 or 1, 2, 3 ...: round ones may stand for the rest.
bool areConsecutive(const QStringList& labels) {
    int before = 0;
    for (int i = 0; i < static_cast<int>(labels.size()); ++i) {
        bool number = false;
        const int value = labels[i].toInt(&number);
        if (!number || (i > 0 && value != before + 1)) return false;
        before = value;
    }
    return true;
}

}  // namespace

std::vector<Tick> logTicks(double low, double high, int most) {
    const auto ticksWith = [&](const std::vector<int>& factors, int decades) {
        std::vector<Tick> ticks;
        for (int power = static_cast<int>(std::floor(std::log10(low))); power <= std::log10(high) + 1e-9; power += decades)
            for (const int factor : factors) {
                const double value = factor * std::pow(10.0, power);
                if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push_back({value, numberText(value)});
            }
        return ticks;
    };
    const std::vector<std::vector<int>> finestFirst{{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 5}, {1, 3}, {1}};
    for (const std::vector<int>& factors : finestFirst)
        if (std::vector<Tick> ticks = ticksWith(factors, 1); static_cast<int>(ticks.size()) <= most) return ticks;
    for (int decades = 2;; ++decades)
        if (std::vector<Tick> ticks = ticksWith({1}, decades); static_cast<int>(ticks.size()) <= std::max(most, 1)) return ticks;
}

std::vector<int> labelsThatFit(const QStringList& labels, double room, double gap, const std::function<double(const QString&)>& extent) {
    std::vector<int> fitting;
    double largest = 0;
    for (const QString& label : labels) largest = std::max(largest, extent(label));
    const int count = static_cast<int>(labels.size());
    int step = 1;
    for (int power = 1; step * room < largest + gap && step < count; power *= 10)
        for (const int factor : {1, 2, 5}) {
            step = factor * power;
            if (step * room >= largest + gap || step >= count) break;
        }
    const bool numbers = areConsecutive(labels);
    for (int i = 0; i < count; ++i)
        if ((numbers ? labels[i].toInt() : i) % step == 0) fitting.push_back(i);
    if (fitting.empty() && count > 0) fitting.push_back(0);
    return fitting;
}

}  // namespace moescope
