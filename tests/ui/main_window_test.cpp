// SPDX-License-Identifier: GPL-3.0-or-later
// The whole window on the embedded model: the first picture, cancelling, the queue, scrubbing, and one selection everywhere.
#include "ui/main_window.h"

#include <QAction>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QListView>
#include <QProgressBar>
#include <QSpinBox>
#include <QTableView>
#include <QToolButton>

#include "tests/support/policy_runs.h"
#include "tests/ui/window_fixture.h"
#include "ui/docks/model_dock.h"
#include "ui/docks/overlay_controls.h"
#include "ui/docks/queue_dock.h"
#include "ui/docks/timeline_dock.h"
#include "ui/widgets/filmstrip_view.h"
#include "viz/plots/chart_view.h"

using namespace moescope;
using namespace moescope::test;

namespace {

constexpr int kManySteps = 2000;  // longer than any test looks

/// The middle of a cell in the chart's own coordinates.
QPoint cellOf(ChartPanel& panel, int row, int column) { return panel.view().cellRect(row, column).center().toPoint(); }

const HeatMapSpec& mapOf(ChartPanel& panel) { return std::get<HeatMapSpec>(panel.view().chart().body); }

/// Whether a heat map shows the run (a chart without a run has no cells).
bool filled(ChartPanel& panel) {
    return !panel.view().chart().empty() && chartRows(panel.view().chart()) > 0;
}

}  // namespace

class MainWindowTest : public QObject {
    Q_OBJECT
private slots:
    void embedded_model_is_listed_first();
    void typing_and_ctrl_enter_make_a_picture();
    void empty_state_has_the_button_to_start();
    void words_without_a_class_are_answered_not_run();
    void escape_cancels_the_run_then_clears_the_selection();
    void cancel_button_is_there_while_a_run_goes();
    void queue_reorders_and_removes();
    void a_run_that_starts_leaves_the_prompt_alone();
    void arrows_scrub_in_the_timeline_and_elsewhere();
    void arrows_in_a_chart_walk_its_cells();
    void a_click_on_a_cell_selects_everywhere();
    void an_expert_set_in_the_panel_is_marked_in_the_charts();
    void hovering_a_token_reads_it_out();
    void a_clicked_token_is_selected_with_its_expert();
    void views_fill_while_the_run_goes_on();
    void charts_follow_the_branch_and_measure_keys();
    void every_table_twin_holds_the_charts_numbers();
    void charts_come_with_the_runs_they_concern();
    void hidden_charts_copy_what_the_run_shows_now();
};

void MainWindowTest::embedded_model_is_listed_first() {
    TestWindow w;
    w.window->openFirstModel({});
    QTRY_VERIFY_WITH_TIMEOUT(w.engine.model(), kLong);
    QVERIFY(w.engine.model()->order.embedded());
    auto* name = w.parts().model->findChild<QLabel*>(QStringLiteral("modelName"));
    QVERIFY(name);
    QTRY_VERIFY(!name->text().isEmpty());
    QTRY_COMPARE_WITH_TIMEOUT(w.engine.modelState(), ModelState::Ready, kLong);
    QTRY_VERIFY(!w.parts().deviceButton->text().isEmpty());
}

void MainWindowTest::typing_and_ctrl_enter_make_a_picture() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    const RunViewPtr run = w.generate(QStringLiteral("red heart"));
    QVERIFY(run);
    QCOMPARE(run->state, RunState::Finished);
    QCOMPARE(run->images, int64_t{2});
    QCOMPARE(int(run->evaluations.size()), run->plannedEvaluations);
    QVERIFY(w.parts().canvas->hasPicture());
    QCOMPARE(w.selection.now().evaluation, int(run->evaluations.size()) - 1);
    for (const char* id : {"load", "layer-expert", "expert-time"}) {
        QVERIFY2(w.chart(id).isVisible(), id);
        QTRY_VERIFY2(filled(w.chart(id)), id);
    }
    QCOMPARE(chartRows(w.chart("layer-expert").view().chart()), int(run->routing->layers.size()));
    QCOMPARE(chartColumns(w.chart("expert-time").view().chart()), run->plannedEvaluations);
    QCOMPARE(w.history.entries().size(), 1);
    QVERIFY(w.window->windowTitle().contains(QStringLiteral("red heart")));
    // The picture is drawn, not only known.
    const QImage shown = w.area().grab().toImage();
    QSet<QRgb> colours;
    for (int y = 0; y < shown.height(); y += 4)
        for (int x = 0; x < shown.width(); x += 4) colours.insert(shown.pixel(x, y));
    QVERIFY(colours.size() > 20);
}

