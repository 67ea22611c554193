// SPDX-License-Identifier: GPL-3.0-or-later
// The log: bounded, thread safe, without a person's folder, fed by Qt's messages; and the window that shows it.
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTest>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "ui/dialogs/log_window.h"
#include "ui/session/event_log.h"

namespace moescope {

class EventLogTest : public QObject {
    Q_OBJECT
private slots:
    void aLineHasTimeLevelSourceAndText() {
        EventLog log;
        log.add(LogLevel::Warning, QStringLiteral("first\nsecond"), QStringLiteral("engine"));
        const QRegularExpression form(QStringLiteral(
            "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3}  warning  \\[engine\\]  first\n    second\n$"));
        QVERIFY2(form.match(log.text()).hasMatch(), qPrintable(log.text()));
    }

    void theOldestGoWhenItIsFull() {
        EventLog log(3);
        for (int i = 0; i < 5; ++i) log.add(LogLevel::Info, QStringLiteral("line %1").arg(i));
        QCOMPARE(log.size(), 3);
        QCOMPARE(log.entries().first().text, QStringLiteral("line 2"));
        QVERIFY(log.text(1).contains(QStringLiteral("line 4")));
        QVERIFY(!log.text(1).contains(QStringLiteral("line 3")));
    }

    void theSameLineAgainIsCounted() {
        EventLog log;
        for (int i = 0; i < 3; ++i) log.add(LogLevel::Info, QStringLiteral("again"));
        QCOMPARE(log.size(), 1);
        QVERIFY(log.text().endsWith(QStringLiteral("again  (3 times)\n")));
    }

    void veryLongTextsAreCut() {
        EventLog log;
        log.add(LogLevel::Info, QString(100000, QLatin1Char('x')));
        QVERIFY(log.text().size() < 5000);
    }

    void aCancelIsNoError() {
        EventLog log;
        log.add(EngineError{ErrorCode::Cancelled, "stopped"});
        log.add(EngineError{ErrorCode::Io, "broken"});
        QCOMPARE(log.entries()[0].level, LogLevel::Info);
        QCOMPARE(log.entries()[1].level, LogLevel::Error);
    }

    void theHomeFolderBecomesATilde_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("wanted");
        QTest::newRow("file") << "cannot open '/home/anna b/model.pt'" << "cannot open '~/model.pt'";
        QTest::newRow("folder itself") << "in /home/anna b." << "in ~.";
        QTest::newRow("twice") << "/home/anna b/a:/home/anna b/b" << "~/a:~/b";
        QTest::newRow("address") << "file:///home/anna%20b/x" << "file://~/x";
        QTest::newRow("longer name") << "/home/anna bell/x" << "/home/anna bell/x";
        QTest::newRow("longer with dash") << "/home/anna b-old/x" << "/home/anna b-old/x";
        QTest::newRow("deeper") << "/mnt/home/anna b/x" << "/mnt/home/anna b/x";
        QTest::newRow("none") << "nothing here" << "nothing here";
    }

    void theHomeFolderBecomesATilde() {
        QFETCH(QString, text);
        QFETCH(QString, wanted);
        QCOMPARE(withoutHome(text, QStringLiteral("/home/anna b")), wanted);
    }

    void aRootAsHomeChangesNothing() { QCOMPARE(withoutHome(QStringLiteral("/usr/x"), QStringLiteral("/")), QStringLiteral("/usr/x")); }

    void theRealHomeIsHiddenInTheLog() {
        EventLog log;
        log.add(LogLevel::Info, QDir::homePath() + QStringLiteral("/secret"));
        QCOMPARE(log.entries().first().text, QStringLiteral("~/secret"));
    }

    void qtsMessagesArriveUntilTheCaptureEnds() {
        EventLog log;
        {
            MessageCapture capture(log);
            QTest::ignoreMessage(QtWarningMsg, "a warning of Qt");
            qWarning("a warning of Qt");
        }
        QTest::ignoreMessage(QtWarningMsg, "too late");
        qWarning("too late");
        QCOMPARE(log.size(), 1);
        QCOMPARE(log.entries().first().level, LogLevel::Warning);
        QCOMPARE(log.entries().first().text, QStringLiteral("a warning of Qt"));
    }

    void aListenerMayWarnItself() {
        EventLog log;
        MessageCapture capture(log);
        connect(&log, &EventLog::changed, this, [] { qWarning("from the listener"); });
        QTest::ignoreMessage(QtWarningMsg, "the first");
        qWarning("the first");
        QCOMPARE(log.size(), 1);
    }

    void manyThreadsLoseNothing() {
        EventLog log(10000);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&log, t] {
                for (int i = 0; i < 500; ++i) log.add(LogLevel::Info, QStringLiteral("%1-%2").arg(t).arg(i));
            });
        for (std::thread& thread : threads) thread.join();
        QCOMPARE(log.size(), 2000);
        const auto entries = log.entries();
        for (int i = 1; i < entries.size(); ++i) QVERIFY(entries[i - 1].number < entries[i].number);
    }

    void theWindowFollowsCopiesSavesAndClears() {
        EventLog log;
        log.setHead(QStringLiteral("MoEscope 1.2.3"));
        log.add(LogLevel::Info, QStringLiteral("one"));
        LogWindow window(log);
        window.show();
        auto* text = window.findChild<QPlainTextEdit*>();
        QVERIFY(text->toPlainText().contains(QStringLiteral("one")));

        std::thread([&log] { log.add(LogLevel::Error, QStringLiteral("two")); }).join();
        QTRY_VERIFY(text->toPlainText().contains(QStringLiteral("two")));

        QTest::mouseClick(window.findChild<QPushButton*>(QStringLiteral("copyLog")), Qt::LeftButton);
        QVERIFY(QApplication::clipboard()->text().startsWith(QStringLiteral("MoEscope 1.2.3\n\n")));
        QVERIFY(QApplication::clipboard()->text().contains(QStringLiteral("two")));

        test::TemporaryFolder folder;
        const QString file = QString::fromStdString((folder / "log.txt").string());
        QVERIFY(window.saveTo(file));
        QFile saved(file);
        QVERIFY(saved.open(QIODevice::ReadOnly));
        QCOMPARE(QString::fromUtf8(saved.readAll()), log.text());

        QSignalSpy failed(&window, &LogWindow::failed);
        QVERIFY(!window.saveTo(QString::fromStdString((folder / "no" / "log.txt").string())));
        QCOMPARE(failed.size(), 1);

        QTest::mouseClick(window.findChild<QPushButton*>(QStringLiteral("clearLog")), Qt::LeftButton);
        QTRY_COMPARE(log.size(), 0);
        QTRY_VERIFY(!text->toPlainText().contains(QStringLiteral("two")));
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::EventLogTest)
#include "event_log_test.moc"
