// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/canvas_frame.h"

#include <QCoreApplication>
#include <algorithm>

#include "ui/widgets/preview_cache.h"
#include "viz/aggregate/network_choice.h"
#include "viz/overlay/state_picture.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(CanvasFrame)
};

/// The state that was asked for, or what comes nearest to it.
CanvasPicture pictureFor(const CanvasFrame& frame, int64_t image, PreviewCache& cache) {
    const RunView& run = *frame.run;
    const int evaluation = frame.selection.evaluation;
    PictureKind kind = frame.settings.picture;
    if (kind == PictureKind::CleanEstimate && showsFinalPicture(run, evaluation, image)) kind = PictureKind::Final;
    CanvasPicture result{image, cache.picture(run, evaluation, image, kind), {}, kind};
    if (result.picture.isNull() && kind != PictureKind::CleanEstimate) {
        const int instead = kind == PictureKind::Final ? static_cast<int>(run.evaluations.size()) - 1 : evaluation;
        result.picture = cache.picture(run, instead, image, PictureKind::CleanEstimate);
        result.kind = PictureKind::CleanEstimate;
    }
    return result;
}

QString noteOf(const CanvasFrame& frame) {
    const CanvasPicture* chosen = frame.chosen();
    if (!chosen || chosen->picture.isNull()) return {};
    const PictureKind wanted = frame.settings.picture;
    if (wanted == PictureKind::Final && chosen->kind != PictureKind::Final)
        return frame.run->going() ? Text::tr("The picture is not finished yet: this is the newest clean estimate.")
                                  : Text::tr("This run has no finished picture: this is its last clean estimate.");
    if (wanted != PictureKind::Final && wanted != PictureKind::CleanEstimate && chosen->kind != wanted)
        return Text::tr("This run did not keep its states: the preview of the clean estimate is shown instead.");
    return {};
}

struct Records {
    const RoutingRecord* shown = nullptr;
    const RoutingRecord* other = nullptr;  // only for the difference
    QString missing;
};

Records recordsFor(const CanvasFrame& frame) {
    const RoutingTrace& routing = *frame.run->routing;
    const Selection& at = frame.selection;
    const RoutingRecord* cond = routing.find(at.evaluation, Branch::Cond, at.layer);
    const RoutingRecord* uncond = routing.find(at.evaluation, Branch::Uncond, at.layer);
    Records records;
    records.shown = at.branch == BranchChoice::Uncond ? uncond : cond;
    const bool needsUncond = at.branch == BranchChoice::Uncond || at.branch == BranchChoice::Difference;
    if (needsUncond && cond && !uncond)
        records.missing = Text::tr("Without guidance at this evaluation only the conditional branch was run: choose it to see its experts.");
    if (at.branch == BranchChoice::Difference) records.other = uncond;
    if (needsUncond && !uncond) records.shown = nullptr;
    if (records.shown && records.shown->rowPtr.empty()) {
        records.missing = Text::tr("This run kept only how many tokens each expert took: generate with \"assignments\" kept to see where they lie.");
        records.shown = nullptr;
    }
    return records;
}

QString idleNetwork(const CanvasFrame& frame) {
    const auto network = static_cast<size_t>(frame.layer()->network);
    const auto& names = frame.run->routing->networks;
    return Text::tr("The network “%1” did not work on this picture at this evaluation: choose another evaluation, or a layer of a network that did.")
        .arg(network < names.size() ? QString::fromStdString(names[network]) : QString::number(network));
}