void MainWindowTest::empty_state_has_the_button_to_start() {
    TestWindow w;
    QVERIFY(w.openModel());
    auto* start = w.parts().canvas->findChild<QPushButton*>(QStringLiteral("emptyGenerate"));
    QVERIFY(start && start->isVisible());
    w.type(QStringLiteral("dog"));
    w.activate();
    QTest::mouseClick(start, Qt::LeftButton);
    QVERIFY(w.idle());
    QVERIFY(w.current.view());
    QVERIFY(!start->isVisible());
}

void MainWindowTest::words_without_a_class_are_answered_not_run() {
    TestWindow w;
    QVERIFY(w.openModel());
    w.order(QStringLiteral("zzqqxx"));
    QTRY_VERIFY(!w.parts().prompt->sentence().isEmpty());
    QVERIFY(w.engine.jobs().isEmpty());
    QVERIFY(!w.current.view());
}

void MainWindowTest::escape_cancels_the_run_then_clears_the_selection() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() && w.current.view()->evaluations.size() > 3, kLong);
    w.selection.setExpert(1);
    QTest::keyClick(w.window.get(), Qt::Key_Escape);
    QVERIFY(w.idle());
    QCOMPARE(w.current.view()->state, RunState::Cancelled);
    QCOMPARE(w.selection.now().expert, 1);
    QCOMPARE(w.history.entries().size(), 1);
    QVERIFY(!w.history.entries().front().complete);
    QTest::keyClick(w.window.get(), Qt::Key_Escape);
    QCOMPARE(w.selection.now().expert, -1);
}

void MainWindowTest::cancel_button_is_there_while_a_run_goes() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    auto* cancel = w.parts().prompt->findChild<QPushButton*>(QStringLiteral("cancel"));
    QVERIFY(!cancel->isVisible());
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY(cancel->isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(w.parts().progressBar->isVisible(), kLong);
    // Escape works from the prompt too, where a person is after typing.
    w.prompt().setFocus();
    QTest::keyClick(&w.prompt(), Qt::Key_Escape);
    QVERIFY(w.idle());
    QVERIFY(!cancel->isVisible());
    QVERIFY(!w.parts().progressBar->isVisible());
}

void MainWindowTest::queue_reorders_and_removes() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.dock("queue").raise();
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.engine.running(), kLong);
    w.quick(4, 1);
    for (const char* words : {"cat", "red heart", "banana"}) w.order(QString::fromLatin1(words));
    auto* jobs = w.parts().queue->findChild<QListView*>(QStringLiteral("jobs"));
    QTRY_COMPARE(jobs->model()->rowCount(), 4);
    QTRY_VERIFY(jobs->isVisible());
    const auto title = [&](int row) { return jobs->model()->index(row, 0).data().toString(); };
    QVERIFY(title(3).contains(QStringLiteral("banana")));
    jobs->setFocus();
    jobs->setCurrentIndex(jobs->model()->index(3, 0));
    QTest::keyClick(jobs, Qt::Key_Up, Qt::AltModifier);
    QTRY_VERIFY(title(2).contains(QStringLiteral("banana")));
    QTest::keyClick(jobs, Qt::Key_Up, Qt::AltModifier);
    QTRY_VERIFY(title(1).contains(QStringLiteral("banana")));
    jobs->setCurrentIndex(jobs->model()->index(2, 0));
    QVERIFY(title(2).contains(QStringLiteral("cat")));
    QTest::keyClick(jobs, Qt::Key_Delete);
    QTRY_COMPARE(jobs->model()->rowCount(), 3);
    QTRY_VERIFY_WITH_TIMEOUT(!w.current.view()->evaluations.empty(), kLong);  // a run without any is not kept
    QTest::keyClick(w.window.get(), Qt::Key_Escape);
    QVERIFY(w.idle());
    QCOMPARE(jobs->model()->rowCount(), 0);
    QCOMPARE(w.history.entries().size(), 3);
    QCOMPARE(w.history.entries()[1].parameters.prompt, std::string("banana"));
    QCOMPARE(w.history.entries()[0].parameters.prompt, std::string("red heart"));
}

