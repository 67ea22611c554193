// SPDX-License-Identifier: GPL-3.0-or-later
// The timeline as a person uses it: scrub, keys, wheel, play, and a run that grows.
#include <QAccessible>
#include <QApplication>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>

#include "tests/ui/canvas_runs.h"
#include "ui/docks/timeline_dock.h"
#include "ui/session/current_run.h"
#include "ui/widgets/filmstrip_view.h"

using namespace moescope;

namespace {

struct Fixture {
    SelectionModel selection;
    CurrentRun current{selection};
    TimelineDock timeline{current, selection};

    Fixture() {
        timeline.resize(900, 160);
        timeline.show();
    }
    FilmstripView& strip() { return timeline.strip(); }
    QPoint at(int evaluation) { return strip().slot(evaluation).center().toPoint(); }
    QString caption() const { return timeline.findChild<QLabel*>(QStringLiteral("timelineCaption"))->text(); }
    int now() const { return selection.now().evaluation; }
};

/// `count` evaluations, two a step, guided in the middle.
RunViewPtr longView(int count, int planned) {
    RunRecord run = test::sampleRun();
    const EvaluationRecord first = run.evaluations.front();
    run.evaluations.clear();
    for (int i = 0; i < count; ++i) {
        EvaluationRecord evaluation = first;
        const float time = static_cast<float>((i + 1) / 2) / static_cast<float>((planned + 1) / 2);
        evaluation.info = {i, i / 2, i % 2, time, 1 - time, i > 10 && i < 40 ? 2.5 : 1.0, true};
        run.evaluations.push_back(evaluation);
    }
    auto view = std::make_shared<RunView>(*viewOf(std::make_shared<RunRecord>(std::move(run)), 9, RunState::Going));
    view->plannedEvaluations = planned;
    return view;
}

}  // namespace

class TimelineTest : public QObject {
    Q_OBJECT
private slots:
    void withoutARunNothingIsChosen() {
        Fixture f;
        QCOMPARE(f.strip().planned(), 0);
        QTest::mouseClick(&f.strip(), Qt::LeftButton);
        QTest::keyClick(&f.strip(), Qt::Key_End);
        QTest::keyClick(&f.strip(), Qt::Key_Space);
        QCOMPARE(f.now(), -1);
        QVERIFY(!f.timeline.playing());
        QVERIFY(f.caption().isEmpty());
    }

    void clickAndDragScrub() {
        Fixture f;
        f.current.show(test::sampleView());
        QCOMPARE(f.now(), 2);
        QTest::mousePress(&f.strip(), Qt::LeftButton, {}, f.at(0));
        QCOMPARE(f.now(), 0);
        const auto drag = [&](QPoint to) {
            QMouseEvent move(QEvent::MouseMove, to, f.strip().mapToGlobal(to), Qt::NoButton, Qt::LeftButton, {});
            QApplication::sendEvent(&f.strip(), &move);
        };
        drag(f.at(1));
        QCOMPARE(f.now(), 1);
        drag(QPoint(5000, 10));  // beyond the end
        QCOMPARE(f.now(), 2);
        drag(QPoint(-50, 10));
        QCOMPARE(f.now(), 0);
        QTest::mouseRelease(&f.strip(), Qt::LeftButton, {}, f.at(0));
    }

    void keysAndWheelScrub() {
        Fixture f;
        f.current.show(longView(49, 49));
        QTest::keyClick(&f.strip(), Qt::Key_Home);
        QCOMPARE(f.now(), 0);
        QTest::keyClick(&f.strip(), Qt::Key_Left);
        QCOMPARE(f.now(), 0);
        QTest::keyClick(&f.strip(), Qt::Key_Right);
        QCOMPARE(f.now(), 1);
        QTest::keyClick(&f.strip(), Qt::Key_PageDown);
        QCOMPARE(f.now(), 11);
        QTest::keyClick(&f.strip(), Qt::Key_End);
        QCOMPARE(f.now(), 48);
        const auto wheel = [&](int angle) {
            QWheelEvent event(f.at(3), f.strip().mapToGlobal(f.at(3)), {}, {0, angle}, Qt::NoButton, {}, Qt::NoScrollPhase, false);
            QApplication::sendEvent(&f.strip(), &event);
        };
        wheel(-120);
        QCOMPARE(f.now(), 47);
        wheel(60);
        QCOMPARE(f.now(), 47);
        wheel(60);
        QCOMPARE(f.now(), 48);
    }

