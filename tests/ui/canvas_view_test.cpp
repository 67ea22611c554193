// SPDX-License-Identifier: GPL-3.0-or-later
// The canvas as a person uses it: pointer, keys, zoom, batch, empty and unfinished runs.
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QTest>
#include <QWheelEvent>
#include <set>

#include "tests/ui/canvas_runs.h"
#include "ui/docks/overlay_controls.h"
#include "ui/session/current_run.h"
#include "ui/widgets/canvas_geometry.h"
#include "ui/widgets/canvas_view.h"
#include "ui/widgets/overlay_legend.h"
#include "ui/widgets/picture_area.h"
#include "ui/widgets/preview_cache.h"
#include "viz/overlay/expert_palette.h"

using namespace moescope;

namespace {

struct Fixture {
    SelectionModel selection;
    CurrentRun current{selection};
    CanvasView canvas{current, selection};

    Fixture() {
        canvas.resize(700, 500);
        canvas.show();
    }
    /// Waits until what is selected is on the screen.
    void settle() {
        QTRY_VERIFY(canvas.frame() && canvas.frame()->run == current.view() && canvas.frame()->selection.evaluation == selection.now().evaluation &&
                    canvas.frame()->selection.layer == selection.now().layer && canvas.frame()->selection.branch == selection.now().branch &&
                    canvas.frame()->settings.all == canvas.settings().all && canvas.frame()->settings.overlay == canvas.settings().overlay &&
                    canvas.frame()->settings.picture == canvas.settings().picture && canvas.frame()->selection.image == selection.now().image);
    }
    void show(RunViewPtr run) {
        current.show(std::move(run));
        settle();
    }
    void one() {
        canvas.toggleAll();
        settle();
    }
    QPoint token(int64_t image, int64_t token) { return canvas.area().tokenRect(image, token).center().toPoint(); }
    QString readout() const { return canvas.findChild<QLabel*>(QStringLiteral("canvasReadout"))->text(); }
    QImage painted() {
        QImage image(canvas.area().size(), QImage::Format_RGB32);
        canvas.area().render(&image);
        return image;
    }
};

}  // namespace

class CanvasViewTest : public QObject {
    Q_OBJECT
private slots:
    void emptyCanvasOffersWhatToDo() {
        Fixture f;
        QSignalSpy generate(&f.canvas, &CanvasView::generateRequested), open(&f.canvas, &CanvasView::openRequested);
        auto* button = f.canvas.findChild<QPushButton*>(QStringLiteral("emptyGenerate"));
        QVERIFY(button->isVisible());
        QTest::mouseClick(button, Qt::LeftButton);
        QTest::mouseClick(f.canvas.findChild<QPushButton*>(QStringLiteral("emptyOpen")), Qt::LeftButton);
        QCOMPARE(generate.count(), 1);
        QCOMPARE(open.count(), 1);
        QVERIFY(f.canvas.pictureImage(1, false).isNull());
        f.show(test::sampleView());
        QVERIFY(!button->isVisible());
        f.current.show(nullptr);
        QVERIFY(button->isVisible());
        QVERIFY(!f.canvas.frame());
    }

    void clickChoosesTokenExpertAndPicture() {
        Fixture f;
        f.show(test::sampleView());
        f.selection.setEvaluation(0);
        f.settle();
        // Token 2 of image 1 in evaluation 0 goes to expert (2 + 1 + 0) % 3 = 0, token 1 to expert 2.
        QTest::mouseClick(&f.canvas.area(), Qt::LeftButton, {}, f.token(1, 1));
        QCOMPARE(f.selection.now().image, 1);
        QCOMPARE(f.selection.now().token, 1);
        QCOMPARE(f.selection.now().expert, 2);
        QTest::mouseClick(&f.canvas.area(), Qt::LeftButton, {}, f.token(1, 2));
        QCOMPARE(f.selection.now().expert, 0);
    }

    void hoverReadsOutPlaceExpertsAndWeights() {
        Fixture f;
        f.show(test::sampleView());
        f.selection.setLayer(1);
        f.settle();
        QTest::mouseMove(&f.canvas.area(), f.token(0, 1));
        QCOMPARE(f.readout(), QStringLiteral("row 1, column 1: taken by 3 experts: expert 0 (0.5), expert 1 (0.5), expert 2 (0.5)"));
        QCOMPARE(f.selection.hover(), (Hover{2, 1, 0, 1}));
        QTest::mouseMove(&f.canvas.area(), f.token(0, 2));
        QCOMPARE(f.readout(), QStringLiteral("row 1, column 2: no expert took it: it passes this layer unchanged"));
        QTest::mouseMove(&f.canvas.area(), f.token(1, 3));
        QCOMPARE(f.readout(), QStringLiteral("picture 2, row 2, column 1: expert 0 (0.25)"));
        QEvent leave(QEvent::Leave);
        QApplication::sendEvent(&f.canvas.area(), &leave);
        QCOMPARE(f.selection.hover(), Hover{});
    }

