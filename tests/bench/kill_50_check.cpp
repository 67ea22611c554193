// SPDX-License-Identifier: GPL-3.0-or-later
// Helper of kill_50.sh: gives the window settings that save often, and looks into a History folder as the window does.
//   kill_50_check --settings INI PICTURES STEPS
//   kill_50_check --look FOLDER       prints what it finds; exit status 1 when anything there is broken
#include <QCoreApplication>
#include <QEventLoop>
#include <QSettings>
#include <cstdio>
#include <filesystem>
#include <string>

#include "engine/io/session_file.h"
#include "ui/session/generate_settings.h"
#include "ui/session/history_store.h"
#include "ui/session/paths.h"

using namespace moescope;

namespace {

const QString kBuiltInModel = QStringLiteral("emoji32");  // the name under which the window keeps its settings

int writeSettings(const char* file, int pictures, int steps) {
    GenerateSettings wanted;
    wanted.prompt = QStringLiteral("pizza");
    wanted.pictures = pictures;
    wanted.steps = steps;
    wanted.capture = CaptureLevel::Norms;
    const QVariantMap kept = toVariantMap(wanted);
    QSettings settings(QString::fromLocal8Bit(file), QSettings::IniFormat);
    settings.setValue(QStringLiteral("generate/kept"),
                      QVariantMap{{"now", kept}, {"models", QVariantMap{{kBuiltInModel, kept}}}});
    settings.sync();
    return settings.status() == QSettings::NoError ? 0 : 1;
}

/// What is wrong with a session; counts those of finished runs.
std::string problemIn(const std::filesystem::path& file, int& complete) {
    const auto run = openSession(file);
    if (!run.ok()) return run.error().message;
    complete += run.value()->complete ? 1 : 0;
    if (run.value()->evaluations.empty()) return "no evaluation in it";
    if (run.value()->complete && run.value()->pictures.empty()) return "no picture in it";
    return {};
}

int look(const std::filesystem::path& folder) {
    // As a person opens it: the store cleans up after killed programs and reads every entry.
    HistoryStore store(folder, qint64{1} << 50);
    while (store.listing()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 100);
    int broken = 0, complete = 0;
    qint64 bytes = 0;
    for (const HistoryEntry& entry : store.entries()) {
        bytes += entry.bytes;
        std::string problem = entry.problem.toStdString();
        if (problem.empty()) problem = problemIn(entry.file, complete);
        if (problem.empty()) continue;
        ++broken;
        std::printf("BROKEN %s: %s\n", textOf(entry.file.filename()).toUtf8().constData(), problem.c_str());
    }
    int files = 0, strangers = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        const std::string name = file.path().filename().string();
        if (name == ".moescope-history.lock") continue;
        if (file.path().extension() == ".moescope") {
            ++files;
            continue;
        }
        ++strangers;
        std::printf("LEFT OVER %s\n", name.c_str());
    }
    if (files != store.entries().size()) std::printf("BROKEN %d session files, %d listed\n", files, static_cast<int>(store.entries().size()));
    std::printf("%d sessions of %.1f MB listed, %d of them finished runs; %d broken, %d files left over\n",
                static_cast<int>(store.entries().size()), static_cast<double>(bytes) / 1e6, complete, broken, strangers);
    return broken + strangers > 0 || files != store.entries().size() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "--settings" && argc == 5) return writeSettings(argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
    if (what == "--look" && argc == 3) return look(argv[2]);
    std::fputs("usage: kill_50_check --settings INI PICTURES STEPS | --look FOLDER\n", stderr);
    return 2;
}
