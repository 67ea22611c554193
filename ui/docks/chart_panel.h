// SPDX-License-Identifier: GPL-3.0-or-later
// One chart of the routing in a dock: follows run and selection, selects by click, gives picture, data and table.
#pragma once

#include <QWidget>
#include <functional>
#include <vector>

#include "ui/docks/chart_kinds.h"
#include "ui/session/current_run.h"
#include "ui/session/latest_task.h"

class QComboBox;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace moescope {

class ChartTableModel;
class ChartView;

/// Charts are made on the pool; of the states that follow each other fast, only the newest is drawn.
class ChartPanel : public QWidget {
    Q_OBJECT
public:
    ChartPanel(const ChartKind& kind, CurrentRun& current, SelectionModel& selection, QWidget* parent = nullptr);
    ~ChartPanel() override;

    const ChartKind& kind() const { return m_kind; }
    ChartView& view() { return *m_view; }
    /// Choices and buttons; a title bar may take it.
    QWidget* controls() { return m_controls; }

    void copyPicture();
    void copyData();
    /// Asks where to; PNG, SVG or CSV by the name's ending.
    void exportChart();
    void setTableShown(bool shown);

    QVariantMap state() const;
    void setState(const QVariantMap& state);

signals:
    /// A sentence for the status bar: what was copied or written.
    void said(const QString& sentence);
    void failed(const moescope::EngineError& error);
    void drawn();  // a new chart is on the screen

protected:
    void showEvent(QShowEvent* event) override;

private:
    void refresh();
    std::function<ChartSpec()> chartOfNow() const;
    void bringUpToDate();
    QSize exportSize() const;
    void take(ChartSpec chart);
    void select(int row, int column);
    std::vector<int> chosenOptions() const;
    void buildControls();

    const ChartKind& m_kind;
    CurrentRun& m_current;
    SelectionModel& m_selection;
    QWidget* m_controls = nullptr;
    QToolButton* m_allImages = nullptr;
    std::vector<QComboBox*> m_options;
    QStackedWidget* m_pages = nullptr;
    ChartView* m_view = nullptr;
    QTableView* m_table = nullptr;
    ChartTableModel* m_tableModel = nullptr;
    QToolButton* m_tableButton = nullptr;
    bool m_stale = true;  // hidden panels are redrawn when they are shown
    LatestTask<ChartSpec> m_task;
};

}  // namespace moescope
