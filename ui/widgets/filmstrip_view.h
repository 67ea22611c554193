// SPDX-License-Identifier: GPL-3.0-or-later
// The evaluations of a run in a row, from noise to picture, with the scrubber. A slider for keys, wheel and screen readers.
#pragma once

#include <QAbstractSlider>
#include <QHash>
#include <QImage>
#include <memory>
#include <vector>

#include "ui/session/latest_task.h"
#include "ui/session/run_view.h"
#include "ui/session/selection.h"

namespace moescope {

class CurrentRun;

/// Places go by index over all planned evaluations, so a growing run moves nothing. Small pictures are made on the pool.
class FilmstripView : public QAbstractSlider {
    Q_OBJECT
public:
    FilmstripView(CurrentRun& current, SelectionModel& selection, QWidget* parent = nullptr);
    ~FilmstripView() override;

    int planned() const;  // places on the axis
    int done() const;     // evaluations that can be chosen
    /// The part of the axis that belongs to an evaluation, in the widget's coordinates.
    QRectF slot(int evaluation) const;
    /// -1 beyond the ends or not done yet.
    int evaluationAt(double x) const;
    /// Of many evaluations only every n-th has room for its picture on the strip; the chosen one is shown as well.
    std::vector<int> shownFrames() const;
    bool hasThumbnail(int evaluation) const { return m_thumbnails.contains(evaluation); }

    /// "evaluation 12 of 49, step 6, noise 0.52, guidance 2.5"
    QString caption(int evaluation) const;

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

signals:
    void playToggled();  // Space

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void sliderChange(SliderChange change) override;

private:
    struct Thumbnails {
        RunId run = 0;
        int64_t image = 0;
        int side = 0;  // device pixels
        QHash<int, QImage> pictures;
    };
    /// Heights of the parts, from the font.
    struct Bands {
        QRectF pictures, guidance, ticks, labels;
    };
    Bands bands() const;
    QRectF frameRect(int evaluation) const;
    void follow();
    void askForThumbnails();
    void scrubTo(double x);
    void pointAt(int evaluation);
    double noiseAt(int evaluation) const;
    void paintFrames(QPainter& painter, const Bands& bands) const;
    void paintFrame(QPainter& painter, int evaluation, bool chosen) const;
    void paintAxis(QPainter& painter, const Bands& bands) const;
    void paintScrubber(QPainter& painter, const Bands& bands) const;

    CurrentRun& m_current;
    SelectionModel& m_selection;
    QHash<int, QImage> m_thumbnails;  // of m_shown
    Thumbnails m_shown;               // which run, image and size (its pictures stay empty)
    int m_hovered = -1;
    int m_wheel = 0;
    bool m_following = false;
    LatestTask<Thumbnails> m_task;
};

}  // namespace moescope
