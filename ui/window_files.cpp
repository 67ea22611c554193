// SPDX-License-Identifier: GPL-3.0-or-later
// What the main window does with files: opening, dropping, saving, copying, exporting; and its secondary windows.
#include <QAction>
#include <QClipboard>
#include <QDir>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QInputDialog>
#include <QLocale>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QtConcurrent>

#include "engine/io/atomic_file.h"
#include "engine/io/generation_parameters.h"
#include "engine/ensemble/open_model.h"
#include "engine/model/built_in_models.h"
#include "ui/dialogs/about_dialog.h"
#include "ui/dialogs/help_window.h"
#include "ui/dialogs/log_window.h"
#include "ui/dialogs/new_mixture_dialog.h"
#include "ui/dialogs/preferences_dialog.h"
#include "ui/docks/engine_links.h"
#include "ui/docks/model_dock.h"
#include "ui/main_window.h"
#include "ui/session/built_in_words.h"
#include "ui/session/current_run.h"
#include "ui/session/dropped_file.h"
#include "ui/session/engine_sentences.h"
#include "ui/session/history_store.h"
#include "ui/session/paths.h"
#include "ui/session/preferences.h"
#include "ui/session/run_export.h"
#include "ui/session/run_words.h"
#include "ui/session/sentences.h"
#include "ui/menu_actions.h"
#include "ui/widgets/canvas_view.h"
#include "ui/window_parts.h"
#include "ui/workspaces/train_workspace.h"
#include "viz/export/routing_export.h"
#include "viz/export/routing_report.h"
#include "viz/plots/chart_view.h"

