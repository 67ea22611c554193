// SPDX-License-Identifier: GPL-3.0-or-later
// The Train workspace with a toy recipe on a few generated pictures, from the recipe's text to the finished run that is opened again.
#include "ui/workspaces/train_workspace.h"

#include <QAction>
#include <QLabel>
#include <QTabBar>
#include <QToolButton>

#include "tests/support/toy_pictures.h"
#include "tests/ui/window_fixture.h"
#include "ui/widgets/chart_frame.h"
#include "ui/widgets/recipe_editor.h"
#include "ui/widgets/sample_browser.h"
#include "ui/workspaces/train_charts.h"
#include "ui/workspaces/train_setup.h"
#include "viz/charts/training_charts.h"
#include "viz/plots/chart_view.h"

using namespace moescope;
using namespace moescope::test;

namespace {

QString toyRecipe(int steps) {
    return QStringLiteral("name: toy\n"
                          "model:\n"
                          "  family: JiTMoE\n"
                          "  image_size: 8\n"
                          "  patch: 4\n"
                          "  width: 32\n"
                          "  depth: 2\n"
                          "  heads: 2\n"
                          "  bottleneck: 8\n"
                          "  context_tokens: 2\n"
                          "  context_start: 1\n"
                          "experts:\n"
                          "  count: 4\n"
                          "  top_k: 2\n"
                          "  width: 16\n"
                          "  shared: 1\n"
                          "data:\n"
                          "  held_out: 0.2\n"
                          "training:\n"
                          "  steps: %1\n"
                          "  batch: 4\n"
                          "  rate: 0.001\n"
                          "samples:\n"
                          "  every: 20\n"
                          "  count: 4\n"
                          "  steps: 2\n")
        .arg(steps);
}

struct TrainWindow : TestWindow {
    TrainWindow() {
        for (int i = 0; i < 20; ++i)
            writePngFile(folder / "pictures" / ("class" + std::to_string(i % 2)) / (std::to_string(i) + ".png"),
                         flatPicture(8, 8, {static_cast<uint8_t>(12 * i), 90, 200}));
        window->showWorkspace(Workspace::Train);
    }
    TrainWorkspace& train() { return *parts().train; }
    TrainingSession& session() { return train().session(); }
    RecipeEditor& editor() { return train().setup().editor(); }
    QPushButton& button(const char* name) { return *train().findChild<QPushButton*>(QLatin1String(name)); }
    QString text(const char* name) { return train().findChild<QLabel*>(QLatin1String(name))->text(); }
    ChartFrame& frame(const char* id) { return *train().findChild<ChartFrame*>(QLatin1String(id)); }
    QString runFolder() { return QString::fromStdString((folder / "run").string()); }
    void prepare(int steps) {
        editor().setPlainText(toyRecipe(steps));
        train().setup().setData(QString::fromStdString((folder / "pictures").string()));
        train().setup().setFolder(runFolder());
        train().setup().setThreads(1);
    }
    void press(const char* name) { QTest::mouseClick(&button(name), Qt::LeftButton); }
    bool reaches(int64_t step) {
        return QTest::qWaitFor([&] { return session().progress().facts.step >= step; }, kLong);
    }
    bool ends() {
        return QTest::qWaitFor([&] { return !session().going(); }, kLong);
    }
};

}  // namespace

class TrainWorkspaceTest : public QObject {
    Q_OBJECT
private slots:
    void workspaces_change_by_tab_and_keys_and_come_back();
    void the_window_keeps_its_size_between_workspaces();
    void a_mistake_in_the_recipe_is_shown_at_its_line();
    void what_is_missing_is_said_when_start_is_pressed();
    void what_a_run_needs_is_said_before_it_starts();
    void a_run_is_paused_resumed_stopped_and_gone_on_with();
    void a_finished_run_opened_later_shows_the_same();
    void the_current_average_opens_as_a_model();
    void closing_while_training_asks_and_saves();
    void a_folder_without_a_run_is_answered_with_a_sentence();
};

void TrainWorkspaceTest::workspaces_change_by_tab_and_keys_and_come_back() {
    TestWindow w;
    QVERIFY(w.dock(QStringLiteral("settings")).isVisible());
    QTest::keyClick(w.window.get(), Qt::Key_4, Qt::ControlModifier);
    QVERIFY(w.parts().train->isVisible());
    QVERIFY(!w.parts().canvas->isVisible());
    QVERIFY(!w.dock(QStringLiteral("settings")).isVisible());
    QVERIFY(!w.parts().prompt->isVisible());
    w.window->close();
    w.makeWindow();
    QVERIFY(w.parts().train->isVisible());
    w.parts().workspaceTabs->setCurrentIndex(0);
    QVERIFY(w.parts().canvas->isVisible());
    QVERIFY(w.dock(QStringLiteral("settings")).isVisible());
    QVERIFY(w.parts().prompt->isVisible());
    QVERIFY(!w.parts().train->isVisible());
}

