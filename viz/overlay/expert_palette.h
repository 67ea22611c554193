// SPDX-License-Identifier: GPL-3.0-or-later
// One look per expert: names, not quantities, so categorical colours plus hatching, told apart by colour-blind eyes too.
#pragma once

#include <QBrush>
#include <QColor>

namespace moescope {

/// Up to 8 experts: hues only. Beyond that hue x lightness x hatch, so that neighbouring numbers differ in more than one of them.
struct ExpertLook {
    QColor colour;
    Qt::BrushStyle hatch = Qt::SolidPattern;  // drawn over the colour in a contrasting line where not solid

    bool operator==(const ExpertLook&) const = default;
};
ExpertLook expertLook(int expert, int experts);

/// Black or white, whichever stands out from the colour: for hatching and text on it.
QColor contrastingColour(const QColor& colour);

/// Sequential colours (a cividis-like ramp, dark to light), share in 0 .. 1; and blue - neutral - red for signed values, -1 .. 1.
/// Shares beyond the ends take the end's colour.
QColor sequentialColour(double share);
QColor divergingColour(double share);

}  // namespace moescope
