// SPDX-License-Identifier: GPL-3.0-or-later
// The picture as it forms, with the expert map over it: the largest thing in the window.
#pragma once

#include <QImage>
#include <QWidget>
#include <memory>

#include "ui/session/latest_task.h"
#include "ui/session/selection.h"
#include "ui/widgets/canvas_frame.h"

class QLabel;
class QScrollArea;
class QStackedWidget;
class QToolButton;

namespace moescope {

class CurrentRun;
class OverlayLegend;
class PictureArea;
class PreviewCache;

/// Observes the run that is shown and the selection; pictures and maps are made on the pool and shown together.
class CanvasView : public QWidget {
    Q_OBJECT
public:
    CanvasView(CurrentRun& current, SelectionModel& selection, QWidget* parent = nullptr);
    ~CanvasView() override;

    const CanvasSettings& settings() const { return m_settings; }
    void setSettings(const CanvasSettings& settings);

    /// What is shown at this moment; null: no run. May be one selection behind, never half of two.
    const CanvasFramePtr& frame() const;

    /// The chosen picture as it is shown, `factor` times as large, each pixel repeated. Null when there is none.
    QImage pictureImage(int factor, bool withOverlay) const;
    /// Whole number of times that a pixel of the picture is enlarged on the screen; at least 1.
    int shownFactor() const;
    bool hasPicture() const { return !pictureImage(1, false).isNull(); }

    PictureArea& area() { return *m_area; }
    OverlayLegend& legend() { return *m_legend; }
    PreviewCache& previews() { return *m_previews; }

public slots:
    void zoomIn();
    void zoomOut();
    void zoomFit();
    void zoomOne();
    /// One picture or all of the batch.
    void toggleAll();
    void copyPicture(int factor = 1, bool withOverlay = false);
    /// Shows this instead of the preview of that evaluation.
    void takeDecoded(moescope::RunId run, int evaluation, int64_t image, const moescope::Picture& picture);

signals:
    void settingsChanged(const moescope::CanvasSettings& settings);
    /// Another frame is on the screen (or none).
    void frameShown();
    void zoomChanged();
    /// Buttons of the empty state.
    void generateRequested();
    void openRequested();

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    QWidget* makeEmptyPage();
    QWidget* makeStatusRow();
    void refresh();
    void display(CanvasFramePtr frame);
    void selectionChanged(const Selection& now, const Selection& before);
    void picked(int64_t image, int64_t token);
    void pointed(int64_t image, int64_t token);
    bool walk(int dx, int dy);
    int dominantOf(int64_t image, int64_t token) const;
    void updateBanner();
    void updateReadout();
    void updateState();
    void updateWalking();

    CurrentRun& m_current;
    SelectionModel& m_selection;
    CanvasSettings m_settings;
    std::shared_ptr<PreviewCache> m_previews;
    int64_t m_hoverImage = -1, m_hoverToken = -1;

    QStackedWidget* m_pages;
    PictureArea* m_area;
    OverlayLegend* m_legend;
    QScrollArea* m_legendScroll;
    QLabel* m_banner;
    QLabel* m_readout;
    QLabel* m_state;
    QWidget* m_statusRow;
    QToolButton* m_allButton;
    LatestTask<CanvasFramePtr> m_task;  // last: nothing is delivered to parts that are gone
};

}  // namespace moescope