/// Fills the maps of all pictures; says why there are none.
QString addOverlays(CanvasFrame& frame) {
    const OverlayKind kind = frame.settings.overlay;
    const MoeLayerDescriptor* layer = frame.layer();
    if (kind == OverlayKind::None || frame.selection.evaluation < 0) return {};
    if (!layer) return frame.run->routing->layers.empty() ? Text::tr("This model has no MoE layers: there are no experts to show.") : QString();
    if (kind == OverlayKind::OneExpert && frame.selection.expert < 0)
        return Text::tr("No expert is chosen: click a token or set the expert's number to see its weights.");
    const Records records = recordsFor(frame);
    if (!records.shown && records.missing.isEmpty() && networkLayer(*frame.run->routing) >= 0) return idleNetwork(frame);
    if (!records.shown) return records.missing;
    // One range for the whole run, so that a colour means the same weight in every evaluation.
    const RoutingRecord* first = frame.run->routing->find(0, Branch::Cond, frame.selection.layer);
    const RoutingRecord& all = first ? *first : *records.shown;
    const double range = kind == OverlayKind::OneExpert ? weightRange(all) : 0;
    const RoutingTrace& routing = *frame.run->routing;
    const NetworkPresence networks(routing);
    for (CanvasPicture& picture : frame.pictures) {
        if (!networks.ran(*layer, records.shown->evaluation, records.shown->branch, picture.image)) continue;
        picture.overlay = overlayOf(kind, *layer, *records.shown, picture.image, frame.selection.expert);
        if (!picture.overlay) continue;
        if (range > 0) picture.overlay->high = range;
        if (range > 0) picture.overlay->low = negativeWeightRange(all);
        if (layer->policy == RoutingPolicy::NetworkMixture) {
            picture.overlay->names = routing.networks;
            picture.overlay->names.resize(static_cast<size_t>(layer->experts));
        }
        if (records.other) markDifferences(*picture.overlay, *layer, *records.shown, *records.other, picture.image);
    }
    if (!networks.ran(*layer, records.shown->evaluation, records.shown->branch, frame.selection.image)) return idleNetwork(frame);
    return {};
}

QSize sizeOf(const RunView& run) {
    for (const auto& picture : run.pictures)
        if (picture) return {picture->width, picture->height};
    const StateLayout layout = stateLayout(run);
    if (layout.pixels) return {static_cast<int>(run.latentShape[2]), static_cast<int>(run.latentShape[1])};
    if (run.parameters.width > 0 && run.parameters.height > 0) return {run.parameters.width, run.parameters.height};
    return {std::max(1, run.previewWidth), std::max(1, run.previewHeight)};
}

}  // namespace

const CanvasPicture* CanvasFrame::chosen() const {
    const auto found = std::find_if(pictures.begin(), pictures.end(), [&](const CanvasPicture& p) { return p.image == selection.image; });
    return found == pictures.end() ? nullptr : &*found;
}

const MoeLayerDescriptor* CanvasFrame::layer() const {
    const auto& layers = run->routing->layers;
    const bool there = selection.layer >= 0 && selection.layer < static_cast<int>(layers.size());
    return there ? &layers[static_cast<size_t>(selection.layer)] : nullptr;
}

CanvasFramePtr makeCanvasFrame(RunViewPtr run, Selection selection, CanvasSettings settings, PreviewCache& cache) {
    auto frame = std::make_shared<CanvasFrame>();
    frame->run = std::move(run);
    frame->selection = selection;
    frame->settings = settings;
    frame->size = sizeOf(*frame->run);
    const int64_t images = frame->run->images;
    for (int64_t image = 0; image < images; ++image)
        if (settings.all || image == selection.image) frame->pictures.push_back(pictureFor(*frame, image, cache));
    frame->note = noteOf(*frame);
    const QString missing = addOverlays(*frame);
    if (frame->note.isEmpty()) frame->note = missing;
    return frame;
}

QString pictureKindText(PictureKind kind) {
    switch (kind) {
        case PictureKind::NoisyState: return Text::tr("noisy state");
        case PictureKind::Velocity: return Text::tr("velocity");
        case PictureKind::Final: return Text::tr("picture");
        case PictureKind::CleanEstimate: break;
    }
    return Text::tr("clean estimate");
}

}  // namespace moescope