namespace moescope {
namespace {

constexpr int kLargestFactor = 64;

/// Runs `work` (giving a Status) on the pool and answers on the window's thread; nothing is answered once the window is gone.
template <class Work, class Answer>
void onPool(QObject* window, Work work, Answer answer) {
    using Outcome = decltype(work());
    auto* watcher = new QFutureWatcher<Outcome>(window);
    QObject::connect(watcher, &QFutureWatcher<Outcome>::finished, window, [watcher, answer] {
        answer(watcher->future().takeResult());
        watcher->deleteLater();
    });
    watcher->setFuture(QtConcurrent::run(std::move(work)));
}

Status writeReport(const RunRecord& run, const std::filesystem::path& path) {
    auto file = AtomicFile::create(path);
    if (!file.ok()) return file.error();
    if (const Status written = file->write(routingReport(run)); !written.ok()) return written;
    return file->commit();
}

}  // namespace

void MainWindow::openFirstModel(const QString& wanted) {
    ModelOrder order = lastModelOrder(m_bench.settings);
    std::error_code ignored;
    if (!order.embedded() && !std::filesystem::exists(order.path, ignored)) order = {};
    if (const std::string name = wanted.toStdString(); meansBuiltIn(name)) order = {.builtIn = name == kDefaultBuiltIn ? std::string() : name};
    else if (!wanted.isEmpty()) order = m_parts->recent.orderFor(pathOf(wanted)).value_or(ModelOrder{.path = pathOf(wanted)});
    openModel(order);
}

void MainWindow::openModel(const ModelOrder& order) { m_bench.engine.openModel(order); }

void MainWindow::openModelDialog() {
    chooseModel(m_bench, m_parts->recent, *m_parts->model);
    showRecent();
}

void MainWindow::makeMixture() {
    auto* dialog = new NewMixtureDialog(m_bench.settings.value(QStringLiteral("openFolder")).toString(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &NewMixtureDialog::created, this, &MainWindow::openPath);
    dialog->open();
}

void MainWindow::showRecent() {
    QMenu* menu = m_parts->recentMenu;
    menu->clear();
    for (const BuiltInModel& model : builtInModels()) {
        QAction* action = menu->addAction(builtInTitle(model.id), this, [this, id = std::string(model.id)] { openModel({.builtIn = id}); });
        action->setToolTip(builtInAbout(model.id));
    }
    menu->addSeparator();
    for (const RecentModel& recent : m_parts->recent.models()) {
        QAction* action = menu->addAction(recent.name, this, [this, order = recent.order] { openModel(order); });
        action->setToolTip(textOf(recent.order.path));
        action->setEnabled(isThere(recent));
    }
    menu->setToolTipsVisible(true);
}

void MainWindow::openSomething() {
    const QString name = QFileDialog::getOpenFileName(
        this, tr("Open a session, a picture or a model"), m_bench.settings.value(QStringLiteral("openFolder")).toString(),
        tr("All that can be opened (*.moescope *.png *.safetensors *.pt *.pth *.moe.json);;Sessions (*.moescope);;Pictures (*.png);;"
           "Models (*.safetensors *.pt *.pth *.moe.json);;All files (*)"));
    if (name.isEmpty()) return;
    m_bench.settings.setValue(QStringLiteral("openFolder"), QFileInfo(name).absolutePath());
    openPath(name);
}

void MainWindow::openPath(const QString& path) {
    say(tr("Looking at %1 \u2026").arg(QFileInfo(path).fileName()));
    onPool(this, [path] { return examineFile(pathOf(path)); },
           [this, path](const Result<DroppedFile>& found) {
               if (found.ok())
                   take(found.value());
               else
                   complain(tr("'%1' can not be opened").arg(QFileInfo(path).fileName()), found.error());
           });
}

void MainWindow::take(const DroppedFile& file) {
    const QString name = textOf(file.path.filename());
    showWorkspace(file.kind == DroppedFile::Kind::TrainingRun ? Workspace::Train : Workspace::Generate);
    switch (file.kind) {
        case DroppedFile::Kind::TrainingRun:
            say(tr("%1 is the folder of a training run; opening it.").arg(name));
            m_parts->train->openRun(textOf(std::filesystem::absolute(file.path)));
            return;
        case DroppedFile::Kind::Session:
            say(tr("%1 is a session; opening it.").arg(name));
            m_bench.history.openFile(file.path);
            return;
        case DroppedFile::Kind::Picture:
            onPool(this,
                   [hash = file.parameters->modelHash, resources = m_bench.resources] {
                       const auto found = builtInWithFingerprint(hash, resources);
                       return found ? std::string(found->id) : std::string();
                   },
                   [this, parameters = *file.parameters, name](const std::string& builtIn) { askToRestore(parameters, name, builtIn); });
            return;
        case DroppedFile::Kind::Model:
            say(tr("%1 looks like a model; opening it.").arg(name));
            openModel(m_parts->recent.orderFor(file.path).value_or(ModelOrder{.path = file.path, .storage = m_bench.preferences.now().storage}));
            return;
    }
}

void MainWindow::askToRestore(const GenerationParameters& parameters, const QString& from, const std::string& builtIn) {
    const OpenModelPtr& model = m_bench.engine.model();
    QString text = tr("%1 was made with these settings. Use them for the next picture?").arg(from);
    std::string other;  // to open for it
    if (model && !parameters.modelHash.empty() && parameters.modelHash != model->checkpoint->fingerprint()) {
        const QString name = QString::fromStdString(parameters.modelName);
        other = builtIn;
        text += QLatin1Char('\n') + (!other.empty() ? tr("It was made with the built-in model '%1', which will be opened.").arg(name)
                                           : tr("It was made with the model '%1', which is not the one that is open; the picture will differ.").arg(name));
    }
    QMessageBox box(QMessageBox::Question, tr("Restore settings"), text, QMessageBox::NoButton, this);
    box.setInformativeText(QString::fromStdString(toA1111Text(parameters)));
    QPushButton* use = box.addButton(tr("Use these settings"), QMessageBox::AcceptRole);
    box.addButton(QMessageBox::Cancel);
    box.exec();
    if (box.clickedButton() != use) return;
    const auto adopt = [this, parameters, from, other](const OpenModelPtr& now) {
        if (!other.empty() && (!now || now->order.builtIn != other)) return;  // it could not be opened; that is said
        m_parts->state.adopt(parameters, parameters.batchIndex);
        say(tr("Settings of %1 restored.").arg(from));
    };
    if (other.empty()) return adopt(model);
    connect(&m_bench.engine, &EngineService::modelChanged, this, adopt, Qt::SingleShotConnection);
    openModel({.builtIn = other});
}

void MainWindow::restoreFromShownRun() {
    const RunViewPtr& run = m_bench.current.view();
    if (!run) return;
    m_parts->state.adopt(run->parameters);
    say(tr("Settings of '%1' restored.").arg(runName(*run)));
}

void MainWindow::decodeShownEvaluation() {
    const RunViewPtr& run = m_bench.current.view();
    if (!run || run->evaluations.empty()) return;
    const Selection& selection = m_bench.selection.now();
    m_bench.engine.decode(run, selection.evaluation, selection.image);
}

void MainWindow::saveSession() {
    const RunViewPtr run = m_bench.current.view();
    if (!run) return;
    if (run->going()) return say(tr("The run is still going; it can be saved when it is finished."));
    const QString name = QFileDialog::getSaveFileName(this, tr("Save session"),
                                                      QString::fromStdString(pictureFileName(*run, 0, ".moescope")), tr("Session (*.moescope)"));
    if (!name.isEmpty()) m_bench.history.saveAs(run, pathOf(name));
}

void MainWindow::savePicture() {
    const RunViewPtr run = m_bench.current.view();
    if (!run) return;
    const int64_t image = m_bench.selection.now().image;
    const QString folder = pictureFolderOf(m_bench.preferences.now());
    QDir().mkpath(folder);
    const QString name = QFileDialog::getSaveFileName(this, tr("Save picture"),
                                                      folder + QLatin1Char('/') + QString::fromStdString(pictureFileName(*run, image, ".png")),
                                                      tr("Picture (*.png)"));
    if (name.isEmpty()) return;
    int factor = 1;
    constexpr int kSmall = 128;
    if (run->latentShape.size() == 3 && run->parameters.width > 0 && run->parameters.width <= kSmall) {
        bool agreed = false;
        factor = QInputDialog::getInt(this, tr("Save picture"),
                                      tr("The picture is %1 x %2 pixels. How many times as large should it be saved?")
                                          .arg(run->parameters.width)
                                          .arg(run->parameters.height),
                                      1, 1, kLargestFactor, 1, &agreed);
        if (!agreed) return;
    }
    const bool settings = m_bench.preferences.now().picturesCarrySettings;
    onPool(this, [run, image, factor, settings, path = pathOf(name)] { return moescope::savePicture(*run, image, path, factor, settings); },
           [this, name](const Status& written) {
               if (written.ok())
                   say(tr("Wrote %1.").arg(QFileInfo(name).fileName()));
               else
                   complain(tr("The picture was not written"), written.error());
           });
}

void MainWindow::exportRouting() {
    const RunViewPtr run = m_bench.current.view();
    if (!run) return;
    if (!run->record) return say(tr("The run is still going; its routing can be exported when it is finished."));
    const QString name = QFileDialog::getSaveFileName(this, tr("Export routing"), QString::fromStdString(pictureFileName(*run, 0, ".npz")),
                                                      tr("Arrays for Python (*.npz);;Table (*.csv);;Sums as JSON (*.json);;Report as text (*.txt)"));
    if (name.isEmpty()) return;
    onPool(this,
           [record = run->record, path = pathOf(name)] {
               return path.extension() == ".txt" ? writeReport(*record, path) : moescope::exportRouting(*record, path);
           },
           [this, name](const Status& written) {
               if (written.ok())
                   say(tr("Wrote %1.").arg(QFileInfo(name).fileName()));
               else
                   complain(tr("The routing was not written"), written.error());
           });
}

void MainWindow::copyPicture(bool withOverlay, int factor) {
    m_parts->canvas->copyPicture(factor, withOverlay);
    say(withOverlay ? tr("Copied the picture with the expert map.") : tr("Copied the picture."));
}

void MainWindow::copyParameters() {
    const RunViewPtr& run = m_bench.current.view();
    if (!run) return;
    GenerationParameters parameters = run->parameters;
    parameters.batchIndex = m_bench.selection.now().image;
    QGuiApplication::clipboard()->setText(QString::fromStdString(toA1111Text(parameters)));
    say(tr("Copied the settings."));
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile()) return event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    event->acceptProposedAction();
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile()) openPath(url.toLocalFile());
}