void MainWindowTest::a_run_that_starts_leaves_the_prompt_alone() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view() && !w.current.view()->evaluations.empty(), kLong);
    const RunId first = w.current.view()->id;
    w.quick(4, 1);
    w.order(QStringLiteral("cat"));
    w.type(QStringLiteral("ban"));
    w.engine.cancelRunning();  // the one that waits starts meanwhile
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view()->id != first, kLong);
    QTest::keyClicks(&w.prompt(), QStringLiteral("ana"));
    QCOMPARE(w.prompt().text(), QStringLiteral("banana"));
    w.activate();
    QVERIFY(w.prompt().hasFocus());
    QVERIFY(w.idle());
}

void MainWindowTest::arrows_scrub_in_the_timeline_and_elsewhere() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    const int last = int(w.current.view()->evaluations.size()) - 1;
    QVERIFY(last >= 4);
    // After ordering the focus is in the timeline: nothing has to be clicked first.
    QCOMPARE(w.window->focusWidget(), &w.parts().timeline->strip());
    QWidget* const places[] = {&w.parts().timeline->strip(), w.dock("timeline").findChild<QToolButton*>(QStringLiteral("play")),
                               w.parts().deviceButton, w.window.get()};
    for (QWidget* place : places) {
        place->setFocus();
        w.selection.setEvaluation(last);
        QTest::keyClick(place, Qt::Key_Left);
        QCOMPARE(w.selection.now().evaluation, last - 1);
        QTest::keyClick(place, Qt::Key_Right);
        QCOMPARE(w.selection.now().evaluation, last);
        QTest::keyClick(place, Qt::Key_Right);
        QCOMPARE(w.selection.now().evaluation, last);  // the end is the end
        QTest::keyClick(place, Qt::Key_Home);
        QCOMPARE(w.selection.now().evaluation, 0);
        QTest::keyClick(place, Qt::Key_Left);
        QCOMPARE(w.selection.now().evaluation, 0);
        QTest::keyClick(place, Qt::Key_End);
        QCOMPARE(w.selection.now().evaluation, last);
    }
    w.selection.setEvaluation(1);
    QVERIFY(w.settled());
    QTRY_COMPARE(mapOf(w.chart("expert-time")).selectedColumn, 1);
    const QImage early = w.parts().canvas->pictureImage(1, false);
    QTest::keyClick(w.window.get(), Qt::Key_End);
    QVERIFY(w.settled());
    QVERIFY(early != w.parts().canvas->pictureImage(1, false));
    // A click on the strip goes there as well.
    FilmstripView& strip = w.parts().timeline->strip();
    QTest::mouseClick(&strip, Qt::LeftButton, Qt::NoModifier, strip.slot(2).center().toPoint());
    QCOMPARE(w.selection.now().evaluation, 2);
}

void MainWindowTest::arrows_in_a_chart_walk_its_cells() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    ChartPanel& panel = w.chart("layer-expert");
    QTRY_VERIFY(filled(panel));
    const int last = w.selection.now().evaluation;
    QTest::mouseClick(&panel.view(), Qt::LeftButton, Qt::NoModifier, cellOf(panel, 0, 0));
    QVERIFY(panel.view().hasFocus());
    QTest::keyClick(&panel.view(), Qt::Key_Right);
    QTest::keyClick(&panel.view(), Qt::Key_Down);
    QCOMPARE(w.selection.now().expert, 1);
    QCOMPARE(w.selection.now().layer, 1);
    QTest::keyClick(&panel.view(), Qt::Key_Left);
    QCOMPARE(w.selection.now().expert, 0);
    QTest::keyClick(&panel.view(), Qt::Key_Home);
    QTest::keyClick(&panel.view(), Qt::Key_End);
    QCOMPARE(w.selection.now().evaluation, last);
    QCOMPARE(w.selection.now().expert, int(w.current.view()->routing->layers[1].experts) - 1);
}

