// SPDX-License-Identifier: GPL-3.0-or-later
// The command palette: what fits, in which order, and what the keys do.
#include <QAbstractItemModelTester>
#include <QAction>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMainWindow>
#include <QMenuBar>
#include <QSignalSpy>
#include <QTest>

#include "tests/support/embedded_model.h"
#include "ui/dialogs/command_palette.h"
#include "ui/session/help_pages.h"

namespace moescope {
namespace {

int scoreOf(const char* typed, const char* text, const char* rest = "") {
    return paletteScore(searchWords(QString::fromUtf8(typed)), {searchWords(QString::fromUtf8(text)), searchWords(QString::fromUtf8(rest))});
}

RoutingTrace layersOf(int layers, int64_t experts) {
    RoutingTrace made;
    made.networks = {"one"};
    for (int i = 0; i < layers; ++i) made.layers.push_back({.block = 2 * i + 1, .moeIndex = i, .experts = experts, .topK = 2});
    return made;
}

QStringList textsOf(const PaletteModel& model) {
    QStringList texts;
    for (int row = 0; row < model.rowCount(); ++row) texts << model.index(row).data().toString();
    return texts;
}

}  // namespace

class CommandPaletteTest : public QObject {
    Q_OBJECT
private slots:
    void betterFitsScoreHigher() {
        QVERIFY(scoreOf("save", "Save session") > scoreOf("sav", "Save session"));
        QVERIFY(scoreOf("sav", "Save session") > scoreOf("ave", "Save session"));
        QVERIFY(scoreOf("ave", "Save session") > scoreOf("sve", "Save session"));
        QVERIFY(scoreOf("sve", "Save session") > 0);
        QVERIFY(scoreOf("save", "Save session") > scoreOf("save", "Other", "Save session"));
        QVERIFY(scoreOf("save session", "Save session") > scoreOf("session save", "Save session"));
        QCOMPARE(scoreOf("save xyz", "Save session"), 0);
        QCOMPARE(scoreOf("", "Save session"), 0);
    }

    void accentsAndCaseDoNotCount() {
        QVERIFY(scoreOf("gluhbirne", "Glühbirne") == scoreOf("GLÜHBIRNE", "Glühbirne"));
        QVERIFY(scoreOf("gluhbirne", "Glühbirne") > 0);
    }

    void numbersFitWholeNumbersFirst() {
        QVERIFY(scoreOf("expert 5", "expert 5 of MoE layer 2 (block 5)") > scoreOf("expert 5", "expert 12 of MoE layer 2 (block 5)"));
        QVERIFY(scoreOf("expert 1", "expert 1 of MoE layer 0 (block 1)") > scoreOf("expert 1", "expert 12 of MoE layer 0 (block 3)"));
        QCOMPARE(scoreOf("5", "expert 15"), 0);
        QVERIFY(scoreOf("1", "expert 15") > 0);
    }

    void anExpertIsFoundByBothItsNumbers() {
        PaletteModel model;
        model.setEntries(expertEntries(layersOf(6, 48), {}));
        model.setQuery(QStringLiteral("expert 5 layer 2"));
        QCOMPARE(model.index(0).data().toString(), QStringLiteral("expert 5 of MoE layer 2 (block 5)"));
        model.setQuery(QStringLiteral("expert 7 block 11"));
        QCOMPARE(model.index(0).data().toString(), QStringLiteral("expert 7 of MoE layer 5 (block 11)"));
    }

    void theModelKeepsItsPromises() {
        PaletteModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.setEntries(expertEntries(layersOf(6, 48), {}));
        QCOMPARE(model.rowCount(), PaletteModel::kMost);
        QCOMPARE(model.fitting(), 6 * 48);
        model.setQuery(QStringLiteral("expert 47"));
        QCOMPARE(model.fitting(), 6);
        model.setQuery(QStringLiteral("zzz"));
        QCOMPARE(model.rowCount(), 0);
        model.setQuery({});
        QCOMPARE(model.fitting(), 6 * 48);
    }

    void classesAreFoundByNameKeywordAndNumber() {
        const ClassLabels labels = test::embeddedLabels();
        int chosen = -1;
        PaletteModel model;
        model.setEntries(classEntries(labels, [&chosen](int id) { chosen = id; }));
        model.setQuery(QStringLiteral("grinning"));
        QVERIFY(textsOf(model).first().contains(QStringLiteral("grinning")));
        model.setQuery(QStringLiteral("joy"));  // a keyword of another name too
        QVERIFY(model.rowCount() > 0);
        model.setQuery(QStringLiteral("class number 7"));
        QVERIFY(model.rowCount() > 0);
        model.entry(0).run();
        QCOMPARE(chosen, 7);
        QCOMPARE(classEntries(int64_t(3), {}).size(), size_t(3));
    }

