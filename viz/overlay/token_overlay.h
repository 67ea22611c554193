// SPDX-License-Identifier: GPL-3.0-or-later
// The expert map over the picture: which expert handled which part of it.
#pragma once

#include <QPainter>
#include <QRectF>
#include <optional>

#include "viz/aggregate/token_map.h"

namespace moescope {

enum class OverlayKind : uint8_t {
    None,
    Dominant,    // the expert with the largest weight, by its look
    OneExpert,   // the weight with which one expert took each token
    HowMany,     // number of routed experts per token
};

/// Values of one layer, evaluation, branch and image, ready to be drawn.
struct OverlayMap {
    OverlayKind kind = OverlayKind::None;
    int experts = 0;
    int expert = -1;                    // OneExpert
    TokenMap dominant;                  // Dominant, HowMany: grid and tokens outside the picture
    Matrix weight;                      // OneExpert: [height, width]
    std::vector<std::pair<TokenMap::Outside, double>> outsideWeight;  // OneExpert: tokens outside the picture, noData: not taken
    double high = 1;                    // end of the colour range: largest weight, or experts per token
    int64_t height() const;
    int64_t width() const;
    bool empty() const { return height() == 0; }
};

/// Nothing when that record has no assignments or no such image.
std::optional<OverlayMap> overlayOf(OverlayKind kind, const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image,
                                    int expert);

/// Paints the map into `target` (the picture's rectangle) with the given opacity. Tokens that no expert took show a cross-hatched
/// hole, unlike any expert. `grid` draws the lines between tokens.
void paintOverlay(QPainter& painter, const QRectF& target, const OverlayMap& map, double opacity, bool grid);

}  // namespace moescope