void MainWindowTest::a_click_on_a_cell_selects_everywhere() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    ChartPanel& panel = w.chart("layer-expert");
    QTRY_VERIFY(filled(panel));
    QTest::mouseClick(&panel.view(), Qt::LeftButton, Qt::NoModifier, cellOf(panel, 1, 3));
    QCOMPARE(w.selection.now().layer, 1);
    QCOMPARE(w.selection.now().expert, 3);
    auto* overlay = w.parts().overlay;
    QCOMPARE(overlay->findChild<QComboBox*>(QStringLiteral("layer"))->currentIndex(), 1);
    QCOMPARE(overlay->findChild<QSpinBox*>(QStringLiteral("expert"))->value(), 3);
    QVERIFY(w.settled());
    QCOMPARE(w.parts().canvas->frame()->selection.layer, 1);
    QTRY_COMPARE(mapOf(panel).selectedRow, 1);
    QCOMPARE(mapOf(panel).selectedColumn, 3);
    QTRY_COMPARE(mapOf(w.chart("expert-time")).selectedRow, 3);
    QTRY_COMPARE(std::get<SeriesSpec>(w.chart("load").view().chart().body).selectedX, 3);
    QTRY_VERIFY(w.chart("load").view().chart().title.contains(QStringLiteral("MoE layer 1 ")));
}

void MainWindowTest::an_expert_set_in_the_panel_is_marked_in_the_charts() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    auto* expert = w.parts().overlay->findChild<QSpinBox*>(QStringLiteral("expert"));
    expert->setFocus();
    expert->setValue(2);
    QCOMPARE(w.selection.now().expert, 2);
    QTRY_COMPARE(mapOf(w.chart("expert-time")).selectedRow, 2);
    auto* map = w.parts().overlay->findChild<QComboBox*>(QStringLiteral("mapKind"));
    map->setCurrentIndex(1);
    emit map->activated(1);  // as a person's choice
    QCOMPARE(w.parts().canvas->settings().overlay, OverlayKind::OneExpert);
    QTRY_VERIFY(w.parts().canvas->frame()->chosen()->overlay && w.parts().canvas->frame()->chosen()->overlay->expert == 2);
}

void MainWindowTest::hovering_a_token_reads_it_out() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    auto* readout = w.parts().canvas->findChild<QLabel*>(QStringLiteral("canvasReadout"));
    const int64_t token = w.area().grid().at(2, 3);
    QTest::mouseMove(&w.area(), w.area().tokenRect(0, token).center().toPoint());
    QTRY_COMPARE(w.selection.hover().token, token);
    QVERIFY(w.selection.hover().expert >= 0);
    QTRY_VERIFY2(readout->text().contains(QString::number(w.selection.hover().expert)), qPrintable(readout->text()));
    QTest::mouseMove(&w.area(), QPoint(1, 1));
    QTRY_COMPARE(w.selection.hover().token, int64_t{-1});
}

void MainWindowTest::a_clicked_token_is_selected_with_its_expert() {
    TestWindow w;
    QVERIFY(w.openModel(4, 2));
    QVERIFY(w.generate(QStringLiteral("dog")));
    const int64_t token = w.area().grid().at(1, 4);
    QTest::mouseClick(&w.area(), Qt::LeftButton, Qt::NoModifier, w.area().tokenRect(1, token).center().toPoint());
    QCOMPARE(w.selection.now().image, int64_t{1});
    QCOMPARE(w.selection.now().token, token);
    QVERIFY(w.selection.now().expert >= 0);
    QCOMPARE(w.parts().overlay->findChild<QSpinBox*>(QStringLiteral("expert"))->value(), w.selection.now().expert);
    QTest::keyClick(&w.area(), Qt::Key_Escape);
    QCOMPARE(w.selection.now().token, int64_t{-1});
}

void MainWindowTest::views_fill_while_the_run_goes_on() {
    TestWindow w;
    QVERIFY(w.openModel(kManySteps));
    w.order(QStringLiteral("dog"));
    QTRY_VERIFY_WITH_TIMEOUT(w.parts().canvas->hasPicture(), kLong);
    ChartPanel& panel = w.chart("expert-time");
    QTRY_VERIFY_WITH_TIMEOUT(filled(panel), kLong);
    QVERIFY(w.engine.running());
    QCOMPARE(chartColumns(panel.view().chart()), w.current.view()->plannedEvaluations);
    const int reached = mapOf(panel).columnsReached;
    QTRY_VERIFY_WITH_TIMEOUT(mapOf(panel).columnsReached > reached + 2, kLong);
    // Whoever scrubs back stays there.
    QTest::keyClick(w.window.get(), Qt::Key_Home);
    const size_t then = w.current.view()->evaluations.size();
    QTRY_VERIFY_WITH_TIMEOUT(w.current.view()->evaluations.size() > then + 2, kLong);
    QCOMPARE(w.selection.now().evaluation, 0);
    QTest::keyClick(w.window.get(), Qt::Key_Escape);
    QVERIFY(w.idle());
}

