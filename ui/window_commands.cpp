// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/window_commands.h"

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QDockWidget>
#include <QLocale>
#include <QMenuBar>
#include <memory>

#include "ui/dialogs/command_palette.h"
#include "ui/docks/chart_panel.h"
#include "ui/docks/queue_dock.h"
#include "ui/docks/timeline_dock.h"
#include "ui/main_window.h"
#include "ui/menu_actions.h"
#include "ui/session/current_run.h"
#include "ui/session/help_pages.h"
#include "ui/session/preferences.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/prompt_bar.h"
#include "ui/window_parts.h"
#include "ui/workspaces/train_workspace.h"

namespace moescope {
namespace {

/// Lives as long as the window: its commands refer to it.
class MenuMaker : public QObject {
    Q_DECLARE_TR_FUNCTIONS(MenuMaker)
public:
    explicit MenuMaker(MainWindow& window) : QObject(&window), m_window(window), m_parts(window.parts()) {}

    void make() {
        makeFileMenu();
        makeEditMenu();
        makeGenerateMenu();
        makeRoutingMenu();
        makeTrainMenu();
        makeViewMenu();
        makeHelpMenu();
    }

private:
    template <class Does>
    QAction* add(QMenu* menu, const QString& text, const QList<QKeySequence>& keys, Does does) {
        QAction* action = menu->addAction(text);
        action->setShortcuts(keys);
        QObject::connect(action, &QAction::triggered, &m_window, does);
        return action;
    }
    /// Commands that need a run are greyed until one is shown.
    QAction* needsRun(QAction* action) {
        const auto update = [action, &current = m_window.bench().current] { action->setEnabled(current.view() != nullptr); };
        QObject::connect(&m_window.bench().current, &CurrentRun::changed, action, update);
        update();
        return action;
    }

    void makeFileMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&File"));
        add(menu, tr("&Open\u2026"), {QKeySequence::Open}, [this] { m_window.openSomething(); });
        add(menu, tr("Open &model\u2026"), {QKeySequence(tr("Ctrl+Shift+O"))}, [this] { m_window.openModelDialog(); });
        m_parts.recentMenu = menu->addMenu(tr("Open &recent model"));
        add(menu, tr("&New mixture of networks\u2026"), {}, [this] { m_window.makeMixture(); });
        menu->addSeparator();
        needsRun(add(menu, tr("&Save session\u2026"), {QKeySequence::Save, QKeySequence(tr("Ctrl+Shift+S"))}, [this] { m_window.saveSession(); }));
        needsRun(add(menu, tr("Save &picture\u2026"), {QKeySequence(tr("Ctrl+Alt+S"))}, [this] { m_window.savePicture(); }));
        QMenu* data = menu->addMenu(tr("&Export"));
        needsRun(add(data, tr("Routing as NPZ, CSV or JSON\u2026"), {QKeySequence(tr("Ctrl+E"))}, [this] { m_window.exportRouting(); }));
        for (ChartPanel* panel : m_parts.charts)
            needsRun(add(data, tr("Chart '%1'\u2026").arg(panel->kind().title), {}, [panel] { panel->exportChart(); }));
        menu->addSeparator();
        add(menu, tr("&Quit"), {QKeySequence::Quit}, [this] { m_window.close(); })->setMenuRole(QAction::QuitRole);
    }

    void makeEditMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&Edit"));
        needsRun(add(menu, tr("&Copy picture"), {QKeySequence(tr("Ctrl+Shift+C"))}, [this] { m_window.copyPicture(false, 1); }));
        needsRun(add(menu, tr("Copy picture as &large as shown"), {}, [this] { m_window.copyPicture(false, m_parts.canvas->shownFactor()); }));
        needsRun(add(menu, tr("Copy picture with the expert &map"), {QKeySequence(tr("Ctrl+Alt+C"))}, [this] { m_window.copyPicture(true, m_parts.canvas->shownFactor()); }));
        needsRun(add(menu, tr("Copy &settings as text"), {}, [this] { m_window.copyParameters(); }));
        for (ChartPanel* panel : m_parts.charts)
            needsRun(add(menu, tr("Copy numbers of '%1'").arg(panel->kind().title), {}, [panel] { panel->copyData(); }));
        menu->addSeparator();
        add(menu, tr("&Preferences\u2026"), {QKeySequence(tr("Ctrl+,"))}, [this] { m_window.showPreferences(); });
    }

