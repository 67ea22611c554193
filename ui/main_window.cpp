// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/main_window.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QFileInfo>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QProgressBar>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QStatusBar>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>

#include "ui/dialogs/command_palette.h"
#include "ui/dialogs/error_box.h"
#include "ui/dialogs/log_window.h"
#include "ui/docks/chart_panel.h"
#include "ui/docks/engine_links.h"
#include "ui/docks/history_panel.h"
#include "ui/docks/model_dock.h"
#include "ui/docks/overlay_controls.h"
#include "ui/docks/queue_dock.h"
#include "ui/docks/settings_dock.h"
#include "ui/docks/timeline_dock.h"
#include "ui/fitting_docks.h"
#include "ui/icons.h"
#include "ui/session/current_run.h"
#include "ui/session/event_log.h"
#include "ui/session/history_store.h"
#include "ui/session/preferences.h"
#include "ui/session/run_words.h"
#include "ui/session/sentences.h"
#include "ui/theme.h"
#include "ui/widgets/network_panel.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/column_scroll.h"
#include "ui/widgets/dock_title_bar.h"
#include "ui/widgets/prompt_bar.h"
#include "ui/window_commands.h"
#include "ui/window_parts.h"
#include "ui/workspaces/train_workspace.h"

namespace moescope {
namespace {

constexpr int kSentenceTime = 8000;  // milliseconds in the status bar

/// `controls`: part of the content that moves into the dock's title bar.
QDockWidget* dockOf(const QString& name, const QString& title, QWidget* content, QMainWindow* window, QWidget* controls = nullptr) {
    auto* dock = qobject_cast<QDockWidget*>(content);
    if (!dock) {
        dock = new QDockWidget(title, window);
        dock->setWidget(content);
    }
    dock->setObjectName(name);
    dock->setTitleBarWidget(new DockTitleBar(dock, controls));
    return dock;
}

}  // namespace

MainWindow::MainWindow(Workbench bench, QWidget* parent) : QMainWindow(parent), m_bench(bench), m_parts(std::make_unique<WindowParts>()) {
    setObjectName(QStringLiteral("MainWindow"));
    setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
    setAcceptDrops(true);
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    makeDocks();
    makeStatusBar();
    makeWorkspaces();
    makeMenus(*this);
    m_parts->palette = new CommandPalette(this);
    fillPalette(*this);
    connectEngine();
    connectHistory();
    connectTraining();
    connect(&m_bench.current, &CurrentRun::changed, this, &MainWindow::updateTitle);
    connect(&m_bench.preferences, &PreferenceStore::changed, this, [this](const Preferences& now, const Preferences& before) {
        if (now.theme != before.theme) applyTheme(now.theme);
        if (now.historyQuota != before.historyQuota) m_bench.history.setQuota(now.historyQuota);
    });
    restoreKept();
    updateTitle();
    qApp->installEventFilter(this);
}

MainWindow::~MainWindow() = default;

void MainWindow::makeDocks() {
    WindowParts& p = *m_parts;
    p.prompt = new PromptBar(p.state, this);
    auto* bar = new QToolBar(tr("Prompt"), this);
    bar->setObjectName(QStringLiteral("prompt"));
    bar->setMovable(false);
    bar->setContextMenuPolicy(Qt::PreventContextMenu);
    bar->toggleViewAction()->setVisible(false);
    bar->addWidget(p.prompt);
    addToolBar(Qt::TopToolBarArea, bar);
    p.promptBar = bar;

    p.canvas = new CanvasView(m_bench.current, m_bench.selection, this);
    setCentralWidget(p.canvas);
    connect(p.canvas, &CanvasView::generateRequested, p.prompt->generateAction(), &QAction::trigger);
    connect(p.canvas, &CanvasView::openRequested, this, &MainWindow::openSomething);

    p.settings = new SettingsDock(p.state, this);
    p.queue = new QueueDock(this);
    p.model = new ModelDock(this);
    p.model->addPart(new NetworkPanel(p.state, this));
    p.overlay = new OverlayControls(m_bench.current, m_bench.selection, *p.canvas, this);
    p.timeline = new TimelineDock(m_bench.current, m_bench.selection, this);
    p.history = new HistoryPanel(m_bench.history, this);
    auto* routing = new ColumnScroll(this);  // so that a small screen has room for the rest
    routing->setWidget(p.overlay);
    p.docks = {dockOf(QStringLiteral("settings"), tr("Settings"), p.settings, this),
               dockOf(QStringLiteral("overlay"), tr("Routing"), routing, this),
               dockOf(QStringLiteral("model"), tr("Model"), p.model, this),
               dockOf(QStringLiteral("timeline"), tr("Timeline"), p.timeline, this, p.timeline->controls()),
               dockOf(QStringLiteral("history"), tr("History"), p.history, this, p.history->controls()),
               dockOf(QStringLiteral("queue"), tr("Queue"), p.queue, this)};
    p.fitting = new FittingDocks(m_bench.current, this);
    for (const ChartKind& kind : chartKinds()) {
        auto* panel = new ChartPanel(kind, m_bench.current, m_bench.selection, this);
        connect(panel, &ChartPanel::said, this, &MainWindow::say);
        connect(panel, &ChartPanel::failed, this, [this](const EngineError& error) { complain(tr("The chart was not written"), error); });
        p.charts.push_back(panel);
        p.docks.push_back(dockOf(QStringLiteral("chart-") + kind.id, kind.title, panel, this, panel->controls()));
        p.fitting->add(kind, p.docks.back());
    }
    // A dock that joins or leaves others changes who shows a title; told once all of them have moved.
    for (QDockWidget* dock : p.docks) {
        const auto refresh = [this] {
            for (QDockWidget* each : m_parts->docks) static_cast<DockTitleBar*>(each->titleBarWidget())->refresh();
        };
        connect(dock, &QDockWidget::visibilityChanged, this, refresh, Qt::QueuedConnection);
        connect(dock, &QDockWidget::topLevelChanged, this, refresh, Qt::QueuedConnection);
        connect(dock, &QDockWidget::dockLocationChanged, this, refresh, Qt::QueuedConnection);
    }
    resetLayout();
}

void MainWindow::resetLayout() {
    WindowParts& p = *m_parts;
    showWorkspace(Workspace::Generate);
    if (!p.firstLayout.isEmpty()) {
        QMainWindow::restoreState(p.firstLayout, kLayoutVersion);
        p.fitting->apply();
        return;
    }
    const auto dock = [&p](const QString& name) {
        for (QDockWidget* candidate : p.docks)
            if (candidate->objectName() == name) return candidate;
        return static_cast<QDockWidget*>(nullptr);
    };
    setCorner(Qt::BottomLeftCorner, Qt::BottomDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    addDockWidget(Qt::LeftDockWidgetArea, dock("settings"));
    addDockWidget(Qt::LeftDockWidgetArea, dock("model"));
    addDockWidget(Qt::LeftDockWidgetArea, dock("queue"));
    tabifyDockWidget(dock("settings"), dock("model"));
    tabifyDockWidget(dock("model"), dock("queue"));
    addDockWidget(Qt::LeftDockWidgetArea, dock("overlay"));
    dock("settings")->raise();
    addDockWidget(Qt::RightDockWidgetArea, dock("chart-load"));
    addDockWidget(Qt::RightDockWidgetArea, dock("chart-layer-expert"));
    addDockWidget(Qt::RightDockWidgetArea, dock("chart-expert-time"));
    addDockWidget(Qt::RightDockWidgetArea, dock("chart-balance"));
    tabifyDockWidget(dock("chart-load"), dock("chart-balance"));
    addDockWidget(Qt::RightDockWidgetArea, dock("chart-change"));
    tabifyDockWidget(dock("chart-balance"), dock("chart-change"));
    // What only some ways of routing need stands behind the charts that are read together with it.
    for (const auto& [front, behind] : {std::pair("chart-layer-expert", "chart-experts-per-token"), {"chart-layer-expert", "chart-words"},
                                        {"chart-expert-time", "chart-capacity"}, {"chart-capacity", "chart-networks"}}) {
        addDockWidget(Qt::RightDockWidgetArea, dock(behind));
        tabifyDockWidget(dock(front), dock(behind));
    }
    dock("chart-layer-expert")->raise();
    dock("chart-expert-time")->raise();
    dock("chart-load")->raise();
    addDockWidget(Qt::BottomDockWidgetArea, dock("timeline"));
    addDockWidget(Qt::BottomDockWidgetArea, dock("history"));
    splitDockWidget(dock("timeline"), dock("history"), Qt::Vertical);
    const int em = fontMetrics().height();
    resizeDocks({dock("settings"), dock("chart-load")}, {em * 16, em * 24}, Qt::Horizontal);
    resizeDocks({dock("timeline"), dock("history")}, {em * 7, em * 6}, Qt::Vertical);
    resizeDocks({dock("chart-load"), dock("chart-layer-expert"), dock("chart-expert-time")}, {em * 12, em * 13, em * 14}, Qt::Vertical);
    resizeDocks({dock("settings"), dock("overlay")}, {em * 19, em * 12}, Qt::Vertical);
    p.fitting->apply();
    p.firstLayout = saveState(kLayoutVersion);
}

void MainWindow::makeStatusBar() {
    WindowParts& p = *m_parts;
    p.progressText = new QLabel(this);
    p.progressBar = new QProgressBar(this);
    p.progressBar->setTextVisible(false);
    p.progressBar->setMaximumWidth(fontMetrics().averageCharWidth() * 24);
    p.progressBar->setMaximumHeight(fontMetrics().height());
    p.progressBar->setAccessibleName(tr("Progress of the run"));
    p.progressBar->hide();
    p.modelButton = new QToolButton(this);
    p.modelButton->setAutoRaise(true);
    p.modelButton->setObjectName(QStringLiteral("modelName"));
    p.modelButton->setToolTip(tr("The model that is open. Click to see what it is."));
    p.modelButton->hide();
    connect(p.modelButton, &QToolButton::clicked, this, [this] {
        showWorkspace(Workspace::Generate);
        for (QDockWidget* dock : m_parts->docks)
            if (dock->objectName() == QLatin1String("model")) {
                dock->show();
                dock->raise();
            }
    });
    p.deviceButton = new QToolButton(this);
    p.deviceButton->setAutoRaise(true);
    p.deviceButton->setToolTip(tr("Device that the models run on. Click for the log."));
    connect(p.deviceButton, &QToolButton::clicked, this, &MainWindow::showLog);
    statusBar()->addPermanentWidget(p.progressText);
    statusBar()->addPermanentWidget(p.progressBar);
    statusBar()->addPermanentWidget(p.modelButton);
    statusBar()->addPermanentWidget(p.deviceButton);
}

void MainWindow::connectEngine() {
    WindowParts& p = *m_parts;
    EngineService& engine = m_bench.engine;
    p.recent = keptRecentModels(m_bench.settings);
    linkGenerate(m_bench, p.state, *p.prompt, *p.settings);
    // From now on arrows scrub. Not when the run starts: that may be long after, while the next prompt is written.
    connect(p.prompt, &PromptBar::ordered, p.timeline, [this] { m_parts->timeline->setFocus(); });
    linkQueue(m_bench, *p.queue);
    linkModel(m_bench, p.recent, *p.model);
    connect(&engine, &EngineService::modelChanged, this, [this](const OpenModelPtr& model) {
        showRecent();
        m_parts->modelButton->setText(model ? model->name : QString());
        m_parts->modelButton->setAccessibleName(model ? tr("Model: %1").arg(model->name) : QString());
        m_parts->modelButton->setVisible(model != nullptr);
        if (model) m_bench.log.add(LogLevel::Info, tr("Opened the model %1.").arg(model->name), QStringLiteral("engine"));
    });
    connect(&engine, &EngineService::modelFailed, this, [this](const EngineError& error) { complain(tr("The model could not be opened"), error); });
    const auto showDevice = [this](const QString& text) {
        m_parts->deviceButton->setText(text);
        m_parts->deviceButton->setAccessibleName(tr("Device: %1").arg(text));
        m_bench.log.setHead(tr("MoEscope %1, Qt %2, %3").arg(QStringLiteral(MOESCOPE_VERSION), QString::fromLatin1(qVersion()), text));
    };
    connect(&engine, &EngineService::deviceKnown, this, showDevice);
    if (!engine.deviceText().isEmpty()) showDevice(engine.deviceText());

    connect(&engine, &EngineService::jobsChanged, this, [this] {
        const bool running = m_bench.engine.running();
        m_parts->progressBar->setVisible(running);
        if (!running) m_parts->progressText->clear();
    });
    connect(&engine, &EngineService::progressed, this, [this](const RunProgress& progress) {
        m_parts->progressBar->setRange(0, progress.total);
        m_parts->progressBar->setValue(progress.done);
        m_parts->progressText->setText(progressText(progress));
    });
    connect(&engine, &EngineService::runStarted, this, [this](const RunViewPtr& run) {
        m_bench.current.show(run);
        m_parts->history->setShown({});
    });
    connect(&engine, &EngineService::runGrew, &m_bench.current, &CurrentRun::update);
    connect(&engine, &EngineService::runEnded, this, [this](const RunViewPtr& run) {
        m_bench.current.update(run);
        if (!run->evaluations.empty() && run->record) {
            const QString key = m_bench.history.add(run);
            if (const RunViewPtr& shown = m_bench.current.view(); shown && shown->id == run->id) m_parts->history->setShown(key);
        }
        if (run->state == RunState::Failed && run->error)
            complain(tr("The run broke off"), *run->error);
        else
            say(endText(*run));
        m_bench.log.add(LogLevel::Info, endText(*run), QStringLiteral("engine"));
    });
    connect(&engine, &EngineService::decoded, this, [this](RunId run, int evaluation, qint64 image, const Result<Picture>& picture) {
        if (picture.ok())
            m_parts->canvas->takeDecoded(run, evaluation, image, picture.value());
        else
            complain(tr("The evaluation could not be decoded"), picture.error());
    });
}

void MainWindow::connectHistory() {
    HistoryStore& history = m_bench.history;
    connect(&history, &HistoryStore::opened, &m_bench.current, &CurrentRun::show);
    connect(&history, &HistoryStore::openFailed, this,
            [this](const QString& file, const EngineError& error) { complain(tr("'%1' could not be opened").arg(QFileInfo(file).fileName()), error); });
    connect(&history, &HistoryStore::saved, this, [this](const QString& file) { say(tr("Saved %1.").arg(QFileInfo(file).fileName())); });
    connect(&history, &HistoryStore::saveFailed, this,
            [this](const QString& file, const EngineError& error) { complain(tr("'%1' was not saved").arg(QFileInfo(file).fileName()), error); });
    connect(&history, &HistoryStore::keptInMemory, this, [this](const QString&, const EngineError& error) {
        complain(tr("The run is kept in memory only"),
                 {error.code, sentenceOf(error).toStdString() + tr(" The run stays in memory until the program ends; save it somewhere else with File > Save "
                                                 "session.").toStdString()});
    });
    connect(&history, &HistoryStore::changeFailed, this,
            [this](const QString&, const EngineError& error) { complain(tr("History could not be changed"), error); });
    connect(m_parts->history, &HistoryPanel::quotaWanted, this, [this](qint64 bytes) {
        Preferences wanted = m_bench.preferences.now();
        wanted.historyQuota = std::min(bytes, kLargestQuota);
        m_bench.preferences.set(wanted);
    });
    connect(m_parts->history, &HistoryPanel::restoreRequested, this,
            [this](const GenerationParameters& parameters) { m_parts->state.adopt(parameters); });
}

void MainWindow::updateTitle() {
    const RunViewPtr& run = m_bench.current.view();
    setWindowTitle(run ? runName(*run) : QString());
    setWindowFilePath({});
}

void MainWindow::cancelOrClear() {
    if (m_bench.engine.running())
        m_bench.engine.cancelRunning();
    else
        m_bench.selection.clear();
}

void MainWindow::say(const QString& sentence) { statusBar()->showMessage(sentence, kSentenceTime); }

void MainWindow::complain(const QString& title, const EngineError& error) {
    m_bench.log.add(error);
    std::vector<ErrorAction> actions;
    if (error.code == ErrorCode::DeviceMemory || error.code == ErrorCode::DeviceLost)
        actions.push_back({tr("Run on the CPU"), [this] {
                               m_bench.engine.retryOnCpu();
                               chooseDevice(m_bench, DeviceChoice::Cpu);
                           }});
    showError(this, title, error, &m_bench.log, std::move(actions));
}

void MainWindow::togglePanels() {
    showWorkspace(Workspace::Generate);
    QByteArray& kept = m_parts->layoutWithPanels;
    if (!kept.isEmpty()) {
        QMainWindow::restoreState(kept, kLayoutVersion);
        kept.clear();
        return;
    }
    kept = saveState(kLayoutVersion);
    for (QDockWidget* dock : m_parts->docks) dock->hide();
}

/// Keys that no focused widget wanted: Esc, the arrows that scrub, and the plain letters that people know from their other programs.
void MainWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape) return cancelOrClear();
    const bool shownKey = event->key() == Qt::Key_Question;
    if (m_parts->workspace != Workspace::Generate && !shownKey) return QMainWindow::keyPressEvent(event);
    if (event->key() == Qt::Key_F && event->modifiers() == Qt::NoModifier) return togglePanels();
    if (event->modifiers() == Qt::ShiftModifier) {
        if (event->key() == Qt::Key_X) return m_bench.engine.cancelRunning();
        if (event->key() == Qt::Key_R) return resetLayout();
        if (event->key() == Qt::Key_Question) return showHelp(QStringLiteral("shortcuts"));
    }
    if ((event->modifiers() & ~Qt::KeypadModifier) == Qt::NoModifier && scrubKey(event->key())) return;
    QMainWindow::keyPressEvent(event);
}