void MainWindowTest::charts_follow_the_branch_and_measure_keys() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    QTRY_VERIFY(filled(w.chart("load")));
    QTest::keyClick(w.window.get(), Qt::Key_B);
    QCOMPARE(w.selection.now().branch, BranchChoice::Uncond);
    QTest::keyClick(w.window.get(), Qt::Key_G, Qt::ControlModifier);
    QCOMPARE(w.selection.now().measure, LoadMeasure::GateMass);
    for (const BranchChoice branch : {BranchChoice::Cond, BranchChoice::Uncond, BranchChoice::Both, BranchChoice::Difference}) {
        w.selection.setBranch(branch);
        for (const QComboBox* box : w.chart("load").findChildren<QComboBox*>())
            QVERIFY2(box->currentIndex() >= 0, qPrintable(box->accessibleName()));  // every choice has its words
        QVERIFY(w.settled());
    }
}

void MainWindowTest::every_table_twin_holds_the_charts_numbers() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    w.dock("chart-balance").raise();
    for (ChartPanel* panel : w.parts().charts) {
        if (panel->kind().id == QLatin1String("networks") || panel->kind().id == QLatin1String("words")) continue;  // one network, of classes
        w.dock(QStringLiteral("chart-") + panel->kind().id).show();
        w.dock(QStringLiteral("chart-") + panel->kind().id).raise();
        QTRY_VERIFY(filled(*panel));
        panel->setTableShown(true);
        auto* table = panel->findChild<QTableView*>();
        QVERIFY(table->isVisible());
        const ChartTable wanted = tableOf(panel->view().chart());
        QCOMPARE(table->model()->rowCount(), int(wanted.rows.size()));
        QCOMPARE(table->model()->columnCount(), int(wanted.header.size()));
        int numbers = 0;  // a cell may have no data: nothing came before it
        for (int row = 0; row < table->model()->rowCount(); ++row)
            for (int column = 1; column < table->model()->columnCount(); ++column) {
                const QString shown = table->model()->index(row, column).data().toString();
                QCOMPARE(shown, wanted.rows[size_t(row)][column]);
                numbers += !shown.isEmpty();
            }
        QVERIFY2(numbers > 0, qPrintable(panel->kind().id));
    }
}

void MainWindowTest::charts_come_with_the_runs_they_concern() {
    TestWindow w;
    QVERIFY(!w.dock("chart-networks").isVisible());
    QVERIFY(!w.dock("chart-capacity").isVisible());
    w.current.show(viewOf(std::make_shared<RunRecord>(sampleNetworksRun()), 1, RunState::Finished));
    QTRY_VERIFY(w.dock("chart-networks").isVisible() || !w.dock("chart-networks").isHidden());
    QVERIFY(w.dock("chart-capacity").isHidden());
    w.dock("chart-networks").raise();
    QTRY_VERIFY(!w.chart("networks").view().chart().empty());
    w.current.show(viewOf(std::make_shared<RunRecord>(samplePoolRun()), 2, RunState::Finished));
    QVERIFY(w.dock("chart-networks").isHidden());
    QVERIFY(!w.dock("chart-capacity").isHidden());
    w.dock("chart-capacity").hide();  // the person's choice stays for runs of this kind
    w.current.show(viewOf(std::make_shared<RunRecord>(sampleExpertChoiceRun()), 3, RunState::Finished));
    QVERIFY(w.dock("chart-capacity").isHidden());
    w.window->resetLayout();
    QVERIFY(!w.dock("chart-capacity").isHidden());
    QVERIFY(w.dock("chart-networks").isHidden());
}

void MainWindowTest::hidden_charts_copy_what_the_run_shows_now() {
    TestWindow w;
    QVERIFY(w.openModel());
    QVERIFY(w.generate(QStringLiteral("dog")));
    ChartPanel& panel = w.chart("balance");
    w.dock("chart-balance").hide();
    QVERIFY(!panel.isVisible());
    panel.copyData();
    const QString copied = QApplication::clipboard()->text();
    QCOMPARE(copied.count(QLatin1Char('\n')), int(w.current.view()->routing->layers.size()) + 1);
    w.selection.setEvaluation(0);
    panel.copyData();
    QVERIFY(QApplication::clipboard()->text() != copied);
    panel.copyPicture();
    QVERIFY(QApplication::clipboard()->image().width() > 200);
}

QTEST_MAIN(MainWindowTest)
#include "main_window_test.moc"
