// SPDX-License-Identifier: GPL-3.0-or-later
// The workspaces of the main window: what is in its middle and which docks stand around it; and a training run's place
// in the window.
#include <QAction>
#include <QCloseEvent>
#include <QDockWidget>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QStatusBar>
#include <QTabBar>
#include <QToolBar>
#include <QToolButton>

#include "ui/fitting_docks.h"
#include "ui/main_window.h"
#include "ui/session/event_log.h"
#include "ui/session/paths.h"
#include "ui/session/preferences.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/prompt_bar.h"
#include "ui/window_parts.h"
#include "ui/workspaces/train_workspace.h"

namespace moescope {

void MainWindow::makeWorkspaces() {
    WindowParts& p = *m_parts;
    p.train = new TrainWorkspace(m_bench.resources, m_bench.settings, this);
    p.train->hide();
    p.workspaceTabs = new QTabBar(this);
    p.workspaceTabs->setObjectName(QStringLiteral("workspaces"));
    p.workspaceTabs->setAccessibleName(tr("Workspaces"));
    p.workspaceTabs->setDrawBase(false);
    p.workspaceTabs->setExpanding(false);
    const auto addTab = [&p](const QString& text, const QString& tip, Workspace workspace) {
        const int tab = p.workspaceTabs->addTab(text);
        p.workspaceTabs->setTabToolTip(tab, tip);
        p.workspaceTabs->setTabData(tab, static_cast<int>(workspace));
    };
    addTab(tr("Generate"), tr("Make pictures and see which experts worked on them (Ctrl+1)"), Workspace::Generate);
    addTab(tr("Train"), tr("Train a model of your own and watch it learn (Ctrl+4)"), Workspace::Train);
    connect(p.workspaceTabs, &QTabBar::currentChanged, this,
            [this](int tab) { showWorkspace(static_cast<Workspace>(m_parts->workspaceTabs->tabData(tab).toInt())); });
    menuBar()->setCornerWidget(p.workspaceTabs, Qt::TopRightCorner);

    p.trainingButton = new QToolButton(this);
    p.trainingButton->setAutoRaise(true);
    p.trainingButton->setObjectName(QStringLiteral("trainingProgress"));
    p.trainingButton->setToolTip(tr("A training run is going. Click to see it."));
    p.trainingButton->hide();
    connect(p.trainingButton, &QToolButton::clicked, this, [this] { showWorkspace(Workspace::Train); });
    statusBar()->insertPermanentWidget(0, p.trainingButton);
}

void MainWindow::connectTraining() {
    WindowParts& p = *m_parts;
    connect(p.train, &TrainWorkspace::said, this, [this](const QString& sentence) {
        say(sentence);
        m_bench.log.add(LogLevel::Info, sentence, QStringLiteral("training"));
    });
    connect(p.train, &TrainWorkspace::failed, this, &MainWindow::complain);
    connect(p.train, &TrainWorkspace::helpRequested, this, &MainWindow::showHelp);
    const auto showProgress = [this] {
        const TrainWorkspace& train = *m_parts->train;
        const QString text = train.progressText();
        m_parts->trainingButton->setText(tr("Training: %1").arg(text));
        m_parts->trainingButton->setVisible(!text.isEmpty() && m_parts->workspace != Workspace::Train);
    };
    connect(p.train, &TrainWorkspace::progressed, this, showProgress);
    connect(p.workspaceTabs, &QTabBar::currentChanged, this, showProgress);
    connect(p.train, &TrainWorkspace::generateRequested, this, [this](const QString& weights, qint64 step) {
        showWorkspace(Workspace::Generate);
        openModel(m_parts->recent.orderFor(pathOf(weights))
                      .value_or(ModelOrder{.path = pathOf(weights), .storage = m_bench.preferences.now().storage}));
        const TrainingState state = m_parts->train->session().state();
        say(state == TrainingState::Idle ? tr("Opening the weights after step %1.").arg(step)
            : state == TrainingState::Paused
                ? tr("Opening the weights after step %1. The training stays paused.").arg(step)
                : tr("Opening the weights after step %1. The training goes on; both are slower while a picture is "
                     "made.")
                      .arg(step));
    });
    // After the question at closing: the window goes when the run is saved; one that could not be saved says so and
    // leaves it open.
    connect(
        &p.train->session(), &TrainingSession::ended, this,
        [this] {
            if (m_parts->trainingAsked) close();
        },
        Qt::QueuedConnection);
    connect(&p.train->session(), &TrainingSession::failed, this, [this] { m_parts->trainingAsked = false; });
    connect(p.prompt, &PromptBar::ordered, this, [this] { showWorkspace(Workspace::Generate); });
}

void MainWindow::showWorkspace(Workspace workspace) {
    WindowParts& p = *m_parts;
    if (!p.train || p.workspace == workspace) return;
    const bool train = workspace == Workspace::Train;
    if (train) p.generateLayout = saveState(kLayoutVersion);
    p.workspace = workspace;
    p.fitting->hold(train);
    // The panels go first: beside them the training would not fit, and the window would grow.
    p.promptBar->setVisible(!train);
    for (QDockWidget* dock : p.docks) {
        if (train) dock->hide();
        dock->toggleViewAction()->setEnabled(!train);
    }
    takeCentralWidget();
    setCentralWidget(train ? static_cast<QWidget*>(p.train) : p.canvas);
    centralWidget()->show();
    if (!train) {
        QMainWindow::restoreState(p.generateLayout, kLayoutVersion);
        p.generateLayout.clear();
        p.promptBar->show();
        p.fitting->hold(false);
    }
    for (int tab = 0; tab < p.workspaceTabs->count(); ++tab)
        if (p.workspaceTabs->tabData(tab).toInt() == static_cast<int>(workspace)) p.workspaceTabs->setCurrentIndex(tab);
}

QByteArray MainWindow::layoutToKeep() const {
    return m_parts->generateLayout.isEmpty() ? saveState(kLayoutVersion) : m_parts->generateLayout;
}

bool MainWindow::mayEndTraining() {
    TrainingSession& session = m_parts->train->session();
    if (!session.going()) return true;
    if (session.state() != TrainingState::Ending || !m_parts->trainingAsked) {
        QMessageBox box(
            QMessageBox::Question, tr("A training run is going"),
            tr("A model is being trained. Stop it, save it and close? It can go on later exactly where it stopped."),
            QMessageBox::NoButton, this);
        QPushButton* close = box.addButton(tr("Stop, save and close"), QMessageBox::AcceptRole);
        QPushButton* stay = box.addButton(tr("Keep training"), QMessageBox::RejectRole);
        box.setDefaultButton(stay);
        box.setEscapeButton(stay);
        box.exec();
        if (box.clickedButton() != close) return false;
        if (!session.going()) return true;  // it ended while the question stood there
        m_parts->trainingAsked = true;
        session.stop();
        say(tr("Saving the run \u2026"));
    }
    return false;
}

}  // namespace moescope
