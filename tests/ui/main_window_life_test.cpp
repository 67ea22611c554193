// SPDX-License-Identifier: GPL-3.0-or-later
// The whole window from start to end: closing during a run, a folder that takes nothing, layout, themes, and every command.
#include <QAction>
#include <QFileDialog>
#include <QMenuBar>
#include <set>

#include "tests/ui/window_fixture.h"
#include "ui/dialogs/command_palette.h"
#include "ui/dialogs/help_window.h"
#include "ui/dialogs/log_window.h"
#include "ui/docks/history_panel.h"
#include "ui/docks/timeline_dock.h"
#include "ui/menu_actions.h"
#include "ui/widgets/filmstrip_view.h"
#include "viz/plots/chart_view.h"

using namespace moescope;
using namespace moescope::test;

namespace {

constexpr int kManySteps = 2000;

/// Every command of every menu, once. Commands that quit are triggered last, by the caller.
int triggerAll(TestWindow& w) {
    int triggered = 0;
    for (const MenuAction& entry : menuActions(*w.window->menuBar())) {
        if (!entry.action || !entry.action->isEnabled() || entry.action->menuRole() == QAction::QuitRole) continue;
        if (entry.path.contains(QStringLiteral("recent"))) continue;  // opens a model: has its own test
        ++triggered;
        entry.action->trigger();
        QCoreApplication::processEvents();
        while (ErrorBox* box = w.error()) delete box;
    }
    QTest::qWait(50);
    return triggered;
}

}  // namespace

class MainWindowLifeTest : public QObject {
    Q_OBJECT
private slots:
    void closing_during_a_run_asks_and_may_stay();
    void closing_during_a_run_keeps_what_was_finished();
    void closing_with_runs_that_no_folder_took_asks();
    void closing_without_a_run_asks_nothing();
    void a_history_folder_that_takes_nothing_keeps_the_run_in_memory();
    void a_run_that_is_no_longer_shown_leaves_memory();
    void layout_is_kept_between_two_windows_and_reset();
    void a_window_fits_on_a_small_screen();
    void themes_change_the_colours_at_once();
    void every_dock_goes_and_comes_by_its_command();
    void picture_only_hides_the_panels_and_brings_them_back();
    void plain_letters_work_where_nobody_types();
    void no_command_fails_without_a_run();
    void no_command_fails_with_a_run();
    void no_command_fails_while_a_run_goes();
    void keys_of_commands_are_unambiguous();
    void the_palette_finds_commands_classes_experts_and_pages();
    void help_opens_with_f1();
};

void MainWindowLifeTest::closing_during_a_run_asks_and_may_stay() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() && w.current.view()->evaluations.size() > 2, kLong);
    const Answering answers(pressing(QStringLiteral("Keep running")));
    QVERIFY(!w.window->close());
    QCOMPARE(answers.seen(), 1);
    QVERIFY(w.window->isVisible());
    QVERIFY(w.engine.running());
    const size_t then = w.current.view()->evaluations.size();
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view()->evaluations.size() > then, kLong);
    QTest::keyClick(w.window.get(), Qt::Key_Escape);
    QVERIFY(w.idle());
}

void MainWindowLifeTest::closing_during_a_run_keeps_what_was_finished() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() && w.current.view()->evaluations.size() > 2, kLong);
    w.order(QStringLiteral("cat"));
    const size_t seen = w.current.view()->evaluations.size();
    const Answering answers(pressing(QStringLiteral("Stop it and close")));
    w.window->close();
    QTRY_VERIFY_WITH_TIMEOUT(!w.window->isVisible(), kLong);
    QCOMPARE(answers.seen(), 1);
    QVERIFY(w.idle());
    QCOMPARE(w.history.entries().size(), 1);
    HistoryStore next(w.history.folder(), qint64{1} << 40);
    QTRY_VERIFY_WITH_TIMEOUT(!next.listing(), kLong);
    QCOMPARE(next.entries().size(), 1);
    RunViewPtr kept;
    connect(&next, &HistoryStore::opened, this, [&kept](const RunViewPtr& run) { kept = run; });
    next.open(next.entries().front().key);
    QTRY_VERIFY_WITH_TIMEOUT(kept, kLong);
    QVERIFY(kept->evaluations.size() >= seen);
}

void MainWindowLifeTest::closing_with_runs_that_no_folder_took_asks() {
    TestWindow w("blocked");
    QVERIFY(w.openModel());
    w.order(QStringLiteral("dog"));
    QVERIFY(!w.takeError().isEmpty());
    QVERIFY(w.idle());
    QCOMPARE(w.history.onlyInMemory().size(), 1);
    {
        const Answering answers(pressing(QStringLiteral("Show them in History")));
        QVERIFY(!w.window->close());
        QCOMPARE(answers.seen(), 1);
        QVERIFY(w.dock("history").isVisible());
    }
    const Answering answers(pressing(QStringLiteral("Lose them and close")));
    QVERIFY(w.window->close());
    QCOMPARE(answers.seen(), 1);
}

void MainWindowLifeTest::closing_without_a_run_asks_nothing() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const Answering answers(Answering::dismiss);
    QVERIFY(w.window->close());
    QCOMPARE(answers.seen(), 0);
}

