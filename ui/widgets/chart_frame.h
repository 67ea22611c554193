// SPDX-License-Identifier: GPL-3.0-or-later
// A chart with what every chart has: table twin, copying, and export as picture, drawing or numbers.
#pragma once

#include <QWidget>
#include <functional>

#include "engine/core/error.h"
#include "ui/session/latest_task.h"
#include "viz/charts/chart_spec.h"

class QComboBox;
class QHBoxLayout;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace moescope {

class ChartTableModel;
class ChartView;

/// Charts are made on the pool; of those that are asked for fast, only the newest is drawn. A hidden frame makes none.
class ChartFrame : public QWidget {
    Q_OBJECT
public:
    /// `id` is the name of exported files. `choices`: kinds of chart to choose from, shown as a title; one alone is a
    /// label.
    ChartFrame(const QString& id, const QStringList& choices, const QString& about, QWidget* parent = nullptr);
    ~ChartFrame() override;

    ChartView& view() { return *m_view; }
    /// Choices and buttons; a title bar may take it.
    QWidget* controls() { return m_controls; }
    /// A control at the front, behind those added before; with a share, these divide the room among them.
    void addControl(QWidget* control, int share = 0);
    /// One more button before those of every chart.
    void addButton(QWidget* button);
    int choice() const;
    void setChoice(int choice);
    /// What makes the chart of now; it owns all that it reads. Asked for again when the choice changes or the frame is
    /// shown.
    void setMaker(std::function<std::function<ChartSpec()>(int choice)> maker);
    void refresh();

    void copyPicture();
    void copyData();
    /// Asks where to; PNG, SVG or CSV by the name's ending.
    void exportChart();
    void exportTo(const QString& name);
    bool tableShown() const;
    void setTableShown(bool shown);

signals:
    /// A sentence for the status bar: what was copied or written.
    void said(const QString& sentence);
    void failed(const moescope::EngineError& error);
    void drawn();  // a new chart is on the screen
    void choiceChanged(int choice);

protected:
    void showEvent(QShowEvent* event) override;

private:
    void take(ChartSpec chart);
    void bringUpToDate();
    QSize exportSize() const;

    const QString m_id;
    QStringList m_choices;
    std::function<std::function<ChartSpec()>(int)> m_maker;
    QWidget* m_controls = nullptr;
    QHBoxLayout* m_row = nullptr;
    int m_added = 0;  // controls in front
    QComboBox* m_choice = nullptr;
    QStackedWidget* m_pages = nullptr;
    ChartView* m_view = nullptr;
    QTableView* m_table = nullptr;
    ChartTableModel* m_tableModel = nullptr;
    QToolButton* m_tableButton = nullptr;
    bool m_stale = true;  // hidden frames are redrawn when they are shown
    LatestTask<ChartSpec> m_task;
};

}  // namespace moescope