void MainWindow::showPreferences() {
    PreferencesDialog dialog(m_bench.preferences, {textOf(m_bench.history.folder()), m_bench.history.bytesUsed()}, this);
    dialog.exec();
}

void MainWindow::showHelp(const QString& page) {
    if (!m_parts->help) {
        m_parts->help = new HelpWindow(m_bench.resources / "help", QLocale().name().section(QLatin1Char('_'), 0, 0), this);
        m_parts->help->setWindowFlag(Qt::Window);
        m_parts->help->setAttribute(Qt::WA_DeleteOnClose);
        m_parts->help->setPart(QStringLiteral("shortcuts"), [this] { return shortcutTable(menuActions(*menuBar())); });
    }
    m_parts->help->showPage(page);
    m_parts->help->show();
    m_parts->help->raise();
    m_parts->help->activateWindow();
}

void MainWindow::showLog() {
    if (!m_parts->log) {
        m_parts->log = new LogWindow(m_bench.log, this);
        m_parts->log->setAttribute(Qt::WA_DeleteOnClose);
        connect(m_parts->log, &LogWindow::failed, this, [this](const EngineError& error) { complain(tr("The log was not written"), error); });
    }
    m_parts->log->show();
    m_parts->log->raise();
    m_parts->log->activateWindow();
}

void MainWindow::showAbout() {
    QStringList devices;
    for (const DeviceOffer& offer : m_bench.engine.devices()) {
        const QString name = offer.device == DeviceChoice::Cpu ? tr("CPU: %1") : tr("CUDA: %1");
        devices << (offer.offered() ? name.arg(translatedSentence(QString::fromStdString(offer.description))) : sentenceOf(offer.reason));
    }
    AboutDialog dialog({QStringLiteral(MOESCOPE_VERSION), plotLibraryVersion(), m_bench.engine.deviceText(), devices}, this);
    dialog.exec();
}

}  // namespace moescope