    void makeGenerateMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&Generate"));
        menu->addAction(m_parts.prompt->generateAction());
        menu->addAction(m_parts.prompt->generateFirstAction());
        menu->addAction(m_parts.prompt->cancelAction());
        menu->addAction(m_parts.queue->clearAction());
        menu->addSeparator();
        menu->addAction(m_parts.prompt->promptAction());
        menu->addAction(m_parts.prompt->pickClassAction());
        menu->addSeparator();
        add(menu, tr("Settings as the model's &defaults"), {}, [this] { m_parts.state.restoreDefaults(); });
        needsRun(add(menu, tr("Settings of the run that is &shown"), {QKeySequence(tr("Ctrl+R"))}, [this] { m_window.restoreFromShownRun(); }));
        needsRun(add(menu, tr("Decode this evaluation with the &VAE"), {}, [this] { m_window.decodeShownEvaluation(); }));
    }

    void makeRoutingMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&Routing"));
        SelectionModel& selection = m_window.bench().selection;
        const auto step = [&selection](int layers, int experts) {
            return [&selection, layers, experts] {
                Selection wanted = selection.now();
                wanted.layer += layers;
                if (experts) wanted.expert = std::max(0, wanted.expert + experts);
                const Selection before = selection.now();
                selection.set(wanted);
                if (experts && selection.now().expert < 0) selection.setExpert(before.expert);
            };
        };
        needsRun(add(menu, tr("&Next MoE layer"), {QKeySequence(tr("Ctrl+Down"))}, step(1, 0)));
        needsRun(add(menu, tr("&Previous MoE layer"), {QKeySequence(tr("Ctrl+Up"))}, step(-1, 0)));
        needsRun(add(menu, tr("Next &expert"), {QKeySequence(tr("Ctrl+]"))}, step(0, 1)));
        needsRun(add(menu, tr("Previous e&xpert"), {QKeySequence(tr("Ctrl+["))}, step(0, -1)));
        needsRun(add(menu, tr("With or without the prompt (&branch)"), {QKeySequence(tr("Ctrl+B"))}, [&selection] {
            selection.setBranch(selection.now().branch == BranchChoice::Cond ? BranchChoice::Uncond : BranchChoice::Cond);
        }));
        needsRun(add(menu, tr("Tokens or &gate mass"), {QKeySequence(tr("Ctrl+G"))}, [&selection] {
            selection.setMeasure(selection.now().measure == LoadMeasure::Counts ? LoadMeasure::GateMass : LoadMeasure::Counts);
        }));
        needsRun(add(menu, tr("&Clear the selection"), {QKeySequence(tr("Ctrl+D"))}, [&selection] { selection.clear(); }));
    }

    void makeTrainMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&Train"));
        TrainWorkspace& train = *m_parts.train;
        TrainingSession& session = train.session();
        const auto there = [this](auto does) {
            return [this, does] {
                m_window.showWorkspace(Workspace::Train);
                does();
            };
        };
        QAction* open = add(menu, tr("&Open a run\u2026"), {}, there([&train] { train.chooseRun(); }));
        menu->addSeparator();
        QAction* start = add(menu, tr("&Start or go on"), {QKeySequence(tr("Ctrl+Alt+Return"))}, there([&train] { train.start(); }));
        QAction* pause = add(menu, tr("&Pause or resume"), {QKeySequence(tr("Ctrl+Alt+P"))}, there([&session] {
                                 if (session.state() == TrainingState::Paused) session.resume();
                                 else session.pause();
                             }));
        QAction* stop = add(menu, tr("Stop and &keep"), {}, there([&session] { session.stop(); }));
        QAction* save = add(menu, tr("Save &now"), {}, there([&session] { session.saveNow(); }));
        menu->addSeparator();
        add(menu, tr("&Generate from the current average"), {}, there([&train] { train.generate(); }));
        const auto update = [open, start, pause, stop, save, &session] {
            const bool begun = session.state() == TrainingState::Running || session.state() == TrainingState::Paused;
            for (QAction* action : {open, start}) action->setEnabled(!session.going());
            for (QAction* action : {pause, save}) action->setEnabled(begun);
            stop->setEnabled(session.going() && session.state() != TrainingState::Ending);
        };
        QObject::connect(&session, &TrainingSession::stateChanged, this, update);
        update();
    }

    void makeViewMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&View"));
        add(menu, tr("Workspace &Generate"), {QKeySequence(tr("Ctrl+1"))}, [this] { m_window.showWorkspace(Workspace::Generate); });
        add(menu, tr("Workspace &Train"), {QKeySequence(tr("Ctrl+4"))}, [this] { m_window.showWorkspace(Workspace::Train); });
        menu->addSeparator();
        add(menu, tr("&Fit the picture"), {QKeySequence(tr("Ctrl+0"))}, [this] { m_parts.canvas->zoomFit(); });
        add(menu, tr("Actual size"), {QKeySequence(tr("Ctrl+Alt+0"))}, [this] { m_parts.canvas->zoomOne(); });
        add(menu, tr("&Larger"), {QKeySequence(tr("Ctrl+=")), QKeySequence::ZoomIn}, [this] { m_parts.canvas->zoomIn(); });
        add(menu, tr("&Smaller"), {QKeySequence::ZoomOut}, [this] { m_parts.canvas->zoomOut(); });
        menu->addSeparator();
        for (QDockWidget* dock : m_parts.docks) menu->addAction(dock->toggleViewAction());
        menu->addSeparator();
        add(menu, tr("&Picture only"), {QKeySequence(tr("Ctrl+Shift+F"))}, [this] { m_window.togglePanels(); });
        add(menu, tr("&Reset layout"), {QKeySequence(tr("Ctrl+Shift+R"))}, [this] { m_window.resetLayout(); });
        menu->addSeparator();
        QMenu* themes = menu->addMenu(tr("&Theme"));
        auto* group = new QActionGroup(themes);
        PreferenceStore& store = m_window.bench().preferences;
        const auto addTheme = [&](const QString& text, Theme theme) {
            QAction* action = add(themes, text, {}, [&store, theme] {
                Preferences wanted = store.now();
                wanted.theme = theme;
                store.set(wanted);
            });
            action->setCheckable(true);
            action->setActionGroup(group);
            const auto update = [action, theme, &store] { action->setChecked(store.now().theme == theme); };
            QObject::connect(&store, &PreferenceStore::changed, action, update);
            update();
        };
        addTheme(tr("As the &desktop"), Theme::System);
        addTheme(tr("&Light"), Theme::Light);
        addTheme(tr("D&ark"), Theme::Dark);
    }

    void makeHelpMenu() {
        QMenu* menu = m_window.menuBar()->addMenu(tr("&Help"));
        add(menu, tr("&Contents"), {QKeySequence::HelpContents}, [this] { m_window.showHelp(QStringLiteral("index")); });
        add(menu, tr("How to &read the views"), {}, [this] { m_window.showHelp(QStringLiteral("views")); });
        add(menu, tr("How &training works"), {}, [this] { m_window.showHelp(QStringLiteral("training")); });
        add(menu, tr("&Find a command, class, expert or page\u2026"), {QKeySequence(tr("Ctrl+K"))}, [this] { m_parts.palette->openWith(); });
        add(menu, tr("&Keyboard shortcuts"), {QKeySequence(tr("Ctrl+?")), QKeySequence(tr("Ctrl+Shift+/"))},
            [this] { m_window.showHelp(QStringLiteral("shortcuts")); });
        menu->addSeparator();
        add(menu, tr("&Log\u2026"), {}, [this] { m_window.showLog(); });
        add(menu, tr("&About MoEscope\u2026"), {}, [this] { m_window.showAbout(); })->setMenuRole(QAction::AboutRole);
    }

    MainWindow& m_window;
    WindowParts& m_parts;
};

}  // namespace

