// SPDX-License-Identifier: GPL-3.0-or-later
// A page for files: one picture of a run with an expert map over it, what its colours mean, and a caption.
#pragma once

#include <QColor>
#include <QFont>
#include <QImage>
#include <QString>

#include "engine/trace/run_record.h"
#include "viz/aggregate/load.h"
#include "viz/overlay/token_overlay.h"

class QPainter;

namespace moescope {

struct OverlaySheet {
    QString title;       // "Main expert of each token, MoE layer 2 (block 5)"
    QString caption;     // which run and which part of it; broken into lines where it is long
    QImage picture;      // null: drawn as an empty frame
    QSize pictureSize;   // of the finished picture; every state is drawn as large as this
    OverlayMap map;
    double opacity = 0.5;
    bool orMore = false; // HowMany: the end of the range stands for more as well
};

/// What is asked of a run. All indices are inside the run.
struct OverlayQuery {
    OverlayKind kind = OverlayKind::Dominant;
    int evaluation = 0;
    int layer = 0;
    int64_t image = 0;
    int expert = -1;                          // OneExpert
    BranchChoice branch = BranchChoice::Cond; // Difference: the conditional map, tokens that differ framed
    bool finalPicture = true;                 // over the finished picture where there is one, else over that evaluation's preview
};

/// A page of the run, or a sentence that says why there is none.
Result<OverlaySheet> overlaySheetOf(const RunRecord& run, const OverlayQuery& query, double opacity);

/// The map's numbers as CSV: one row per token in token order, places counted from 0; an empty field: no place, or no expert.
Result<std::string> overlayCsv(const RunRecord& run, const OverlayQuery& query);

struct OverlaySheetStyle {
    QSize most;  // the page is no larger than this, in units
    QFont font;
    QColor background, text;
};

/// The page as it fits into `style.most`: small pictures are enlarged by the largest whole factor that fits. In units of the painter.
QSize overlaySheetSize(const OverlaySheet& sheet, const OverlaySheetStyle& style);
void paintOverlaySheet(QPainter& painter, const OverlaySheet& sheet, const OverlaySheetStyle& style);
/// `scale` pixels per unit. Needs a QGuiApplication for the texts.
QImage overlaySheetImage(const OverlaySheet& sheet, const OverlaySheetStyle& style, double scale);

}  // namespace moescope
