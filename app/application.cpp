// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/application.h"

#include <CLI/CLI.hpp>
#include <QApplication>
#include <QIcon>
#include <QMessageBox>
#include <QSettings>
#include <QStandardPaths>
#include <cstdio>
#include <cstdlib>

#include "app/resource_paths.h"
#include "app/startup_probe.h"
#include "ui/icons.h"
#include "ui/main_window.h"
#include "ui/session/current_run.h"
#include "ui/session/engine_service.h"
#include "ui/session/event_log.h"
#include "ui/session/history_store.h"
#include "ui/session/preferences.h"
#include "ui/session/selection.h"
#include "ui/theme.h"
#include "ui/translations.h"

namespace moescope {
namespace {

constexpr int kCouldNotStart = 1;
constexpr int kWrongUsage = 2;

/// Options, or the exit status when there is nothing to open (help, version, wrong usage).
std::optional<int> parse(int argc, char** argv, ApplicationOptions& options) {
    CLI::App command("Make pictures with mixture-of-experts diffusion models and see what their experts do.", "moescope");
    command.set_version_flag("-v,--version", std::string("moescope ") + MOESCOPE_VERSION);
    std::vector<std::string> files;
    std::string model, device;
    command.add_option("files", files, "Models, sessions (*.moescope), pictures of MoEscope or folders of training runs to open");
    command.add_option("-m,--model", model, "Checkpoint file or folder, or a built-in model: " + builtInNames());
    command.add_option("-t,--threads", options.threads, "Threads of the engine; 0: one per core")->check(CLI::Range(0, 1024));
    command.add_option("--isa", options.isa, "Widest instructions to use")->check(CLI::IsMember({"auto", "avx512", "avx2", "sse4"}));
    command.add_option("--device", device, "Device to run on, for this start; auto: the GPU if there is one and the model fits")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
    command.add_flag("--reset-layout", options.freshLayout, "Put every panel where it is on the first start");
    try {
        command.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        const int status = command.exit(e);
        return status == 0 ? 0 : kWrongUsage;
    }
    for (const std::string& file : files) options.files << QString::fromStdString(file);
    options.model = QString::fromStdString(model);
    options.device = deviceChoiceFromName(device);
    return std::nullopt;
}

}  // namespace

int runApplication(int& argc, char** argv) {
    ApplicationOptions options;
    if (const auto status = parse(argc, argv, options)) return *status;
    if (!qEnvironmentVariableIsSet("DISPLAY") && !qEnvironmentVariableIsSet("WAYLAND_DISPLAY") &&
        !qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
        std::fputs("moescope: there is no display; set DISPLAY, or use moescope-cli, which needs none\n", stderr);
        return kCouldNotStart;
    }
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("moescope"));
    QApplication::setApplicationDisplayName(QStringLiteral("MoEscope"));
    QApplication::setApplicationVersion(QStringLiteral(MOESCOPE_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("moescope"));
    registerResources();
    QApplication::setWindowIcon(QIcon(QStringLiteral(":/desktop/moescope.svg")));

    EventLog log;
    const MessageCapture messages(log);
    const auto resources = resourceFolder();
    if (!resources.ok()) {
        QMessageBox::critical(nullptr, QStringLiteral("MoEscope"), QString::fromStdString(resources.error().message));
        return kCouldNotStart;
    }
    QSettings settings(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("moescope"), QStringLiteral("moescope"));
    PreferenceStore preferences(settings);
    installTranslations(application, localeNameOf(preferences.now().language));
    applyTheme(preferences.now().theme);

    const QString data = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation);
    const int threads = options.threads > 0 ? options.threads : preferences.now().threads;
    EngineService engine({*resources, threads, options.isa, options.device.value_or(preferences.now().device)});
    SelectionModel selection;
    CurrentRun current(selection);
    HistoryStore history(std::filesystem::path(data.toStdString()) / "moescope" / "history", preferences.now().historyQuota);
    MainWindow window({engine, selection, current, history, preferences, log, settings, *resources});
    StartupProbe::make(window);
    if (options.freshLayout) window.resetLayout();
    window.show();
    window.openFirstModel(options.model);
    for (const QString& file : options.files) window.openPath(file);
    return QApplication::exec();
}

}  // namespace moescope