void makeMenus(MainWindow& window) { (new MenuMaker(window))->make(); }

void fillPalette(MainWindow& window) {
    CommandPalette& palette = *window.parts().palette;
    palette.addProvider([&window] { return commandEntries(menuActions(*window.menuBar())); });
    palette.addProvider([&window]() -> std::vector<PaletteEntry> {
        GenerateState& state = window.parts().state;
        const OpenModelPtr& model = state.model();
        if (!model) return {};
        const auto choose = [&state](int classId) {
            GenerateSettings settings = state.now();
            settings.classId = classId;
            state.set(settings);
        };
        return model->labels ? classEntries(*model->labels, choose) : classEntries(model->description().config.classes, choose);
    });
    palette.addProvider([&window]() -> std::vector<PaletteEntry> {
        const RunViewPtr& run = window.bench().current.view();
        if (!run) return {};
        return expertEntries(*run->routing, [&selection = window.bench().selection](int layer, int expert) {
            Selection wanted = selection.now();
            wanted.layer = layer;
            wanted.expert = expert;
            selection.set(wanted);
        });
    });
    const auto pages = std::make_shared<const HelpPages>(window.bench().resources / "help", QLocale().name().section(QLatin1Char('_'), 0, 0));
    palette.addProvider([&window, pages] { return helpEntries(pages->pages(), [&window](const QString& id) { window.showHelp(id); }); });
}

}  // namespace moescope