    void commandsSayPathKeysAndWhetherTheyCanRun() {
        QMenuBar bar;
        QMenu* file = bar.addMenu(QStringLiteral("&File"));
        QAction* save = file->addAction(QStringLiteral("&Save && close…"));
        save->setShortcut(QKeySequence(QStringLiteral("Ctrl+S")));
        save->setEnabled(false);
        file->addSeparator();
        file->addAction(QStringLiteral("Hidden"))->setVisible(false);
        file->addMenu(QStringLiteral("E&xport"))->addAction(QStringLiteral("As CSV"));
        const auto entries = commandEntries(menuActions(bar));
        QCOMPARE(entries.size(), size_t(2));
        QCOMPARE(entries[0].text, QStringLiteral("Save & close"));
        QCOMPARE(entries[0].detail, QStringLiteral("File"));
        QCOMPARE(entries[0].keys, QStringLiteral("Ctrl+S"));
        QVERIFY(!entries[0].enabled);
        QCOMPARE(entries[1].detail, QStringLiteral("File › Export"));
        QVERIFY(entries[1].enabled);
    }

    void anActionThatIsGoneDoesNothing() {
        auto bar = std::make_unique<QMenuBar>();
        bar->addMenu(QStringLiteral("File"))->addAction(QStringLiteral("Open"));
        const auto entries = commandEntries(menuActions(*bar));
        bar.reset();
        entries.at(0).run();
    }

    void typingArrowsAndEnterRunTheChoice() {
        QMainWindow window;
        window.resize(900, 600);
        window.show();
        QString ran;
        CommandPalette palette(&window);
        palette.addProvider([&ran] {
            return std::vector<PaletteEntry>{{"Save picture", "File", "command", [&ran] { ran = "picture"; }},
                                             {"Save session", "File", "command", [&ran] { ran = "session"; }},
                                             {"Open", "File", "command", [&ran] { ran = "open"; }}};
        });
        palette.openWith();
        QVERIFY(palette.isVisible());
        auto* line = palette.findChild<QLineEdit*>();
        auto* list = palette.findChild<QListView*>();
        QCOMPARE(list->model()->rowCount(), 3);
        QTest::keyClicks(line, QStringLiteral("save"));
        QCOMPARE(list->model()->rowCount(), 2);
        QCOMPARE(list->currentIndex().row(), 0);
        QTest::keyClick(line, Qt::Key_Down);
        QCOMPARE(list->currentIndex().row(), 1);
        QTest::keyClick(line, Qt::Key_Return);
        QCOMPARE(ran, QStringLiteral("session"));
        QVERIFY(!palette.isVisible());

        // What was used last stands first the next time.
        palette.openWith();
        QVERIFY(line->text().isEmpty());
        QCOMPARE(list->model()->index(0, 0).data().toString(), QStringLiteral("Save session"));
        QTest::keyClick(line, Qt::Key_Up);  // from the first to the last
        QCOMPARE(list->currentIndex().row(), 2);
        QTest::keyClick(line, Qt::Key_Escape);
        QVERIFY(!palette.isVisible());
    }

    void aClickRunsToo() {
        int runs = 0;
        CommandPalette palette;
        palette.addProvider([&runs] { return std::vector<PaletteEntry>{{"One", "", "command", [&runs] { ++runs; }}}; });
        palette.openWith();
        auto* list = palette.findChild<QListView*>();
        QTest::mouseClick(list->viewport(), Qt::LeftButton, {}, list->visualRect(list->model()->index(0, 0)).center());
        QCOMPARE(runs, 1);
        QVERIFY(!palette.isVisible());
    }

    void whatCanNotRunIsSaid() {
        int runs = 0;
        CommandPalette palette;
        palette.addProvider([&runs] { return std::vector<PaletteEntry>{{"Cancel", "", "command", [&runs] { ++runs; }, {}, false}}; });
        palette.openWith(QStringLiteral("cancel"));
        QTest::keyClick(palette.findChild<QLineEdit*>(), Qt::Key_Return);
        QCOMPARE(runs, 0);
        QVERIFY(palette.isVisible());
        QVERIFY(palette.findChild<QLabel*>()->text().contains(QStringLiteral("not available")));
        QVERIFY(palette.findChild<QListView*>()->model()->index(0, 0).data(Qt::AccessibleTextRole).toString().contains(
            QStringLiteral("not available")));
    }

    void entriesAreThoseOfTheMoment() {
        int asked = 0;
        CommandPalette palette;
        palette.addProvider([&asked] {
            ++asked;
            return std::vector<PaletteEntry>{};
        });
        palette.openWith();
        palette.close();
        palette.openWith();
        QCOMPARE(asked, 2);
        QVERIFY(palette.findChild<QLabel*>()->text().contains(QStringLiteral("Nothing fits")));
        QTest::keyClick(palette.findChild<QLineEdit*>(), Qt::Key_Return);
        QVERIFY(palette.isVisible());
    }

    void aThousandClassesAndAllExpertsAreSearchedAtOnce() {
        PaletteModel model;
        auto entries = classEntries(int64_t(1000), {});
        for (PaletteEntry& expert : expertEntries(layersOf(6, 48), {})) entries.push_back(std::move(expert));
        model.setEntries(std::move(entries));
        model.setQuery(QStringLiteral("class 99"));
        QCOMPARE(model.index(0).data().toString(), QStringLiteral("class 99"));
        QCOMPARE(model.fitting(), 11);  // 99 and 990 .. 999
        QBENCHMARK_ONCE {
            for (const char* query : {"e", "ex", "exp", "expert", "expert 1", "expert 12 lay"}) model.setQuery(QString::fromLatin1(query));
        }
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::CommandPaletteTest)
#include "command_palette_test.moc"
