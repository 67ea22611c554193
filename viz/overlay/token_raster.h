// SPDX-License-Identifier: GPL-3.0-or-later
// Fills pixels of expert maps directly: thousands of hatched tokens within a frame.
#pragma once

#include <QImage>
#include <QRect>

#include "viz/overlay/expert_palette.h"
#include "viz/overlay/token_overlay.h"

namespace moescope {

/// Pixels of the map as it lies in `target`, only those inside `clip`; both in device pixels. `scale`: device pixels per unit of
/// the screen, for the width of hatching. Transparent where nothing is to be shown.
QImage rasterOverlay(const OverlayMap& map, const QRect& target, const QRect& clip, double scale);

/// One token outside the picture, by its index in `map.dominant.outside`.
QImage rasterOutside(const OverlayMap& map, size_t index, QSize size, double scale);

/// A sample of a look, and of the hole that stands for "no expert".
QImage rasterLook(const ExpertLook& look, QSize size, double scale);
QImage rasterHole(QSize size, double scale);

/// Where token (row, column) lies: neighbours share their edge, and together they fill the target.
QRect tokenRect(const QRect& target, int64_t rows, int64_t columns, int64_t row, int64_t column);

}  // namespace moescope
