// SPDX-License-Identifier: GPL-3.0-or-later
// The one window: canvas in the middle, everything else in docks that move, float and reset.
#pragma once

#include <QMainWindow>
#include <memory>
#include <string>

#include "ui/session/engine_service.h"
#include "ui/session/workbench.h"
#include "ui/workspaces/workspace_kind.h"

namespace moescope {

struct DroppedFile;
struct WindowParts;

/// Composition: makes the parts, connects facts to views and verbs to the engine. Commands are made in window_commands.cpp, what has
/// to do with files in window_files.cpp.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(Workbench bench, QWidget* parent = nullptr);
    ~MainWindow() override;

    /// The model asked for on the command line, else the one used last, else the embedded one.
    void openFirstModel(const QString& wanted);
    /// A model, a session or a picture, told apart by looking at it.
    void openPath(const QString& path);
    /// Puts every dock where it is on the first start.
    void resetLayout();
    /// Hides every panel, or shows those again that were hidden by this.
    void togglePanels();

    void showWorkspace(Workspace workspace);

    WindowParts& parts() { return *m_parts; }
    const Workbench& bench() const { return m_bench; }

public slots:
    void cancelOrClear();  // Esc: stops a run that is going, else clears the selection
    void openSomething();
    void openModelDialog();
    void makeMixture();
    void saveSession();
    void savePicture();
    void exportRouting();
    void copyPicture(bool withOverlay, int factor);  // each pixel repeated `factor` times
    void copyParameters();
    void restoreFromShownRun();
    void decodeShownEvaluation();
    void showPreferences();
    void showHelp(const QString& page);
    void showLog();
    void showAbout();
    void say(const QString& sentence);
    void complain(const QString& title, const moescope::EngineError& error);

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void makeDocks();
    void makeStatusBar();
    void connectEngine();
    void connectHistory();
    void makeWorkspaces();
    void connectTraining();
    /// Whether a training run that is going lets the window close; asks, and closes it later when the run is saved.
    bool mayEndTraining();
    QByteArray layoutToKeep() const;
    void restoreKept();
    /// Whether the window may close although these runs would be lost; asks where there are any.
    bool mayLoseRuns();
    void keep();
    void openModel(const ModelOrder& order);
    void showRecent();
    void take(const DroppedFile& file);
    /// `builtIn`: id of the built-in model that the picture was made with; empty: none of them.
    void askToRestore(const GenerationParameters& parameters, const QString& from, const std::string& builtIn);
    bool scrubKey(int key);
    void updateTitle();

    Workbench m_bench;
    std::unique_ptr<WindowParts> m_parts;
};

}  // namespace moescope
