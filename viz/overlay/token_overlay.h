// SPDX-License-Identifier: GPL-3.0-or-later
// The expert map over the picture: which expert handled which part of it.
#pragma once

#include <QPainter>
#include <QRectF>
#include <optional>
#include <string>
#include <vector>

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
    TokenMap dominant;                  // Dominant and OneExpert: experts; HowMany: counts; also of tokens outside the picture
    Matrix weight;                      // OneExpert: [height, width]
    std::vector<std::pair<TokenMap::Outside, double>> outsideWeight;  // OneExpert: tokens outside the picture, noData: not taken
    double high = 1;                    // end of the colour range: largest weight, or experts per token
    double low = 0;                     // OneExpert: below 0 where weights may be negative (cosines)
    int unconditional = -1;             // the expert for tokens without condition; -1: there is none
    bool sharedExpert = false;          // works on tokens that no expert took
    std::vector<std::string> names;     // of the experts where they are networks; empty: they have numbers
    std::vector<uint8_t> marked;        // [height, width] 1: framed, the others fade; empty: nothing is marked
    std::vector<uint8_t> markedOutside; // the same for tokens outside the picture

    int64_t height() const { return dominant.height; }
    int64_t width() const { return dominant.width; }
    bool empty() const { return height() == 0; }
};

/// Nothing when that record has no assignments or no such image. `high` is a round number that the layer does not exceed: for
/// weights the largest of this record, for numbers of experts what the layer can (or usually will) give.
std::optional<OverlayMap> overlayOf(OverlayKind kind, const MoeLayerDescriptor& layer, const RoutingRecord& record, int64_t image,
                                    int expert);

/// Marks the tokens whose dominant expert is another one in `other` (the other branch).
void markDifferences(OverlayMap& map, const MoeLayerDescriptor& layer, const RoutingRecord& record, const RoutingRecord& other,
                     int64_t image);

/// The smallest of 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that no gate of the record exceeds; and the same of negative gates, 0 where there are
/// none: the ends of a colour range.
double weightRange(const RoutingRecord& record);
double negativeWeightRange(const RoutingRecord& record);

/// Whether a weight of the map lies beyond the end of its range, and is drawn in the end's colour.
bool exceedsRange(const OverlayMap& map);

/// Where between low (0) and high (1) a weight lies.
double weightShare(const OverlayMap& map, double weight);

/// Paints the map into `target` (the picture's rectangle) with the given opacity. Tokens that no expert took show a cross-hatched
/// hole, unlike any expert. `grid` draws the lines between tokens.
void paintOverlay(QPainter& painter, const QRectF& target, const OverlayMap& map, double opacity, bool grid);

/// The lines between tokens, in device pixels of the painter as it is; nothing where tokens are smaller than 6 pixels.
void paintTokenGrid(QPainter& painter, const QRect& target, int64_t rows, int64_t columns);

}  // namespace moescope
