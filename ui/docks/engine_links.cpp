// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/engine_links.h"

#include <QCoreApplication>
#include <QSettings>
#include <QTimer>

#include "ui/dialogs/open_model_dialog.h"
#include "ui/docks/model_dock.h"
#include "ui/docks/queue_dock.h"
#include "ui/docks/settings_dock.h"
#include "ui/session/current_run.h"
#include "ui/session/preferences.h"
#include "ui/session/recent_models.h"
#include "ui/session/sentences.h"
#include "ui/session/workbench.h"
#include "ui/widgets/block_schematic.h"
#include "ui/widgets/prompt_bar.h"

namespace moescope {
namespace {

const QString kGenerate = QStringLiteral("generate/kept");
const QString kHistory = QStringLiteral("generate/history");
const QString kAdvanced = QStringLiteral("generate/advanced");
const QString kRecent = QStringLiteral("models/recent");
const QString kLast = QStringLiteral("models/last");

constexpr int kPauseBeforeKeeping = 1000;  // ms without a change

}  // namespace

void linkGenerate(Workbench& bench, GenerateState& state, PromptBar& bar, SettingsDock& settings) {
    EngineService& engine = bench.engine;
    QSettings& store = bench.settings;
    state.restore(store.value(kGenerate).toMap());
    bar.setHistory(PromptHistory(store.value(kHistory).toStringList()));
    settings.showAdvanced(store.value(kAdvanced, false).toBool());

    QObject::connect(&engine, &EngineService::modelChanged, &state, &GenerateState::setModel);
    state.setModel(engine.model());
    QObject::connect(&bar, &PromptBar::ordered, &engine, [&engine](const GenerationOrder& order, bool first) { engine.generate(order, first); });
    QObject::connect(&bar, &PromptBar::cancelRequested, &engine, &EngineService::cancelRunning);
    QObject::connect(&engine, &EngineService::jobsChanged, &bar, [&engine, &bar] { bar.setRunning(engine.running()); });
    bar.setRunning(engine.running());

    // Written a moment after the last change and at the end, so that a crash loses no prompt.
    auto* keepSoon = new QTimer(&bar);
    keepSoon->setSingleShot(true);
    keepSoon->setInterval(kPauseBeforeKeeping);
    const auto keep = [&store, &state, &bar, &settings] {
        store.setValue(kGenerate, state.kept());
        store.setValue(kHistory, bar.history().prompts());
        store.setValue(kAdvanced, settings.advancedShown());
    };
    QObject::connect(keepSoon, &QTimer::timeout, &bar, keep);
    QObject::connect(&state, &GenerateState::changed, keepSoon, qOverload<>(&QTimer::start));
    QObject::connect(&bar, &PromptBar::ordered, &bar, keep);
    QObject::connect(QCoreApplication::instance(), &QCoreApplication::aboutToQuit, &bar, keep);
}

void linkQueue(Workbench& bench, QueueDock& queue) {
    EngineService& engine = bench.engine;
    QObject::connect(&engine, &EngineService::jobsChanged, &queue, [&engine, &queue] { queue.setJobs(engine.jobs()); });
    QObject::connect(&engine, &EngineService::progressed, &queue, &QueueDock::setProgress);
    QObject::connect(&queue, &QueueDock::removeRequested, &engine, &EngineService::cancel);
    QObject::connect(&queue, &QueueDock::moveRequested, &engine, &EngineService::moveJob);
    QObject::connect(&queue, &QueueDock::clearRequested, &engine, &EngineService::clearQueue);
    queue.setJobs(engine.jobs());
}

void linkModel(Workbench& bench, RecentModels& recent, ModelDock& dock) {
    EngineService& engine = bench.engine;
    SelectionModel& selection = bench.selection;
    QObject::connect(&engine, &EngineService::modelChanged, &dock, [&recent, &dock, &store = bench.settings](const OpenModelPtr& model) {
        dock.setModel(model);
        if (!model) return;
        recent.add({model->order, model->name});
        store.setValue(kRecent, recent.toVariantList());
        store.setValue(kLast, toVariantMap(model->order));
    });
    QObject::connect(&engine, &EngineService::modelStateChanged, &dock, &ModelDock::setState);
    QObject::connect(&engine, &EngineService::modelProgress, &dock, &ModelDock::setProgress);
    QObject::connect(&engine, &EngineService::modelFailed, &dock, [&dock](const EngineError& error) { dock.showFailure(sentenceOf(error)); });
    QObject::connect(&dock, &ModelDock::unloadRequested, &engine, &EngineService::unloadModel);
    QObject::connect(&dock, &ModelDock::orderRequested, &engine, &EngineService::openModel);
    QObject::connect(&dock, &ModelDock::openRequested, &dock, [&bench, &recent, &dock] { chooseModel(bench, recent, dock); });
    dock.setModel(engine.model());
    dock.setState(engine.modelState(), {});
    const auto showDevices = [&engine, &dock] { dock.setDevices(engine.devices(), engine.deviceChoice(), engine.device().note); };
    QObject::connect(&engine, &EngineService::devicesKnown, &dock, showDevices);
    QObject::connect(&engine, &EngineService::deviceKnown, &dock, showDevices);
    QObject::connect(&engine, &EngineService::deviceChosen, &dock, showDevices);
    QObject::connect(&dock, &ModelDock::deviceRequested, &engine, [&bench](DeviceChoice choice) { chooseDevice(bench, choice); });
    QObject::connect(&bench.preferences, &PreferenceStore::changed, &engine, [&engine](const Preferences& now, const Preferences& before) {
        if (now.device != before.device) engine.setDevice(now.device);
    });
    showDevices();

    // Without a run the selection has no layers: what is chosen here waits for the next run.
    auto* waiting = new QObject(&dock);
    waiting->setProperty("layer", -1);
    QObject::connect(&dock, &ModelDock::layerChosen, &selection, [&selection, waiting](int layer) {
        selection.setLayer(layer);
        waiting->setProperty("layer", selection.now().layer == layer ? -1 : layer);
    });
    QObject::connect(&bench.current, &CurrentRun::changed, waiting, [&selection, waiting](const RunViewPtr& run) {
        const int layer = waiting->property("layer").toInt();
        if (layer < 0 || !run || run->routing->layers.empty()) return;
        waiting->setProperty("layer", -1);
        selection.setLayer(layer);
    });
    QObject::connect(&selection, &SelectionModel::changed, &dock, [&dock](const Selection& now, const Selection& before) {
        if (now.layer != before.layer) dock.setChosenLayer(now.layer);
    });
    QObject::connect(&bench.current, &CurrentRun::changed, &dock, [&dock, &selection](const RunViewPtr& run, bool sameRun) {
        if (run && !sameRun) dock.setChosenLayer(selection.now().layer);
    });
}

void chooseDevice(Workbench& bench, DeviceChoice choice) {
    bench.engine.setDevice(choice);
    Preferences wanted = bench.preferences.now();
    wanted.device = choice;
    bench.preferences.set(wanted);
}

void chooseModel(Workbench& bench, RecentModels& recent, ModelDock& dock) {
    EngineService& engine = bench.engine;
    OpenModelDialog dialog(recent, engine.model() ? engine.model()->order : ModelOrder{}, dock.window());
    const bool chosen = dialog.exec() == QDialog::Accepted;
    recent = dialog.recent();
    bench.settings.setValue(kRecent, recent.toVariantList());
    if (chosen) engine.openModel(dialog.order());
}

ModelOrder lastModelOrder(const QSettings& settings) {
    const QVariantMap last = settings.value(kLast).toMap();
    return last.isEmpty() ? ModelOrder{} : modelOrderFrom(last);
}

RecentModels keptRecentModels(const QSettings& settings) { return RecentModels::from(settings.value(kRecent).toList()); }

}  // namespace moescope
