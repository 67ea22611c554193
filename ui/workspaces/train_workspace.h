// SPDX-License-Identifier: GPL-3.0-or-later
// The Train workspace: recipe and buttons on the left, curves and loads in the middle, samples on the right.
#pragma once

#include <QWidget>
#include <filesystem>
#include <optional>

#include "ui/session/latest_task.h"
#include "ui/session/training_folder.h"
#include "ui/session/training_session.h"

class QLabel;
class QProgressBar;
class QPushButton;
class QSettings;
class QSplitter;

namespace moescope {

class SampleBrowser;
class TrainCharts;
class TrainSetup;

class TrainWorkspace : public QWidget {
    Q_OBJECT
public:
    /// `settings` outlives this.
    TrainWorkspace(std::filesystem::path resources, QSettings& settings, QWidget* parent = nullptr);
    ~TrainWorkspace() override;

    TrainingSession& session() { return m_session; }
    TrainSetup& setup() { return *m_setup; }
    TrainCharts& charts() { return *m_charts; }
    SampleBrowser& samples() { return *m_samples; }
    /// Shows an earlier run, which can then go on. Not while one is going.
    void openRun(const QString& folder);
    /// "Training: step 60 of 4,800, loss 0.43, 142 pictures/s, 21 min left"; empty while none is going.
    QString progressText() const;
    /// Writes what comes back at the next start.
    void keep();
    /// Begins the run, or goes on with the one in the folder; says what is missing.
    void start();
    void chooseRun();
    void generate();

signals:
    void said(const QString& sentence);
    void failed(const QString& title, const moescope::EngineError& error);
    void progressed();
    void generateRequested(const QString& weights, qint64 step);
    void helpRequested(const QString& page);
    void ended();

private:
    QWidget* middle();
    QWidget* right();
    void connectSetup();
    void connectSession();
    void restore();
    bool mayGoOn(const train::Recipe& recipe);
    void look(const QString& folder);
    void takeFolder(const Result<TrainingFolder>& found);
    void showProgress();
    void showButtons();
    std::filesystem::path freeFolder(const std::string& recipeName) const;

    QSettings& m_settings;
    TrainingSession m_session;
    std::optional<TrainingFolder> m_opened;  // the run that is shown; of a folder
    bool m_adoptRecipe = false;              // the next folder that is read fills the fields
    bool m_snapshotWanted = false;
    QString m_ending;  // how the run ended that is shown
    QSplitter* m_columns = nullptr;
    TrainSetup* m_setup = nullptr;
    TrainCharts* m_charts = nullptr;
    SampleBrowser* m_samples = nullptr;
    QPushButton* m_generate = nullptr;
    QLabel* m_progressText = nullptr;
    QProgressBar* m_progressBar = nullptr;
    LatestTask<Result<TrainingFolder>> m_folderTask;
};

}  // namespace moescope
