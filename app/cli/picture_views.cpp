// SPDX-License-Identifier: GPL-3.0-or-later
// The views of `moescope-cli export --view` that show pictures: the expert map over one, and the run as a filmstrip.
#include <QPainter>

#include <fmt/format.h>

#include "app/cli/output_files.h"
#include "app/cli/view_drawing.h"
#include "viz/overlay/filmstrip.h"
#include "viz/overlay/overlay_sheet.h"
#include "viz/plots/chart_image.h"
#include "viz/plots/chart_style.h"

namespace moescope::cli {
namespace {

/// A run of several pictures is shown by its first, unless one is chosen.
int64_t imageOfView(const Drawing& drawing) { return drawing.options.image.value_or(0); }

}  // namespace

void writeOverlay(const Drawing& drawing) {
    const ViewOptions& options = drawing.options;
    const double percent = options.opacity;
    if (!(percent >= 0 && percent <= 100)) refuse(fmt::format("--opacity is a percentage from 0 to 100, and not {}", percent));
    OverlayQuery query;
    query.kind = named<OverlayKind>("--map", options.map,
                                    {{"dominant", OverlayKind::Dominant}, {"one-expert", OverlayKind::OneExpert}, {"how-many", OverlayKind::HowMany}});
    if (options.expert && query.kind != OverlayKind::OneExpert) refuse("--expert belongs to --map one-expert");
    if (drawing.run.evaluations.empty()) refuse("the session holds no evaluation, so there is no map");
    query.evaluation = drawing.input.evaluation;
    query.layer = drawing.input.layer;
    query.image = imageOfView(drawing);
    query.expert = options.expert.value_or(-1);
    query.branch = drawing.input.branch;
    query.finalPicture = !options.evaluation || *options.evaluation == static_cast<int>(drawing.run.evaluations.size());
    const std::string extension = extensionOf(options.output);
    if (extension == ".csv") return writeTextFile(options.output, overlayCsv(drawing.run, query).orThrow()).orThrow();

    const OverlaySheet sheet = overlaySheetOf(drawing.run, query, percent / 100).orThrow();
    const Painting painting;
    const ChartStyle look = exportStyle(exportPalette(options.dark), drawing.size);
    const OverlaySheetStyle style{drawing.size, look.font, look.background(), look.text()};
    if (extension == ".svg")
        return writeSvgFile(options.output, overlaySheetSize(sheet, style), sheet.title, {}, [&](QPaintDevice& page) {
            QPainter painter(&page);
            paintOverlaySheet(painter, sheet, style);
        }).orThrow();
    writePngFile(options.output, overlaySheetImage(sheet, style, options.scale), sheet.title, sheet.caption).orThrow();
}

/// What stands under the pictures of the strip, one row per evaluation; both counted from 1 as in the window.
std::string filmstripCsv(const RunRecord& run) {
    std::string csv = "evaluation,step,stage,timestep,noise_level,guidance,unconditional_branch\n";
    for (const EvaluationRecord& evaluation : run.evaluations) {
        const EvaluationInfo& info = evaluation.info;
        csv += fmt::format("{},{},{},{},{},{},{}\n", info.index + 1, info.step + 1, info.stage, info.timestep, info.noiseLevel, info.cfgScale,
                           info.uncondRun ? 1 : 0);
    }
    return csv;
}

void writeFilmstrip(const Drawing& drawing) {
    const ViewOptions& options = drawing.options;
    if (extensionOf(options.output) == ".csv") return writeTextFile(options.output, filmstripCsv(drawing.run)).orThrow();
    constexpr int kMostFrames = 240, kSmallestFrame = 16, kLargestFrame = 512;
    FilmstripSpec strip = filmstripOf(drawing.run, imageOfView(drawing), kMostFrames);
    if (strip.frames.empty()) refuse("the session holds no evaluation and no picture, so there is no filmstrip");
    const Painting painting;
    const ChartStyle look = exportStyle(exportPalette(options.dark), drawing.size);
    FilmstripStyle style;
    style.background = look.background();
    style.text = look.text();
    // The largest frames, and the rows for them, with which the strip fits into the size.
    style.frameSide = 0;
    for (int columns = 1; columns <= static_cast<int>(strip.frames.size()); ++columns) {
        FilmstripStyle tried = style;
        tried.columns = columns;
        int low = kSmallestFrame - 1, high = kLargestFrame;
        while (low < high) {
            tried.frameSide = (low + high + 1) / 2;
            const QSize size = filmstripSize(strip, tried);
            if (size.width() <= drawing.size.width() && size.height() <= drawing.size.height()) low = tried.frameSide;
            else high = tried.frameSide - 1;
        }
        if (low > style.frameSide) {
            style.frameSide = low;
            style.columns = columns;
        }
    }
    if (style.frameSide < kSmallestFrame)
        refuse(fmt::format("a filmstrip of {} frames does not fit into {}: choose a larger --size", strip.frames.size(), options.size));
    // Small pictures are shown at whole factors, where that costs little.
    int largest = 1;
    for (const FilmstripFrame& frame : strip.frames) largest = std::max(largest, frame.picture.width());
    if (style.frameSide >= largest) style.frameSide -= style.frameSide % largest;
    if (extensionOf(options.output) == ".svg") {
        // Enlarged here and not by whoever shows the file, which would smooth them.
        for (FilmstripFrame& frame : strip.frames)
            if (!frame.picture.isNull() && style.frameSide % frame.picture.width() == 0)
                frame.picture = frame.picture.scaled(style.frameSide, style.frameSide, Qt::KeepAspectRatio, Qt::FastTransformation);
        return writeSvgFile(options.output, filmstripSize(strip, style), strip.title, {}, [&](QPaintDevice& page) {
            QPainter painter(&page);
            paintFilmstrip(painter, strip, style);
        }).orThrow();
    }
    writePngFile(options.output, filmstripImage(strip, style, options.scale), strip.title, {}).orThrow();
}

}  // namespace moescope::cli
