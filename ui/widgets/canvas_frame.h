// SPDX-License-Identifier: GPL-3.0-or-later
// What the canvas shows for one selection: pictures and their expert maps, made on the pool and shown together.
#pragma once

#include <QImage>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "ui/session/run_view.h"
#include "ui/session/selection.h"
#include "viz/overlay/token_overlay.h"

namespace moescope {

class PreviewCache;

/// How a person wants to look at a run; kept between starts.
struct CanvasSettings {
    PictureKind picture = PictureKind::CleanEstimate;
    OverlayKind overlay = OverlayKind::Dominant;
    double opacity = 0.4;  // of the overlay; the picture must stay the first thing seen
    bool grid = true;      // lines between tokens
    bool all = true;       // every picture of the batch, not only the chosen one

    bool operator==(const CanvasSettings&) const = default;
};

struct CanvasPicture {
    int64_t image = 0;
    QImage picture;                     // null: not reached yet
    std::optional<OverlayMap> overlay;
    PictureKind kind = PictureKind::CleanEstimate;  // what `picture` really is
};

/// Immutable once made.
struct CanvasFrame {
    RunViewPtr run;
    Selection selection;
    CanvasSettings settings;
    QSize size;                          // of a finished picture; every state is drawn as large as this
    std::vector<CanvasPicture> pictures; // all of the batch, or the chosen one
    QString note;                        // why something that was asked for is not here; may be empty

    /// The chosen picture; null when it is not among them.
    const CanvasPicture* chosen() const;
    const MoeLayerDescriptor* layer() const;
};
using CanvasFramePtr = std::shared_ptr<const CanvasFrame>;

/// On any thread. `run` is not null.
CanvasFramePtr makeCanvasFrame(RunViewPtr run, Selection selection, CanvasSettings settings, PreviewCache& cache);

/// "clean estimate", "noisy state", "velocity", "picture"
QString pictureKindText(PictureKind kind);

}  // namespace moescope