void TrainWorkspaceTest::a_mistake_in_the_recipe_is_shown_at_its_line() {
    TrainWindow w;
    w.prepare(20);
    QTRY_COMPARE(w.editor().markedLine(), 0);
    // A letter too many in "rate", typed at the end of its name.
    const int at = static_cast<int>(w.editor().toPlainText().indexOf(QStringLiteral("rate:"))) + 4;
    QTextCursor cursor = w.editor().textCursor();
    cursor.setPosition(at);
    w.editor().setTextCursor(cursor);
    const int line = cursor.blockNumber() + 1;
    QTest::keyClicks(&w.editor(), QStringLiteral("s"));
    QTRY_COMPARE(w.editor().markedLine(), line);
    QVERIFY2(w.text("recipeFault").contains(QStringLiteral("Line</a>")) || w.text("recipeFault").contains(QString::number(line)),
             qPrintable(w.text("recipeFault")));
    QVERIFY(w.text("recipeFault").contains(QStringLiteral("rate")));
    w.press("trainStart");
    QVERIFY(!w.session().going());
    QTest::keyClick(&w.editor(), Qt::Key_Home);
    w.editor().setPlainText(toyRecipe(20));
    QTRY_COMPARE(w.editor().markedLine(), 0);
    QVERIFY(!w.train().findChild<QLabel*>(QStringLiteral("recipeFault"))->isVisible());
}

void TrainWorkspaceTest::what_is_missing_is_said_when_start_is_pressed() {
    TrainWindow w;
    w.press("trainStart");
    QVERIFY(!w.session().going());
    QVERIFY(w.text("trainFacts").contains(QStringLiteral("recipe")));
    w.prepare(20);
    w.train().setup().setData({});
    w.press("trainStart");
    QVERIFY(!w.session().going());
    QVERIFY(w.text("trainFacts").contains(QStringLiteral("pictures")));
}

void TrainWorkspaceTest::the_window_keeps_its_size_between_workspaces() {
    TestWindow w;
    w.window->resize(1280, 800);
    QTRY_COMPARE(w.window->size(), QSize(1280, 800));
    for (const Workspace next : {Workspace::Train, Workspace::Generate, Workspace::Train}) {
        w.window->showWorkspace(next);
        QTest::qWait(50);
        QCOMPARE(w.window->size(), QSize(1280, 800));
    }
}

void TrainWorkspaceTest::what_a_run_needs_is_said_before_it_starts() {
    TrainWindow w;
    w.prepare(20);
    QTRY_VERIFY_WITH_TIMEOUT(w.text("trainFacts").contains(QStringLiteral("GB")), kLong);
    QVERIFY2(w.text("trainFacts").contains(QStringLiteral("16 pictures of 2 classes, 4 more kept aside")), qPrintable(w.text("trainFacts")));
    QVERIFY(w.text("trainFacts").contains(QStringLiteral("20 steps of 4 pictures")));
}

void TrainWorkspaceTest::a_run_is_paused_resumed_stopped_and_gone_on_with() {
    TrainWindow w;
    w.prepare(1000000);
    w.press("trainStart");
    QVERIFY(w.session().going());
    QVERIFY(w.reaches(25));
    w.press("trainPause");
    QCOMPARE(w.session().state(), TrainingState::Paused);
    QTRY_VERIFY(w.text("trainProgress").startsWith(QStringLiteral("Paused")));
    // The step in progress ends, then nothing moves; a state can be saved meanwhile.
    QSignalSpy saved(&w.session(), &TrainingSession::saved);
    w.press("trainSave");
    QVERIFY(saved.count() == 1 || saved.wait(kLong));
    const int64_t paused = saved.front().front().toLongLong();
    QTRY_COMPARE(w.session().progress().facts.step, paused);
    w.press("trainPause");
    QVERIFY(w.reaches(paused + 5));
    w.press("trainStop");
    QVERIFY(w.ends());
    const int64_t stopped = w.session().record()->lastStep();
    QVERIFY(stopped > paused);
    QTRY_VERIFY_WITH_TIMEOUT(w.button("trainStart").text().contains(QString::number(stopped)), kLong);
    QVERIFY(w.train().samples().shownStep() >= 20 || QTest::qWaitFor([&] { return w.train().samples().shownStep() >= 20; }, kLong));
    QCOMPARE(w.train().samples().pictures(), 4);

    w.press("trainStart");
    QVERIFY(w.reaches(stopped + 1));
    w.press("trainStop");
    QVERIFY(w.ends());
    // One line per step, none twice.
    int64_t expected = 0;
    for (const train::MetricsLine& line : w.session().record()->lines)
        if (line.heldOutLoss < 0) QCOMPARE(line.step, ++expected);
}