    void tokensOutsideThePictureAreInTheLegend() {
        Fixture f;
        f.show(test::sampleView());
        f.selection.setLayer(1);
        f.settle();
        const QRect square = f.canvas.legend().outsideRect(0);
        QVERIFY(!square.isEmpty());
        QVERIFY(f.canvas.area().tokenRect(0, 0).isEmpty());
        QTest::mouseMove(&f.canvas.legend(), square.center());
        QCOMPARE(f.readout(), QStringLiteral("class token: expert 2 (0.25)"));
        QTest::mouseClick(&f.canvas.legend(), Qt::LeftButton, {}, square.center());
        QCOMPARE(f.selection.now().token, 0);
        QCOMPARE(f.selection.now().expert, 2);
    }

    void legendChoosesAndPointsAtExperts() {
        Fixture f;
        f.show(test::sampleView());
        QCOMPARE(f.canvas.legend().listedExperts(), (std::vector<int>{0, 1, 2}));
        const QPoint second = f.canvas.legend().expertRect(1).center();
        QTest::mouseMove(&f.canvas.legend(), second);
        QCOMPARE(f.selection.hover().expert, 1);
        QTest::mouseClick(&f.canvas.legend(), Qt::LeftButton, {}, second);
        QCOMPARE(f.selection.now().expert, 1);
    }

    void arrowsWalkTheTokens() {
        Fixture f;
        f.show(test::sampleView());
        f.one();
        QWidget* area = &f.canvas.area();
        QTest::keyClick(area, Qt::Key_Right);
        QCOMPARE(f.selection.now().token, 0);
        QTest::keyClick(area, Qt::Key_Right);
        QCOMPARE(f.selection.now().token, 1);
        QTest::keyClick(area, Qt::Key_Right);  // the edge holds
        QCOMPARE(f.selection.now().token, 1);
        QTest::keyClick(area, Qt::Key_Down);
        QCOMPARE(f.selection.now().token, 3);
        QTest::keyClick(area, Qt::Key_Left);
        QTest::keyClick(area, Qt::Key_Up);
        QCOMPARE(f.selection.now().token, 0);
        QCOMPARE(f.selection.now().expert, 2);  // token 0, image 0, evaluation 2
    }

    void arrowsAndEnterChooseAmongAllPictures() {
        Fixture f;
        f.show(test::sampleView());
        QWidget* area = &f.canvas.area();
        QCOMPARE(f.canvas.frame()->pictures.size(), size_t{2});
        QTest::keyClick(area, Qt::Key_Right);
        QCOMPARE(f.selection.now().image, 1);
        QTest::keyClick(area, Qt::Key_Return);
        f.settle();
        QCOMPARE(f.canvas.frame()->pictures.size(), size_t{1});
        QCOMPARE(f.canvas.frame()->pictures[0].image, 1);
        QTest::mouseDClick(area, Qt::LeftButton, {}, f.token(1, 0));
        f.settle();
        QCOMPARE(f.canvas.frame()->pictures.size(), size_t{2});
        QCOMPARE(f.selection.now().image, 1);
    }

    void wholeFactorsRepeatPixelsExactly() {
        Fixture f;
        CanvasSettings settings = f.canvas.settings();
        settings.overlay = OverlayKind::None;
        settings.all = false;
        f.canvas.setSettings(settings);
        f.show(test::sampleView());
        const QImage source = f.canvas.frame()->pictures[0].picture;
        QCOMPARE(source.size(), QSize(4, 4));
        QTest::keyClick(&f.canvas.area(), Qt::Key_Z);
        for (const int factor : {1, 2, 3, 4, 6, 8, 12, 16}) {
            QCOMPARE(f.canvas.area().zoom(), static_cast<double>(factor));
            const QRect rect = f.canvas.area().pictureRect(0).toRect();
            QCOMPARE(rect.size(), source.size() * factor);
            const QImage painted = f.painted();
            for (int y = 0; y < rect.height(); ++y)
                for (int x = 0; x < rect.width(); ++x)
                    QCOMPARE(painted.pixel(rect.left() + x, rect.top() + y), source.pixel(x / factor, y / factor));
            QTest::keyClick(&f.canvas.area(), Qt::Key_Equal, Qt::ControlModifier);
        }
        QTest::keyClick(&f.canvas.area(), Qt::Key_Minus, Qt::ControlModifier);
        QCOMPARE(f.canvas.area().zoom(), 16.0);
        QTest::keyClick(&f.canvas.area(), Qt::Key_0, Qt::ControlModifier);
        QVERIFY(f.canvas.area().fits());
        QCOMPARE(std::floor(f.canvas.area().zoom()), f.canvas.area().zoom());  // small: fit in whole factors too
        QVERIFY(f.canvas.area().rect().contains(f.canvas.area().pictureRect(0).toRect()));
    }

