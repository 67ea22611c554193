// SPDX-License-Identifier: GPL-3.0-or-later
// What the canvas says: how a run ended, the token under the pointer, what is shown, and the same for screen readers.
#include <QLabel>
#include <cmath>

#include "ui/session/current_run.h"
#include "ui/session/sentences.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/picture_area.h"
#include "ui/widgets/token_text.h"

namespace moescope {

void CanvasView::updateBanner() {
    const RunView& run = *m_current.view();
    const auto done = static_cast<int>(run.evaluations.size());
    const bool cut = run.state == RunState::Cancelled || (run.state == RunState::Reopened && run.record && !run.record->complete);
    QString text;
    if (run.state == RunState::Failed) {
        text = done == 0 ? tr("The run stopped before its first evaluation was finished.")
                         : tr("The run stopped after %n evaluation(s); what was finished is shown.", nullptr, done);
        if (run.error) text = tr("%1 %2").arg(text, sentenceOf(*run.error));
    } else if (cut) {
        text = done == 0 ? tr("Cancelled before the first evaluation was finished.")
                         : tr("Cancelled after %n evaluation(s); what was finished is shown.", nullptr, done);
    }
    m_banner->setText(text);
    m_banner->setVisible(!text.isEmpty());
}

void CanvasView::updateReadout() {
    const CanvasFramePtr& frame = m_area->frame();
    QString text;
    if (frame) {
        const Selection& at = frame->selection;
        const auto said = [&](int64_t image, int64_t token) {
            return tokenText(*frame->run->routing, at.evaluation, at.branch, at.layer, image, token);
        };
        const int64_t chosen = m_selection.now().image;
        if (m_hoverToken >= 0) {
            text = said(m_hoverImage, m_hoverToken);
            if (frame->run->images > 1 && m_hoverImage != chosen) text = tr("picture %1, %2").arg(m_hoverImage + 1).arg(text);
        } else if (!frame->note.isEmpty()) {
            text = frame->note;
        } else if (m_selection.now().token >= 0) {
            text = tr("Chosen: %1").arg(said(chosen, m_selection.now().token));
        }
    }
    m_readout->setText(text);
    m_readout->setToolTip(text);
}

void CanvasView::updateState() {
    const CanvasFramePtr& frame = m_area->frame();
    const CanvasPicture* chosen = frame ? frame->chosen() : nullptr;
    if (!chosen || chosen->picture.isNull()) {
        m_state->clear();
        m_area->setAccessibleDescription(frame ? tr("Nothing is to be seen yet.") : tr("No run is shown."));
        return;
    }
    const double factor = m_area->zoom();
    const QString size = tr("%1 %").arg(std::lround(100 * factor));
    const QString zoom = m_area->fits() ? tr("fit, %1").arg(size) : size;
    // A preview of latents shows about the right colours; only a VAE makes the picture.
    const bool rough = chosen->kind != PictureKind::Final && chosen->picture.size() != frame->size;
    const QString kind = pictureKindText(chosen->kind);
    m_state->setText(tr("%1, %2").arg(rough ? tr("%1 (rough preview)").arg(kind) : kind, zoom));
    m_state->setToolTip(rough ? tr("Made without a decoder (VAE): small, and in approximate colours. Shown at %1.").arg(zoom)
                              : tr("%1 x %2 pixels, shown at %3").arg(frame->size.width()).arg(frame->size.height()).arg(zoom));

    const Selection& at = frame->selection;
    QString said = tr("%1 of picture %2 of %3 at evaluation %4 of %5.")
                       .arg(kind)
                       .arg(at.image + 1)
                       .arg(frame->run->images)
                       .arg(at.evaluation + 1)
                       .arg(frame->run->plannedEvaluations);
    if (chosen->overlay && !chosen->overlay->empty()) {
        const QString layer = moeLayerText(*frame->run->routing, at.layer);
        const QString what = chosen->overlay->kind == OverlayKind::Dominant   ? tr("the main expert of each token")
                             : chosen->overlay->kind == OverlayKind::HowMany ? tr("the number of experts of each token")
                                                                              : tr("the weights of expert %1").arg(at.expert);
        said += QLatin1Char(' ') + tr("Over it %1 in %2, %3 x %4 tokens.")
                                       .arg(what, layer)
                                       .arg(chosen->overlay->height())
                                       .arg(chosen->overlay->width());
    }
    m_area->setAccessibleDescription(said);
}

}  // namespace moescope