void MainWindowLifeTest::a_history_folder_that_takes_nothing_keeps_the_run_in_memory() {
    TestWindow w("blocked");
    QVERIFY(w.openModel());
    w.order(QStringLiteral("dog"));
    const QString said = w.takeError();
    QVERIFY2(said.contains(QStringLiteral("memory")), qPrintable(said));
    QVERIFY(w.idle());
    QCOMPARE(w.history.entries().size(), 1);
    QVERIFY(w.history.entries().front().file.empty());
    QVERIFY(!w.history.entries().front().problem.isEmpty());
    const RunViewPtr first = w.current.view();
    w.order(QStringLiteral("cat"));
    QVERIFY(!w.takeError().isEmpty());
    QVERIFY(w.idle());
    w.history.open(w.history.entries()[1].key);
    QTRY_COMPARE_WITH_TIMEOUT(w.current.view()->id, first->id, kLong);
    QCOMPARE(w.current.view()->record, first->record);
}

void MainWindowLifeTest::a_run_that_is_no_longer_shown_leaves_memory() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    std::weak_ptr<const RunRecord> record;
    std::weak_ptr<const RunView> view;
    {
        const RunViewPtr run = w.generate(QStringLiteral("dog"));
        QVERIFY(run && run->record);
        view = run;
        record = run->record;
    }
    QVERIFY(w.generate(QStringLiteral("cat")));
    QTRY_VERIFY(view.expired());
    QTRY_VERIFY(record.expired());
}

void MainWindowLifeTest::layout_is_kept_between_two_windows_and_reset() {
    TestWindow w;
    w.dock("model").hide();
    w.dock("chart-load").setFloating(true);
    w.window->addDockWidget(Qt::RightDockWidgetArea, &w.dock("history"));
    w.parts().canvas->setSettings({PictureKind::NoisyState, OverlayKind::HowMany, 0.25, false, true});
    w.chart("layer-expert").setTableShown(true);
    QVERIFY(w.window->close());
    w.makeWindow();
    QVERIFY(w.dock("model").isHidden());
    QVERIFY(w.dock("chart-load").isFloating());
    QCOMPARE(w.window->dockWidgetArea(&w.dock("history")), Qt::RightDockWidgetArea);
    QCOMPARE(w.parts().canvas->settings().overlay, OverlayKind::HowMany);
    QCOMPARE(w.parts().canvas->settings().opacity, 0.25);
    QVERIFY(w.chart("layer-expert").state().value(QStringLiteral("table")).toBool());
    w.window->resetLayout();
    QVERIFY(!w.dock("model").isHidden());
    QVERIFY(!w.dock("chart-load").isFloating());
    QCOMPARE(w.window->dockWidgetArea(&w.dock("history")), Qt::BottomDockWidgetArea);
}

void MainWindowLifeTest::a_window_fits_on_a_small_screen() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const QSize least = w.window->minimumSizeHint();
    QVERIFY2(least.width() <= 1100 && least.height() <= 700, qPrintable(QStringLiteral("%1 x %2").arg(least.width()).arg(least.height())));
    w.window->resize(1100, 700);
    QCoreApplication::processEvents();
    QCOMPARE(w.window->size(), QSize(1100, 700));
}

void MainWindowLifeTest::themes_change_the_colours_at_once() {
    TestWindow w;
    const auto choose = [&](Theme theme) {
        Preferences wanted = w.preferences.now();
        wanted.theme = theme;
        w.preferences.set(wanted);
    };
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    choose(Theme::Dark);
    QTRY_VERIFY(w.window->palette().color(QPalette::Window).lightness() < 100);
    QVERIFY(w.window->palette().color(QPalette::WindowText).lightness() > 150);
    const auto ground = [&] { return QColor(w.chart("load").view().image({300, 200}, 1).pixel(299, 199)).lightness(); };
    QVERIFY(ground() < 100);
    choose(Theme::Light);
    QTRY_VERIFY(w.window->palette().color(QPalette::Window).lightness() > 150);
    QVERIFY(ground() > 150);
    choose(Theme::System);
}

void MainWindowLifeTest::every_dock_goes_and_comes_by_its_command() {
    TestWindow w;
    for (QDockWidget* dock : w.parts().docks) {
        const bool hidden = dock->isHidden();  // those that only some runs need come with such a run
        const QStringList onlyForSome{"chart-networks", "chart-capacity", "chart-experts-per-token", "chart-words"};
        QCOMPARE(hidden, onlyForSome.contains(dock->objectName()));
        dock->toggleViewAction()->trigger();
        QVERIFY2(dock->isHidden() != hidden, qPrintable(dock->objectName()));
        dock->toggleViewAction()->trigger();
        QVERIFY2(dock->isHidden() == hidden, qPrintable(dock->objectName()));
        QVERIFY2(!dock->windowTitle().isEmpty(), qPrintable(dock->objectName()));
    }
}