    void wheelZoomsAroundThePointerAndDragPans() {
        Fixture f;
        f.show(test::sampleView());
        f.one();
        f.canvas.resize(400, 260);
        PictureArea& area = f.canvas.area();
        QTRY_VERIFY(area.height() < 250);
        const auto wheel = [&](int angle, QPoint at) {
            QWheelEvent event(at, area.mapToGlobal(at), {}, {0, angle}, Qt::NoButton, Qt::ControlModifier, Qt::NoScrollPhase, false);
            QApplication::sendEvent(&area, &event);
        };
        for (int i = 0; i < 20 && area.zoom() < 256; ++i) wheel(120, f.token(0, 1));
        QVERIFY(!area.fits());
        QVERIFY(area.rect().contains(f.token(0, 1)));
        QVERIFY(area.pictureRect(0).height() > area.height());
        const QPointF before = area.pictureRect(0).topLeft();
        const QPoint middle = area.rect().center();
        QTest::mousePress(&area, Qt::LeftButton, {}, middle);
        QMouseEvent move(QEvent::MouseMove, middle + QPoint(0, -20), area.mapToGlobal(middle + QPoint(0, -20)), Qt::NoButton, Qt::LeftButton, {});
        QApplication::sendEvent(&area, &move);
        QTest::mouseRelease(&area, Qt::LeftButton, {}, middle + QPoint(0, -20));
        QCOMPARE(area.pictureRect(0).topLeft(), before + QPointF(0, -20));
        QCOMPARE(f.selection.now().token, -1);  // a drag chooses nothing
    }

    void mapIsDrawnOverThePicture() {
        Fixture f;
        CanvasSettings settings = f.canvas.settings();
        settings.opacity = 1;
        settings.grid = false;
        settings.all = false;
        f.canvas.setSettings(settings);
        f.show(test::sampleView());
        f.selection.setEvaluation(0);
        f.settle();
        const auto at = [&](int64_t token) { return f.painted().pixel(f.token(0, token)); };
        for (const int token : {0, 1, 2, 3}) QCOMPARE(at(token), expertLook(token % 3, 3).colour.rgb());
        f.selection.setEvaluation(1);
        f.settle();
        QCOMPARE(at(0), expertLook(1, 3).colour.rgb());
        f.selection.setBranch(BranchChoice::Uncond);
        f.settle();
        QCOMPARE(at(1), expertLook(0, 3).colour.rgb());
        f.selection.setEvaluation(2);  // the unconditional branch was not run here
        f.settle();
        QVERIFY(!f.canvas.frame()->pictures[0].overlay);
        QVERIFY(f.readout().contains(QStringLiteral("conditional")));
    }

    void gridComesWithTwiceThePicturesSize() {
        Fixture f;
        CanvasSettings settings = f.canvas.settings();
        settings.opacity = 0;
        settings.all = false;
        f.canvas.setSettings(settings);
        f.show(test::sampleView());
        const auto middleDiffers = [&] {
            const QRect rect = f.canvas.area().pictureRect(0).toRect();
            const QImage image = f.painted();
            const QPoint line(rect.left() + rect.width() / 2, rect.top() + 1);
            return image.pixel(line) != image.pixel(line + QPoint(rect.width() / 8, 0));
        };
        QVERIFY(middleDiffers());
        settings.grid = false;
        f.canvas.setSettings(settings);
        QVERIFY(!middleDiffers());
    }

