// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the main window, for the files that wire them together. Not for views.
#pragma once

#include <QHash>
#include <QPointer>
#include <QString>
#include <vector>

#include "ui/session/generate_state.h"
#include "ui/session/latest_task.h"
#include "ui/session/recent_models.h"

class QAction;
class QDockWidget;
class QLabel;
class QMenu;
class QProgressBar;
class QTabBar;
class QToolBar;
class QToolButton;

namespace moescope {

class CanvasView;
class ChartPanel;
class CommandPalette;
class FittingDocks;
class HelpWindow;
class HistoryPanel;
class LogWindow;
class ModelDock;
class OverlayControls;
class PromptBar;
class QueueDock;
class SettingsDock;
class TimelineDock;
class TrainWorkspace;

inline constexpr int kLayoutVersion = 1;  // of the kept state of the docks

struct WindowParts {
    GenerateState state;
    RecentModels recent;

    PromptBar* prompt = nullptr;
    CanvasView* canvas = nullptr;
    OverlayControls* overlay = nullptr;
    SettingsDock* settings = nullptr;
    QueueDock* queue = nullptr;
    ModelDock* model = nullptr;
    TimelineDock* timeline = nullptr;
    HistoryPanel* history = nullptr;
    std::vector<ChartPanel*> charts;
    TrainWorkspace* train = nullptr;

    std::vector<QDockWidget*> docks;  // in the order of the View menu
    FittingDocks* fitting = nullptr;  // docks that come and go with the run
    QByteArray firstLayout;           // of the first start, for "Reset layout"
    QByteArray layoutWithPanels;      // while only the picture is shown: what comes back

    Workspace workspace = Workspace::Generate;
    QTabBar* workspaceTabs = nullptr;
    QToolBar* promptBar = nullptr;
    QByteArray generateLayout;        // of the docks, while another workspace is shown
    QToolButton* trainingButton = nullptr;  // how far a run has come, in the other workspaces

    CommandPalette* palette = nullptr;
    QPointer<HelpWindow> help;
    QPointer<LogWindow> log;

    QMenu* recentMenu = nullptr;
    QToolButton* modelButton = nullptr;   // name of the open model; shows its panel
    QToolButton* deviceButton = nullptr;  // device and memory; opens the log
    QLabel* progressText = nullptr;
    QProgressBar* progressBar = nullptr;
    QHash<RunId, QString> historyKeys;    // entry of each run of this start
    bool closingAsked = false, trainingAsked = false;
};

}  // namespace moescope