void TrainWorkspaceTest::a_finished_run_opened_later_shows_the_same() {
    TrainWindow w;
    w.prepare(40);
    w.press("trainStart");
    QVERIFY(w.ends());
    const TrainingRecord live = *w.session().record();
    const auto read = readTrainingFolder(w.folder / "run");
    QVERIFY(read.ok());
    QVERIFY(read->finished());
    for (const TrainingCurve curve : {TrainingCurve::Loss, TrainingCurve::HeldOutLoss, TrainingCurve::GradientNorm, TrainingCurve::Rate}) {
        const ChartSpec a = trainingCurveChart(live, curve), b = trainingCurveChart(*read->record, curve);
        QVERIFY(!a.empty());
        QCOMPARE(chartColumns(a), chartColumns(b));
        for (int column = 0; column < chartColumns(a); ++column) QCOMPARE(chartValue(a, 0, column), chartValue(b, 0, column));
    }
    const ChartSpec load = trainingLoadChart(live, 0), kept = trainingLoadChart(*read->record, 0);
    QCOMPARE(chartRows(load), 4);
    QCOMPARE(chartColumns(load), 4);
    // The file has shares to five decimals; a load is a share times the number of experts.
    for (int row = 0; row < 4; ++row)
        for (int column = 0; column < 4; ++column) QVERIFY(std::abs(chartValue(load, row, column) - chartValue(kept, row, column)) < 4 * 1e-5);

    // Another window, to which nothing but the folder is told.
    w.settings.clear();
    w.makeWindow();
    w.window->showWorkspace(Workspace::Train);
    w.train().openRun(w.runFolder());
    QTRY_VERIFY_WITH_TIMEOUT(chartColumns(w.frame("training-loss").view().chart()) == 40, kLong);
    QTRY_VERIFY(chartColumns(w.frame("training-load").view().chart()) == 4);
    QVERIFY(w.text("trainProgress").startsWith(QStringLiteral("Finished")));
    QVERIFY(w.editor().toPlainText().contains(QStringLiteral("steps: 40")));
    QTRY_COMPARE(w.train().samples().shownStep(), int64_t{40});
    w.press("trainStart");
    QVERIFY(!w.session().going());
    QVERIFY2(w.text("trainFacts").contains(QStringLiteral("finished")), qPrintable(w.text("trainFacts")));
    for (const char* ending : {"png", "svg", "csv"}) {
        const std::filesystem::path file = w.folder / (std::string("chart.") + ending);
        w.frame("training-balance").exportTo(QString::fromStdString(file.string()));
        QVERIFY(std::filesystem::file_size(file) > 100);
    }
}

void TrainWorkspaceTest::the_current_average_opens_as_a_model() {
    TrainWindow w;
    w.prepare(1000000);
    w.press("trainStart");
    QVERIFY(w.reaches(3));
    w.press("trainGenerate");
    QTRY_VERIFY_WITH_TIMEOUT(w.engine.model() && w.engine.modelState() == ModelState::Ready, kLong);
    QVERIFY(w.parts().canvas->isVisible());
    QVERIFY(w.session().going());
    QTRY_VERIFY(w.parts().trainingButton->isVisible());
    QCOMPARE(w.engine.model()->description().config.classes, int64_t{2});
    w.quick(2, 1);
    w.order(QStringLiteral("class1"));
    QVERIFY(w.idle());
    QVERIFY(w.current.view() && w.current.view()->state == RunState::Finished);
    QTest::mouseClick(w.parts().trainingButton, Qt::LeftButton);
    QVERIFY(w.train().isVisible());
    w.press("trainStop");
    QVERIFY(w.ends());
}

void TrainWorkspaceTest::closing_while_training_asks_and_saves() {
    TrainWindow w;
    w.prepare(1000000);
    w.press("trainStart");
    QVERIFY(w.reaches(3));
    {
        const Answering answer(pressing(QStringLiteral("Keep training")));
        w.window->close();
        QCOMPARE(answer.seen(), 1);
    }
    QVERIFY(w.window->isVisible());
    QCOMPARE(w.session().state(), TrainingState::Running);
    {
        const Answering answer(pressing(QStringLiteral("Stop, save")));
        w.window->close();
        QTRY_VERIFY_WITH_TIMEOUT(!w.window->isVisible(), kLong);
    }
    QVERIFY(!w.session().going());
    QVERIFY(!train::savedStates(w.folder / "run").empty());
}

void TrainWorkspaceTest::a_folder_without_a_run_is_answered_with_a_sentence() {
    TrainWindow w;
    w.train().openRun(QString::fromStdString((w.folder / "pictures").string()));
    const QString said = w.takeError();
    QVERIFY2(said.contains(QStringLiteral("recipe.yaml")), qPrintable(said));
}

QTEST_MAIN(TrainWorkspaceTest)
#include "train_workspace_test.moc"