    void lastEvaluationShowsThePictureAndOthersTheEstimate() {
        Fixture f;
        f.show(test::sampleView());
        QCOMPARE(f.selection.now().evaluation, 2);
        QCOMPARE(f.canvas.frame()->chosen()->kind, PictureKind::Final);
        QCOMPARE(f.canvas.frame()->chosen()->picture.pixel(0, 0), qRgb(0, 1, 2));
        f.selection.setEvaluation(1);
        f.settle();
        QCOMPARE(f.canvas.frame()->chosen()->kind, PictureKind::CleanEstimate);
        QCOMPARE(f.canvas.frame()->chosen()->picture.pixel(0, 0), qRgb(10, 11, 12));
        CanvasSettings settings = f.canvas.settings();
        settings.picture = PictureKind::NoisyState;
        f.canvas.setSettings(settings);
        f.settle();
        // One latent channel is shown in grey: 0.5 * 1.0 -> round(127.5 * 1.5).
        QCOMPARE(f.canvas.frame()->chosen()->picture.pixel(0, 0), qRgb(191, 191, 191));
        settings.picture = PictureKind::Final;
        f.canvas.setSettings(settings);
        f.settle();
        QCOMPARE(f.canvas.frame()->chosen()->picture.pixel(0, 0), qRgb(0, 1, 2));
    }

    void growingRunKeepsTheSelection() {
        Fixture f;
        f.current.show(test::partialView(0));
        QVERIFY(!f.canvas.findChild<QPushButton*>(QStringLiteral("emptyGenerate"))->isVisible());
        f.show(test::partialView(1));
        f.selection.setImage(1);
        f.selection.setToken(2);
        f.selection.setExpert(1);
        f.show(test::partialView(2));  // follows the newest, keeps the rest
        QCOMPARE(f.selection.now().evaluation, 1);
        QCOMPARE(f.selection.now().token, 2);
        f.selection.setEvaluation(0);
        f.canvas.zoomOne();
        f.canvas.zoomIn();
        const double zoom = f.canvas.area().zoom();
        f.show(test::partialView(3));
        QCOMPARE(f.selection.now().evaluation, 0);  // a person who looks back is left alone
        QCOMPARE(f.selection.now().image, 1);
        QCOMPARE(f.selection.now().token, 2);
        QCOMPARE(f.selection.now().expert, 1);
        QCOMPARE(f.canvas.area().zoom(), zoom);
        f.show(test::sampleView());
        QCOMPARE(f.selection.now().evaluation, 0);
        QCOMPARE(f.selection.now().token, 2);
    }

    void stoppedRunsShowWhatThereIsAndWhy() {
        Fixture f;
        auto failed = std::make_shared<RunView>(*test::partialView(2, 5, RunState::Failed));
        failed->error = EngineError{ErrorCode::OutOfMemory, "Not enough memory."};
        f.show(failed);
        QVERIFY(!f.canvas.frame()->chosen()->picture.isNull());
        QStringList texts;
        for (const QLabel* label : f.canvas.findChildren<QLabel*>())
            if (label->isVisible()) texts << label->text();
        QVERIFY(texts.join(QLatin1Char('\n')).contains(QStringLiteral("evaluation 2 of 3")));
        QVERIFY(texts.join(QLatin1Char('\n')).contains(QStringLiteral("Not enough memory.")));
        f.show(test::sampleView(6));
        for (const QLabel* label : f.canvas.findChildren<QLabel*>()) QVERIFY(!label->isVisible() || !label->text().contains(QStringLiteral("memory")));
    }

    void picturesAreCopiedEnlargedAndWithTheMap() {
        Fixture f;
        f.show(test::sampleView());
        const QImage once = f.canvas.pictureImage(1, false);
        QCOMPARE(once.size(), QSize(4, 4));
        QCOMPARE(once.pixel(1, 2), qRgb(27, 28, 29));
        const QImage large = f.canvas.pictureImage(8, false);
        QCOMPARE(large.size(), QSize(32, 32));
        for (int y = 0; y < 32; ++y)
            for (int x = 0; x < 32; ++x) QCOMPARE(large.pixel(x, y), once.pixel(x / 8, y / 8));
        CanvasSettings settings = f.canvas.settings();
        settings.opacity = 1;
        settings.grid = false;
        f.canvas.setSettings(settings);
        QCOMPARE(f.canvas.pictureImage(8, true).pixel(4, 4), expertLook(2, 3).colour.rgb());
        QTest::keyClick(&f.canvas.area(), Qt::Key_C, Qt::ControlModifier);
        QCOMPARE(QApplication::clipboard()->image().convertToFormat(QImage::Format_RGB32), once);
    }

