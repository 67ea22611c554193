// SPDX-License-Identifier: GPL-3.0-or-later
// The one window: canvas in the middle, everything else in docks that move, float and reset.
#pragma once

#include <QMainWindow>
#include <memory>
#include <vector>

#include "ui/session/engine_service.h"
#include "ui/session/workbench.h"

class QAction;
class QLabel;
class QProgressBar;

namespace moescope {

class CanvasView;
class ChartPanel;
class CommandPalette;
class EventLog;
class HelpWindow;
class HistoryPanel;
class LogWindow;
class ModelDock;
class OverlayControls;
class PromptBar;
class QueueDock;
class SettingsDock;
class TimelineDock;

/// Composition of the parts; commands live in MainWindowActions' menus and in the Ctrl+K palette.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(Workbench bench, QWidget* parent = nullptr);
    ~MainWindow() override;

    /// A model, a session or a picture, told apart by looking at it.
    void openPath(const QString& path);
    /// Puts every dock where it is on the first start.
    void resetLayout();

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
    Workbench m_bench;
};

}  // namespace moescope
