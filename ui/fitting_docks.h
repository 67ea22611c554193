// SPDX-License-Identifier: GPL-3.0-or-later
// Shows the docks of charts that only some ways of routing need while such a run is shown.
#pragma once

#include <QObject>
#include <vector>

#include "ui/docks/chart_kinds.h"
#include "ui/session/current_run.h"

class QDockWidget;

namespace moescope {

/// A dock is shown when a run that concerns it follows one that did not, and hidden the other way round. In between the
/// person decides.
class FittingDocks : public QObject {
    Q_OBJECT
public:
    explicit FittingDocks(CurrentRun& current, QObject* parent = nullptr);

    /// `dock` outlives this. Kinds that every run concerns are left alone.
    void add(const ChartKind& kind, QDockWidget* dock);
    /// Shows and hides by the run that is shown now, whatever was decided in between: after the layout was reset.
    void apply();
    /// While held, docks stay as they are; afterwards the run of then counts.
    void hold(bool held);

private:
    struct Fitted {
        const ChartKind* kind;
        QDockWidget* dock;
        bool concerned = false;
    };
    bool concerned(const ChartKind& kind) const;
    void follow();

    CurrentRun& m_current;
    std::vector<Fitted> m_docks;
    bool m_held = false;
};

}  // namespace moescope
