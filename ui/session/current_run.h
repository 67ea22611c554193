// SPDX-License-Identifier: GPL-3.0-or-later
// The run that the window shows.
#pragma once

#include <QObject>

#include "ui/session/run_view.h"
#include "ui/session/selection.h"

namespace moescope {

/// Lives on the window's thread. Fits the selection to what is shown before it tells the views.
class CurrentRun : public QObject {
    Q_OBJECT
public:
    explicit CurrentRun(SelectionModel& selection, QObject* parent = nullptr);

    const RunViewPtr& view() const { return m_view; }  // null: nothing is shown

    /// Another run, or a later state of the same one. While the newest evaluation is selected the selection follows the run; a
    /// finished run is shown at its last evaluation when it is new here. A run in which another measure of load tells something than in
    /// the one before chooses that measure, and a run of prompts after one of classes the first layer with words; what a person chooses stays
    /// until then.
    void show(RunViewPtr view);
    /// A later state of the run that is shown; any other is ignored.
    void update(const RunViewPtr& view);

signals:
    /// `sameRun`: a later state of what was shown before.
    void changed(const moescope::RunViewPtr& view, bool sameRun);

private:
    SelectionModel& m_selection;
    RunViewPtr m_view;
    LoadMeasure m_usual = LoadMeasure::Counts;  // of the last run with layers
    int m_usualLayer = 0;                       // likewise
};

}  // namespace moescope