    void captionSaysWhereItIs() {
        Fixture f;
        f.current.show(test::sampleView());
        f.selection.setEvaluation(1);
        QCOMPARE(f.caption(), QStringLiteral("evaluation 2 of 3, step 1 (second evaluation), noise 0.50, guidance 2.5"));
        f.selection.setEvaluation(2);
        QCOMPARE(f.caption(), QStringLiteral("evaluation 3 of 3, step 2, noise 0.50, no guidance"));
        QCOMPARE(f.strip().accessibleDescription(), f.caption());
    }

    void isASliderForScreenReaders() {
        Fixture f;
        f.current.show(longView(12, 49));
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(&f.strip());
        QVERIFY(interface);
        QCOMPARE(interface->role(), QAccessible::Slider);
        QVERIFY(interface->valueInterface());
        QCOMPARE(interface->valueInterface()->maximumValue().toInt(), 11);
        interface->valueInterface()->setCurrentValue(4);
        QCOMPARE(f.now(), 4);
    }

    void playRunsToTheEndAndStops() {
        Fixture f;
        f.current.show(test::sampleView());
        QSignalSpy playing(&f.timeline, &TimelineDock::playingChanged);
        QTest::keyClick(&f.strip(), Qt::Key_Space);  // from the end: starts again
        QVERIFY(f.timeline.playing());
        QCOMPARE(f.now(), 0);
        QTRY_COMPARE(f.now(), 2);
        QTRY_VERIFY(!f.timeline.playing());
        QCOMPARE(playing.count(), 2);
        f.selection.setEvaluation(0);
        QTest::mouseClick(f.timeline.findChild<QToolButton*>(QStringLiteral("play")), Qt::LeftButton);
        QVERIFY(f.timeline.playing());
        QTest::keyClick(&f.strip(), Qt::Key_Space);
        QVERIFY(!f.timeline.playing());
        QTest::keyClick(&f.strip(), Qt::Key_Space);
        f.current.show(test::sampleView(2));  // another run
        QVERIFY(!f.timeline.playing());
    }

    void growthMovesNothing() {
        Fixture f;
        f.current.show(longView(3, 49));
        QCOMPARE(f.now(), 2);
        const QRectF before = f.strip().slot(2);
        const std::vector<int> frames = f.strip().shownFrames();
        f.current.show(longView(4, 49));
        QCOMPARE(f.now(), 3);  // the newest was shown, so it follows
        QCOMPARE(f.strip().slot(2), before);
        QCOMPARE(f.strip().shownFrames(), frames);
        f.selection.setEvaluation(1);
        f.current.show(longView(30, 49));
        QCOMPARE(f.now(), 1);
        QCOMPARE(f.strip().value(), 1);
        QCOMPARE(f.strip().slot(2), before);
        QTest::mouseClick(&f.strip(), Qt::LeftButton, {}, f.at(45));  // not done yet: the newest
        QCOMPARE(f.now(), 29);
        QCOMPARE(f.strip().evaluationAt(f.at(45).x()), -1);
    }

    void manyEvaluationsAllStayWithinReach() {
        Fixture f;
        f.current.show(longView(250, 250));
        const std::vector<int> frames = f.strip().shownFrames();
        QVERIFY(frames.size() > 3 && frames.size() < 30);
        for (int i = 0; i < 250; ++i) QCOMPARE(f.strip().evaluationAt(f.strip().slot(i).center().x()), i);
        QTRY_VERIFY(f.strip().hasThumbnail(249));
        f.selection.setEvaluation(77);
        QVERIFY(f.strip().hasThumbnail(77));
    }

    void chosenPictureOfTheBatchIsShown() {
        Fixture f;
        f.current.show(test::sampleView());
        QTRY_VERIFY(f.strip().hasThumbnail(2));
        const auto colourAt = [&](int evaluation) {
            QImage image(f.strip().size(), QImage::Format_RGB32);
            f.strip().render(&image);
            // Upper left quarter of the frame is the preview's first pixel.
            return image.pixel(f.at(evaluation).x() - 10, 20);
        };
        QTRY_COMPARE(colourAt(1), qRgb(10, 11, 12));
        f.selection.setImage(1);
        QTRY_COMPARE(colourAt(1), qRgb(22, 23, 24));
    }

    void hoverTellsOthersWhichEvaluationIsMeant() {
        Fixture f;
        f.current.show(test::sampleView());
        QTest::mouseMove(&f.strip(), f.at(1));
        QCOMPARE(f.selection.hover().evaluation, 1);
        QEvent leave(QEvent::Leave);
        QApplication::sendEvent(&f.strip(), &leave);
        QCOMPARE(f.selection.hover(), Hover{});
    }
};

QTEST_MAIN(TimelineTest)
#include "timeline_test.moc"
