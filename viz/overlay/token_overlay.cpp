// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/overlay/token_overlay.h"

#include <algorithm>
#include <cmath>

#include "viz/overlay/token_raster.h"

namespace moescope {
namespace {

/// Most experts that a token of the layer has: fixed by top-k, else four times the mean, but never fewer than 4.
double countRange(const MoeLayerDescriptor& layer) {
    if (layer.topK > 0) return static_cast<double>(layer.topK);
    const auto tokens = static_cast<double>(std::max<int64_t>(layer.tokensPerSample(), 1));
    const double mean = layer.capacity > 0 ? static_cast<double>(layer.capacity * layer.experts) / tokens : 2;
    return std::min<double>(static_cast<double>(layer.experts), std::max(4.0, std::ceil(4 * mean)));
}

std::vector<std::pair<TokenMap::Outside, double>> outsideWeights(const MoeLayerDescriptor& layer, const RoutingRecord& record,
                                                                 int64_t image, int expert, const TokenMap& map) {
    std::vector<std::pair<TokenMap::Outside, double>> weights;
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    size_t outside = 0;
    for (size_t token = 0; token < places.size(); ++token) {
        if (places[token].row >= 0) continue;
        double weight = noData;
        const size_t row = static_cast<size_t>(image) * places.size() + token;
        const size_t end = std::min<size_t>(record.rowPtr[row + 1], std::min(record.expert.size(), record.gate.size()));
        for (size_t pair = record.rowPtr[row]; pair < end; ++pair)
            if (record.expert[pair] == expert) weight = static_cast<double>(record.gate[pair]);
        weights.emplace_back(map.outside[outside++], weight);
    }
    return weights;
}

double roundAbove(double largest) {
    for (double decade = 0.1; decade < 1e9; decade *= 10)
        for (const double factor : {1.0, 2.0, 5.0})
            if (largest <= decade * factor * (1 + 1e-6)) return decade * factor;
    return largest;
}

}  // namespace

double weightRange(const RoutingRecord& record) {
    return roundAbove(record.gate.empty() ? 0.0 : static_cast<double>(*std::max_element(record.gate.begin(), record.gate.end())));
}

double negativeWeightRange(const RoutingRecord& record) {
    const double least = record.gate.empty() ? 0.0 : static_cast<double>(*std::min_element(record.gate.begin(), record.gate.end()));
    return least < 0 ? -roundAbove(-least) : 0;
}

bool exceedsRange(const OverlayMap& map) {
    const double end = map.high * (1 + 1e-6);
    return std::any_of(map.weight.values.begin(), map.weight.values.end(), [&](double weight) { return weight > end; });
}

double weightShare(const OverlayMap& map, double weight) { return map.high > map.low ? (weight - map.low) / (map.high - map.low) : 0; }

std::optional<OverlayMap> overlayOf(OverlayKind kind, const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image,
                                    int expert) {
    if (kind == OverlayKind::None) return std::nullopt;
    std::optional<TokenMap> values =
        kind == OverlayKind::HowMany ? expertCountMap(layer, record, image) : dominantExpertMap(layer, record, image);
    if (!values) return std::nullopt;
    OverlayMap map;
    map.kind = kind;
    map.experts = static_cast<int>(layer.experts);
    map.unconditional = static_cast<int>(layer.unconditionalExpert);
    map.sharedExpert = layer.sharedExpert;
    map.dominant = std::move(*values);
    if (kind == OverlayKind::HowMany) map.high = countRange(layer);
    if (kind == OverlayKind::OneExpert) {
        map.expert = expert;
        map.weight = expertGateMap(layer, record, image, expert);
        map.outsideWeight = outsideWeights(layer, record, image, expert, map.dominant);
        map.high = weightRange(record);
        map.low = negativeWeightRange(record);
    }
    return map;
}

void markDifferences(OverlayMap& map, const MoeLayerDescriptor& layer, const RoutingRecord& record, const RoutingRecord& other,
                     int64_t image) {
    const auto here = dominantExpertMap(layer, record, image), there = dominantExpertMap(layer, other, image);
    if (!here || !there) return;
    map.marked.resize(here->grid.size());
    for (size_t i = 0; i < here->grid.size(); ++i) map.marked[i] = here->grid[i] != there->grid[i];
    map.markedOutside.resize(here->outside.size());
    for (size_t i = 0; i < here->outside.size(); ++i) map.markedOutside[i] = here->outside[i].value != there->outside[i].value;
}

void paintTokenGrid(QPainter& painter, const QRect& target, int64_t rows, int64_t columns) {
    if (rows <= 0 || columns <= 0 || target.width() < 6 * columns || target.height() < 6 * rows) return;
    // A dark and a light line side by side are seen on every picture.
    const QColor dark(0, 0, 0, 100), light(255, 255, 255, 80);
    for (int64_t row = 1; row < rows; ++row) {
        const int y = tokenRect(target, rows, columns, row, 0).top();
        painter.fillRect(QRect(target.left(), y - 1, target.width(), 1), dark);
        painter.fillRect(QRect(target.left(), y, target.width(), 1), light);
    }
    for (int64_t column = 1; column < columns; ++column) {
        const int x = tokenRect(target, rows, columns, 0, column).left();
        painter.fillRect(QRect(x - 1, target.top(), 1, target.height()), dark);
        painter.fillRect(QRect(x, target.top(), 1, target.height()), light);
    }
}

void paintOverlay(QPainter& painter, const QRectF& target, const OverlayMap& map, double opacity, bool grid) {
    const QTransform device = painter.deviceTransform();
    const double scale = std::max(0.1, std::hypot(device.m11(), device.m12()));
    const QRect pixels(QPointF(target.topLeft() * scale).toPoint(), QSizeF(target.size() * scale).toSize());
    if (map.empty() || pixels.isEmpty()) return;
    painter.save();
    painter.scale(1 / scale, 1 / scale);
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.setOpacity(opacity);
    painter.drawImage(pixels, rasterOverlay(map, pixels, pixels, scale));
    painter.setOpacity(1);
    if (grid) paintTokenGrid(painter, pixels, map.height(), map.width());
    painter.restore();
}

}  // namespace moescope