    void screenReadersAreToldWhatIsSeen() {
        Fixture f;
        f.show(test::sampleView());
        f.selection.setEvaluation(0);
        f.selection.setLayer(1);
        f.settle();
        const QString said = f.canvas.area().accessibleDescription();
        QVERIFY2(said.contains(QStringLiteral("clean estimate of picture 1 of 2 at evaluation 1 of 3")), qPrintable(said));
        QVERIFY2(said.contains(QStringLiteral("MoE layer 1 (block 3)")), qPrintable(said));
    }

    void controlsFollowAndLeadTheSelection() {
        Fixture f;
        OverlayControls controls(f.current, f.selection, f.canvas);
        f.show(test::sampleView());
        const auto box = [&](const char* name) { return controls.findChild<QComboBox*>(QString::fromLatin1(name)); };
        auto* expert = controls.findChild<QSpinBox*>(QStringLiteral("expert"));
        QCOMPARE(box("layer")->count(), 3);
        QCOMPARE(box("layer")->itemText(2), QStringLiteral("MoE layer 2 (block 5)"));
        f.selection.setLayer(2);
        QCOMPARE(box("layer")->currentIndex(), 2);
        QTest::keyClick(box("layer"), Qt::Key_Up);
        QCOMPARE(f.selection.now().layer, 1);
        QTest::keyClick(box("branch"), Qt::Key_Down);
        QCOMPARE(f.selection.now().branch, BranchChoice::Uncond);
        f.selection.setBranch(BranchChoice::Cond);
        expert->setValue(2);
        QCOMPARE(f.selection.now().expert, 2);
        f.selection.clear();
        QCOMPARE(expert->value(), -1);
        f.settle();
        // One expert's weights need one: the busiest of layer 1 in image 0 is expert 0 (two tokens).
        QTest::keyClick(box("mapKind"), Qt::Key_Down);
        QCOMPARE(f.canvas.settings().overlay, OverlayKind::OneExpert);
        QCOMPARE(f.selection.now().expert, 0);
        controls.findChild<QSlider*>(QStringLiteral("opacity"))->setValue(30);
        QCOMPARE(f.canvas.settings().opacity, 0.3);

        const QVariantMap kept = controls.state();
        f.canvas.setSettings({});
        controls.setState(kept);
        QCOMPARE(f.canvas.settings().overlay, OverlayKind::OneExpert);
        QCOMPARE(f.canvas.settings().opacity, 0.3);
        controls.setState({{QStringLiteral("map"), 77}, {QStringLiteral("opacity"), QStringLiteral("much")}});
        QCOMPARE(f.canvas.settings().overlay, OverlayKind::OneExpert);
        QCOMPARE(f.canvas.settings().opacity, 0.3);
        f.current.show(nullptr);
        QCOMPARE(box("layer")->count(), 0);
    }

    void geometryKeepsPicturesApartAndInside_data() {
        QTest::addColumn<int>("count");
        QTest::addColumn<QSize>("area");
        for (const int count : {1, 2, 3, 4, 7, 16}) QTest::addRow("%d wide", count) << count << QSize(900, 400);
        for (const int count : {1, 4, 9}) QTest::addRow("%d tall", count) << count << QSize(300, 800);
    }
    void geometryKeepsPicturesApartAndInside() {
        QFETCH(int, count);
        QFETCH(QSize, area);
        CanvasGeometry geometry;
        geometry.setArea(area, 8);
        geometry.setContent(QSize(256, 256), count);
        for (int i = 0; i < count; ++i) {
            const QRect rect = geometry.pictureRect(i);
            QVERIFY(QRect({}, area).contains(rect));
            QCOMPARE(geometry.pictureAt(rect.center()), i);
            for (int k = 0; k < i; ++k) QVERIFY(!rect.intersects(geometry.pictureRect(k)));
        }
        QVERIFY(!geometry.canPan());
    }

    void cacheGivesTheSamePictureAgainAndNothingForWhatIsNotThere() {
        PreviewCache cache;
        const RunViewPtr run = test::sampleView();
        const QImage first = cache.picture(*run, 1, 0, PictureKind::Velocity), again = cache.picture(*run, 1, 0, PictureKind::Velocity);
        QCOMPARE(first.cacheKey(), again.cacheKey());
        QVERIFY(cache.picture(*run, 3, 0, PictureKind::CleanEstimate).isNull());
        QVERIFY(cache.picture(*run, -1, 0, PictureKind::CleanEstimate).isNull());
        QVERIFY(cache.picture(*run, 0, 2, PictureKind::CleanEstimate).isNull());
        QVERIFY(cache.picture(*test::partialView(1), 0, 0, PictureKind::Final).isNull());
    }
};

QTEST_MAIN(CanvasViewTest)
#include "canvas_view_test.moc"
