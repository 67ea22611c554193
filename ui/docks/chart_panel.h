// SPDX-License-Identifier: GPL-3.0-or-later
// One chart of the routing in a dock: a chart frame that follows run and selection and selects by click.
#pragma once

#include <functional>
#include <vector>

#include "ui/docks/chart_kinds.h"
#include "ui/session/current_run.h"
#include "ui/widgets/chart_frame.h"

class QComboBox;
class QToolButton;

namespace moescope {

class ChartPanel : public ChartFrame {
    Q_OBJECT
public:
    ChartPanel(const ChartKind& kind, CurrentRun& current, SelectionModel& selection, QWidget* parent = nullptr);

    const ChartKind& kind() const { return m_kind; }
    QVariantMap state() const;
    void setState(const QVariantMap& state);

private:
    std::function<ChartSpec()> chartOfNow() const;
    void select(int row, int column);
    std::vector<int> chosenOptions() const;
    void addOptions();

    const ChartKind& m_kind;
    CurrentRun& m_current;
    SelectionModel& m_selection;
    QToolButton* m_allImages = nullptr;
    std::vector<QComboBox*> m_options;
};

}  // namespace moescope