/// Arrows scrub with the focus on a button too, where Qt would only move the focus on (Tab does that).
bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const auto* button = qobject_cast<QAbstractButton*>(watched);
        const bool arrow = key->key() == Qt::Key_Left || key->key() == Qt::Key_Right || key->key() == Qt::Key_Up || key->key() == Qt::Key_Down;
        const bool plain = (key->modifiers() & ~Qt::KeypadModifier) == Qt::NoModifier;
        if (button && arrow && plain && button->window() == this && !button->autoExclusive() && scrubKey(key->key())) return true;
    }
    return QMainWindow::eventFilter(watched, event);
}

bool MainWindow::scrubKey(int key) {
    const RunViewPtr& run = m_bench.current.view();
    if (!run || m_parts->workspace != Workspace::Generate) return false;
    SelectionModel& selection = m_bench.selection;
    switch (key) {
        case Qt::Key_Left: selection.setEvaluation(selection.now().evaluation - 1); return true;
        case Qt::Key_Right: selection.setEvaluation(selection.now().evaluation + 1); return true;
        case Qt::Key_Up: selection.setLayer(selection.now().layer - 1); return true;
        case Qt::Key_Down: selection.setLayer(selection.now().layer + 1); return true;
        case Qt::Key_Home: selection.setEvaluation(0); return true;
        case Qt::Key_End: selection.setEvaluation(static_cast<int>(run->evaluations.size()) - 1); return true;
        case Qt::Key_Space: m_parts->timeline->togglePlay(); return true;
        case Qt::Key_BracketLeft: selection.setExpert(std::max(0, selection.now().expert - 1)); return true;
        case Qt::Key_BracketRight: {
            const int before = selection.now().expert;
            selection.setExpert(before + 1);
            if (selection.now().expert < 0) selection.setExpert(before);
            return true;
        }
        case Qt::Key_B:
            selection.setBranch(selection.now().branch == BranchChoice::Cond ? BranchChoice::Uncond : BranchChoice::Cond);
            return true;
        default: return false;
    }
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!mayEndTraining()) return event->ignore();
    if (m_bench.engine.running() && !m_parts->closingAsked) {
        QMessageBox box(QMessageBox::Question, tr("A run is going"),
                        tr("A picture is being made. Close anyway? What is finished of it is kept in History."), QMessageBox::NoButton, this);
        QPushButton* close = box.addButton(tr("Stop it and close"), QMessageBox::DestructiveRole);
        QPushButton* stay = box.addButton(tr("Keep running"), QMessageBox::RejectRole);
        box.setDefaultButton(stay);
        box.setEscapeButton(stay);
        box.exec();
        if (box.clickedButton() != close) return event->ignore();
        m_parts->closingAsked = true;
        m_bench.engine.clearQueue();
        // The window closes when the run has ended and History has it.
        connect(&m_bench.engine, &EngineService::runEnded, this, &QWidget::close, Qt::QueuedConnection);
        m_bench.engine.cancelRunning();
        if (m_bench.engine.running()) return event->ignore();
    }
    if (!mayLoseRuns()) {
        m_parts->closingAsked = false;
        return event->ignore();
    }
    keep();
    event->accept();
}

