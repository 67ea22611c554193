// SPDX-License-Identifier: GPL-3.0-or-later
// History when several programs use its folder, and when they are killed.
#include <signal.h>

#include <QCoreApplication>
#include <QProcess>
#include <QRandomGenerator>
#include <QtTest>
#include <cstdio>

#include "engine/io/session_file.h"
#include "tests/ui/history_runs.h"
#include "ui/session/history_folder.h"
#include "ui/session/history_store.h"

using namespace moescope;
using namespace moescope::test;

namespace {

/// The program that is killed: keeps one run after the other and says which ones are on the disk.
int saveUntilKilled(const char* folder) {
    HistoryStore store(folder, kPlenty);
    for (uint64_t seed = 1;; ++seed) {
        const QString key = store.add(largeRun(seed));
        if (!settled(store) || !store.entry(key) || store.entry(key)->file.empty()) return 1;
        std::printf("%s\n", qPrintable(key));
        std::fflush(stdout);
        store.setStarred(key, seed % 2 == 0);
    }
}

}  // namespace

class HistoryKillTest : public QObject {
    Q_OBJECT

private slots:
    void twoProgramsNeverReplaceEachOthersRuns() {
        TemporaryFolder folder;
        const QString key = historyKey(QDateTime::currentDateTime(), 5);
        const auto first = writeHistorySession(folder.path(), key, test::sampleRun());
        const auto second = writeHistorySession(folder.path(), key, test::sampleRun());
        QCOMPARE(first->key, key);
        QCOMPARE(second->key, key + "-2");
        test::writeFile(folder / (key.toStdString() + "-3.claim"), "");  // another one is writing that name at this moment
        QCOMPARE(writeHistorySession(folder.path(), key, test::sampleRun())->key, key + "-4");

        TemporaryFolder shared;
        HistoryStore a(shared.path(), kPlenty), b(shared.path(), kPlenty);
        QStringList given;
        for (int i = 0; i < 20; ++i) given << a.add(runWithSeed(1)) << b.add(runWithSeed(1));
        QVERIFY(settled(a) && settled(b));
        QCOMPARE(files(shared).size(), size_t(40));
        for (HistoryStore* store : {&a, &b})
            for (const HistoryEntry& entry : store->entries()) QVERIFY(openSession(entry.file).ok());
        for (int i = 0; i < 40; ++i) QVERIFY((i % 2 ? b : a).entry(given[i]));  // found under the key that was given first, too
        const QString any = given[1];
        b.remove(any);
        QTRY_COMPARE(files(shared).size(), size_t(39));
    }

    void cleansUpAfterKilledProgramsOnly() {
        TemporaryFolder folder;
        const std::vector<std::string> leftovers{"20250101-120000-000-3.moescope.0123abcd.part", "20250101-120000-000-3-2.json.0123abcd.part",
                                                 "20250101-120000-000-3.claim"};
        const std::vector<std::string> others{"20250101-120000-000-3.moescope.part", "letter.part", "notes.json", "x.moescope.0123abcd.part"};
        for (const auto& name : leftovers) test::writeFile(folder / name, "x");
        for (const auto& name : others) test::writeFile(folder / name, "x");
        {
            const HistoryFolderLock first(folder.path());  // alone: cleans up
            QCOMPARE(files(folder), others);
            test::writeFile(folder / leftovers[0], "being written by the first");
            const HistoryFolderLock second(folder.path());
            QVERIFY(std::filesystem::exists(folder / leftovers[0]));
        }
        const HistoryFolderLock alone(folder.path());
        QCOMPARE(files(folder), others);
    }

    void losesNothingWhenItIsKilled() {
        TemporaryFolder folder;
        QStringList written;
        constexpr int kRounds = 8;
        for (int round = 0; round < kRounds; ++round) {
            QProcess child;
            child.start(QCoreApplication::applicationFilePath(), {"--save-until-killed", QString::fromStdString(folder.path().string())});
            QVERIFY(child.waitForStarted());
            QTRY_VERIFY_WITH_TIMEOUT(child.canReadLine(), 30000);
            QTest::qWait(QRandomGenerator::global()->bounded(80));
            QCOMPARE(::kill(static_cast<pid_t>(child.processId()), SIGKILL), 0);
            QVERIFY(child.waitForFinished());
            QCOMPARE(child.exitStatus(), QProcess::CrashExit);
            while (child.canReadLine()) written.push_back(QString::fromLatin1(child.readLine()).trimmed());

            HistoryStore store(folder.path(), kPlenty);
            QVERIFY(settled(store));
            for (const QString& key : written) QVERIFY2(store.entry(key), qPrintable(key));
            for (const HistoryEntry& entry : store.entries()) {
                QVERIFY2(entry.problem.isEmpty(), qPrintable(entry.problem));
                QVERIFY(openSession(entry.file).ok());
            }
            for (const std::string& name : files(folder)) QVERIFY2(name.ends_with(".moescope") || name.ends_with(".json"), name.c_str());
        }
        QVERIFY(written.size() >= kRounds);
    }
};

int main(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    if (argc == 3 && QByteArray(argv[1]) == "--save-until-killed") return saveUntilKilled(argv[2]);
    HistoryKillTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "history_kill_test.moc"