void MainWindowLifeTest::picture_only_hides_the_panels_and_brings_them_back() {
    TestWindow w;
    w.dock("model").hide();
    std::set<QString> hidden;
    for (QDockWidget* dock : w.parts().docks)
        if (dock->isHidden()) hidden.insert(dock->objectName());
    QTest::keyClick(w.window.get(), Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    for (QDockWidget* dock : w.parts().docks) QVERIFY(dock->isHidden());
    QTest::keyClick(w.window.get(), Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    for (QDockWidget* dock : w.parts().docks) QCOMPARE(dock->isHidden(), hidden.contains(dock->objectName()));
    // Closed while only the picture is shown: the panels are back in the next start.
    QTest::keyClick(w.window.get(), Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(w.window->close());
    w.makeWindow();
    for (QDockWidget* dock : w.parts().docks) QCOMPARE(dock->isHidden(), hidden.contains(dock->objectName()));
}

void MainWindowLifeTest::plain_letters_work_where_nobody_types() {
    TestWindow w;
    w.window->setFocus();
    QTest::keyClick(w.window.get(), Qt::Key_F);
    QVERIFY(w.dock("timeline").isHidden());
    QTest::keyClick(w.window.get(), Qt::Key_F);
    QVERIFY(!w.dock("timeline").isHidden());
    w.dock("history").hide();
    QTest::keyClick(w.window.get(), Qt::Key_R, Qt::ShiftModifier);
    QVERIFY(!w.dock("history").isHidden());
    w.prompt().setFocus();
    QTest::keyClicks(&w.prompt(), QStringLiteral("fRX?"));
    QCOMPARE(w.prompt().text(), QStringLiteral("fRX?"));
    QVERIFY(!w.dock("timeline").isHidden());
}

void MainWindowLifeTest::no_command_fails_without_a_run() {
    TestWindow w;
    const Answering answers(Answering::dismiss);
    QVERIFY(triggerAll(w) > 20);
    QVERIFY(w.openModel());
    w.prompt().clear();
    QVERIFY(triggerAll(w) > 20);
    QVERIFY(w.idle());
    QVERIFY(answers.seen() > 3);
    QVERIFY(w.window->isVisible());
}

void MainWindowLifeTest::no_command_fails_with_a_run() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    QVERIFY(w.generate(QStringLiteral("dog")));
    const Answering answers(Answering::dismiss);
    QVERIFY(triggerAll(w) > 35);
    QVERIFY(w.idle());
    QVERIFY(w.current.view());
    QVERIFY(w.window->isVisible());
    QVERIFY(w.generate(QStringLiteral("banana")));  // still works
}

void MainWindowLifeTest::no_command_fails_while_a_run_goes() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() && w.current.view()->evaluations.size() > 2, kLong);
    const Answering answers(Answering::dismiss);
    QVERIFY(triggerAll(w) > 35);
    w.engine.clearQueue();
    w.engine.cancelRunning();
    QVERIFY(w.idle());
    QVERIFY(w.window->isVisible());
}

void MainWindowLifeTest::keys_of_commands_are_unambiguous() {
    TestWindow w;
    QHash<QString, QString> taken;
    for (const MenuAction& entry : menuActions(*w.window->menuBar())) {
        if (entry.action->shortcutContext() != Qt::WindowShortcut) continue;
        for (const QKeySequence& keys : entry.action->shortcuts()) {
            const QString text = keys.toString();
            QVERIFY2(!taken.contains(text), qPrintable(text + QStringLiteral(": ") + taken.value(text) + QStringLiteral(", ") + entry.text));
            taken.insert(text, entry.text);
        }
    }
    QVERIFY(taken.size() > 15);
}

void MainWindowLifeTest::the_palette_finds_commands_classes_experts_and_pages() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const auto choose = [&](const QString& words) {
        QTest::keyClick(w.window.get(), Qt::Key_K, Qt::ControlModifier);
        if (!QTest::qWaitFor([&] { return w.parts().palette->isVisible(); }, kLong)) return false;
        auto* line = w.parts().palette->findChild<QLineEdit*>();
        QTest::keyClicks(line, words);
        QTest::keyClick(line, Qt::Key_Return);
        const bool gone = QTest::qWaitFor([&] { return !w.parts().palette->isVisible(); }, kLong);
        w.activate();
        return gone;
    };
    QVERIFY(choose(QStringLiteral("layer 1 expert 3")));
    QTRY_COMPARE(w.selection.now().layer, 1);
    QCOMPARE(w.selection.now().expert, 3);
    QVERIFY(choose(QStringLiteral("banana")));
    QTRY_VERIFY(w.parts().state.now().classId >= 0);
    QVERIFY(choose(QStringLiteral("clear the selection")));
    QTRY_COMPARE(w.selection.now().expert, -1);
}

void MainWindowLifeTest::help_opens_with_f1() {
    TestWindow w;
    QTest::keyClick(w.window.get(), Qt::Key_F1);
    QTRY_VERIFY(w.parts().help && w.parts().help->isVisible());
    w.window->showLog();
    QTRY_VERIFY(w.parts().log && w.parts().log->isVisible());
    QVERIFY(w.window->close());
    QVERIFY(!w.window->isVisible());
}

QTEST_MAIN(MainWindowLifeTest)
#include "main_window_life_test.moc"