bool MainWindow::mayLoseRuns() {
    const auto runs = static_cast<int>(m_bench.history.onlyInMemory().size());
    if (runs == 0) return true;
    QMessageBox box(QMessageBox::Warning, tr("Runs that are in memory only"),
                    tr("%n run(s) could not be written to the History folder and will be lost when the window closes. To keep one, choose "
                       "it in History and save it to another folder.", nullptr, runs),
                    QMessageBox::NoButton, this);
    QPushButton* lose = box.addButton(tr("Lose them and close"), QMessageBox::DestructiveRole);
    QPushButton* stay = box.addButton(tr("Show them in History"), QMessageBox::RejectRole);
    box.setDefaultButton(stay);
    box.setEscapeButton(stay);
    box.exec();
    if (box.clickedButton() == lose) return true;
    showWorkspace(Workspace::Generate);
    auto* history = findChild<QDockWidget*>(QStringLiteral("history"));
    history->show();
    history->raise();
    return false;
}

void MainWindow::restoreKept() {
    QSettings& s = m_bench.settings;
    WindowParts& p = *m_parts;
    p.overlay->setState(s.value(QStringLiteral("overlay")).toMap());
    for (ChartPanel* panel : p.charts) panel->setState(s.value(QStringLiteral("charts/") + panel->kind().id).toMap());
    showRecent();
    if (!restoreGeometry(s.value(QStringLiteral("geometry")).toByteArray())) {
        const QSize room = screen()->availableSize();
        resize(QSize(1280, 800).boundedTo(room));
    }
    QMainWindow::restoreState(s.value(QStringLiteral("layout")).toByteArray(), kLayoutVersion);
    if (s.value(QStringLiteral("workspace")).toInt() == static_cast<int>(Workspace::Train)) showWorkspace(Workspace::Train);
}

void MainWindow::keep() {
    QSettings& s = m_bench.settings;
    const WindowParts& p = *m_parts;
    s.setValue(QStringLiteral("overlay"), p.overlay->state());
    for (const ChartPanel* panel : p.charts) s.setValue(QStringLiteral("charts/") + panel->kind().id, panel->state());
    s.setValue(QStringLiteral("geometry"), saveGeometry());
    s.setValue(QStringLiteral("layout"), p.layoutWithPanels.isEmpty() ? layoutToKeep() : p.layoutWithPanels);
    s.setValue(QStringLiteral("workspace"), static_cast<int>(p.workspace));
    p.train->keep();
    s.sync();
}

}  // namespace moescope
