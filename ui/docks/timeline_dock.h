// SPDX-License-Identifier: GPL-3.0-or-later
// The timeline: filmstrip, scrubber and play; what stands in the dock of that name.
#pragma once

#include <QTimer>
#include <QWidget>

class QLabel;
class QToolButton;

namespace moescope {

class CurrentRun;
class FilmstripView;
class SelectionModel;

class TimelineDock : public QWidget {
    Q_OBJECT
public:
    TimelineDock(CurrentRun& current, SelectionModel& selection, QWidget* parent = nullptr);

    FilmstripView& strip() { return *m_strip; }
    /// The row of buttons and the caption; a title bar may take it.
    QWidget* controls() { return m_controls; }
    bool playing() const { return m_timer.isActive(); }

public slots:
    /// About ten evaluations a second, from the start when the end is shown; stops at the end.
    void togglePlay();
    void toFirst();
    void toLast();
    void toPrevious();
    void toNext();

signals:
    void playingChanged(bool playing);

private:
    void setPlaying(bool playing);
    void advance();
    void updateCaption();

    SelectionModel& m_selection;
    FilmstripView* m_strip;
    QWidget* m_controls;
    QLabel* m_caption;
    QToolButton* m_play;
    QTimer m_timer;
};

}  // namespace moescope
