// SPDX-License-Identifier: GPL-3.0-or-later
// Looks of experts, values and pixels of expert maps, pictures of states, and the filmstrip of a run.
#include <QTest>
#include <cmath>
#include <set>
#include <tuple>

#include "tests/support/sample_run.h"
#include "viz/overlay/expert_palette.h"
#include "viz/overlay/filmstrip.h"
#include "viz/overlay/state_picture.h"
#include "viz/overlay/token_overlay.h"
#include "viz/overlay/token_raster.h"

using namespace moescope;

class OverlayTest : public QObject {
    Q_OBJECT

    RunRecord m_run = test::sampleRun();
    const MoeLayerDescriptor& layer(int index) const { return m_run.routing.layers[static_cast<size_t>(index)]; }
    const RoutingRecord& record(int evaluation, int index, Branch branch = Branch::Cond) const {
        return *m_run.routing.find(evaluation, branch, index);
    }
    OverlayMap map(OverlayKind kind, int evaluation, int index, int64_t image = 0, int expert = 0) const {
        return *overlayOf(kind, layer(index), record(evaluation, index), image, expert);
    }

private slots:
    void looksOfAllExpertsDiffer_data() {
        QTest::addColumn<int>("experts");
        for (const int experts : {1, 8, 9, 16, 48, 64, 128}) QTest::addRow("%d", experts) << experts;
    }
    void looksOfAllExpertsDiffer() {
        QFETCH(int, experts);
        std::set<std::pair<QRgb, int>> looks;
        std::set<QRgb> colours;
        for (int expert = 0; expert < experts; ++expert) {
            const ExpertLook look = expertLook(expert, experts);
            looks.emplace(look.colour.rgb(), look.hatch);
            colours.insert(look.colour.rgb());
            if (experts <= 8) QCOMPARE(look.hatch, Qt::SolidPattern);
        }
        QCOMPARE(looks.size(), static_cast<size_t>(experts));
        QCOMPARE(colours.size(), static_cast<size_t>(experts));  // also where tokens are too small for hatching
    }

    void neighboursDifferInHueAndLightness_data() { looksOfAllExpertsDiffer_data(); }
    void neighboursDifferInHueAndLightness() {
        QFETCH(int, experts);
        for (int expert = 1; expert < experts; ++expert) {
            const QColor a = expertLook(expert - 1, experts).colour, b = expertLook(expert, experts).colour;
            const int hues = std::abs(a.hslHue() - b.hslHue());
            QVERIFY2(std::min(hues, 360 - hues) > 20 || experts <= 8, qPrintable(QString::number(expert)));
            const auto grey = [](const QColor& c) { return 0.299 * c.red() + 0.587 * c.green() + 0.114 * c.blue(); };
            if (experts > 8) QVERIFY2(std::abs(grey(a) - grey(b)) > 20, qPrintable(QString::number(expert)));
            QVERIFY(a != b);
        }
    }

    void moreThanEightExpertsAreHatched() {
        std::set<int> hatches;
        for (int expert = 0; expert < 48; ++expert) hatches.insert(expertLook(expert, 48).hatch);
        QCOMPARE(hatches.size(), size_t{6});
        QVERIFY(expertLook(7, 16).hatch != expertLook(8, 16).hatch);
    }

    void rampsEndWhereTheyShouldAndRiseInLightness() {
        double before = -1;
        for (int i = 0; i <= 100; ++i) {
            const QColor colour = sequentialColour(i / 100.0);
            const double grey = 0.299 * colour.red() + 0.587 * colour.green() + 0.114 * colour.blue();
            QVERIFY(grey > before);
            before = grey;
        }
        QCOMPARE(sequentialColour(-1), sequentialColour(0));
        QCOMPARE(sequentialColour(7), sequentialColour(1));
        QCOMPARE(sequentialColour(std::nan("")), sequentialColour(0));
        const QColor middle = divergingColour(0), low = divergingColour(-1), high = divergingColour(1);
        QCOMPARE(middle.red(), middle.blue());
        QVERIFY(low.blue() > low.red() && high.red() > high.blue());
    }

    void mapsHoldTheValuesOfTheRun() {
        // Token choice: token t of image i goes to expert (t + i + evaluation) % 3.
        QCOMPARE(map(OverlayKind::Dominant, 0, 0).dominant.grid, (std::vector<int32_t>{0, 1, 2, 0}));
        QCOMPARE(map(OverlayKind::Dominant, 1, 0, 1).dominant.grid, (std::vector<int32_t>{2, 0, 1, 2}));
        const OverlayMap choice = map(OverlayKind::Dominant, 0, 1);
        QCOMPARE(choice.dominant.grid, (std::vector<int32_t>{0, -1, 0, 1}));
        QCOMPARE(choice.dominant.outside.size(), size_t{1});
        QCOMPARE(choice.dominant.outside[0].value, 2);
        QCOMPARE(map(OverlayKind::HowMany, 0, 1).dominant.grid, (std::vector<int32_t>{3, 0, 1, 1}));
        QCOMPARE(map(OverlayKind::HowMany, 0, 1).high, 3.0);  // all three experts
        QCOMPARE(map(OverlayKind::HowMany, 0, 0).high, 1.0);  // top-1
    }

    void weightsOfOneExpertTellTokensItDidNotTakeApart() {
        const OverlayMap weights = map(OverlayKind::OneExpert, 0, 1, 0, 2);
        QCOMPARE(weights.weight.at(0, 0), 0.5);
        QVERIFY(!hasData(weights.weight.at(1, 1)));
        QCOMPARE(weights.outsideWeight.size(), size_t{1});
        QCOMPARE(weights.outsideWeight[0].second, 0.25);
        QCOMPARE(weights.high, 0.5);
        QVERIFY(!hasData(map(OverlayKind::OneExpert, 0, 1, 0, 0).outsideWeight[0].second));
    }

    void weightRangesAreRoundAndLargeEnough() {
        RoutingRecord made;
        for (const auto& [largest, range] : std::initializer_list<std::pair<float, double>>{
                 {0.0f, 0.1}, {0.05f, 0.1}, {0.11f, 0.2}, {0.2f, 0.2}, {0.9f, 1}, {1.0f, 1}, {2.5f, 5}, {31.0f, 50}}) {
            made.gate = {0.0f, largest};
            QCOMPARE(weightRange(made), range);
        }
    }

    void nothingIsMadeWithoutAssignmentsOrImage() {
        RoutingRecord counts = record(0, 0);
        counts.rowPtr.clear();
        QVERIFY(!overlayOf(OverlayKind::Dominant, layer(0), counts, 0, 0));
        QVERIFY(!overlayOf(OverlayKind::OneExpert, layer(0), record(0, 0), 2, 0));
        QVERIFY(!overlayOf(OverlayKind::None, layer(0), record(0, 0), 0, 0));
    }

    void differencesAreMarked() {
        // Without the class every token of layer 0 goes to expert 0; with it tokens 1 and 2 of image 0 do not.
        OverlayMap shown = map(OverlayKind::Dominant, 0, 0);
        markDifferences(shown, layer(0), record(0, 0), record(0, 0, Branch::Uncond), 0);
        QCOMPARE(shown.marked, (std::vector<uint8_t>{0, 1, 1, 0}));
        const QImage image = rasterOverlay(shown, QRect(0, 0, 64, 64), QRect(0, 0, 64, 64), 1);
        QVERIFY(qAlpha(image.pixel(16, 16)) < 100);           // same in both: fades
        QCOMPARE(image.pixel(48, 16), expertLook(1, 3).colour.rgb());
        QCOMPARE(image.pixel(32, 0), qRgb(0, 0, 0));          // the frame
        QCOMPARE(image.pixel(33, 1), qRgb(255, 255, 255));
    }

    void pixelsAreThoseOfTheExperts() {
        const OverlayMap shown = map(OverlayKind::Dominant, 0, 1);
        const QImage image = rasterOverlay(shown, QRect(0, 0, 40, 40), QRect(0, 0, 40, 40), 1);
        for (int y = 0; y < 40; ++y)
            for (int x = 0; x < 40; ++x) {
                const int token = (y / 20) * 2 + x / 20;
                if (token == 1) continue;
                QCOMPARE(image.pixel(x, y), expertLook(token == 3 ? 1 : 0, 3).colour.rgb());
            }
        // The token that no expert took is a hatched hole: none of the experts' colours, and more than one colour.
        std::set<QRgb> hole;
        for (int y = 0; y < 20; ++y)
            for (int x = 20; x < 40; ++x) hole.insert(image.pixel(x, y));
        QVERIFY(hole.size() >= 3);
        for (int expert = 0; expert < 3; ++expert) QVERIFY(!hole.count(expertLook(expert, 3).colour.rgb()));
    }

    void aPartOfTheMapHasThePixelsOfTheWhole() {
        OverlayMap shown = map(OverlayKind::Dominant, 0, 1);
        shown.experts = 48;
        shown.dominant.grid = {30, -1, 17, 41};  // hatched looks
        const QRect target(-7, 5, 101, 99), clip(3, 20, 50, 40);
        const QImage whole = rasterOverlay(shown, target, target, 1), part = rasterOverlay(shown, target, clip, 1);
        QCOMPARE(part, whole.copy(clip.translated(-target.topLeft())));
    }

    void smallTokensAreNotHatched() {
        OverlayMap shown = map(OverlayKind::Dominant, 0, 0);
        shown.experts = 48;
        shown.dominant.grid = {30, 30, 30, 30};
        const auto colours = [&](int side, double scale) {
            const QImage image = rasterOverlay(shown, QRect(0, 0, side, side), QRect(0, 0, side, side), scale);
            std::set<QRgb> found;
            for (int y = 0; y < side; ++y)
                for (int x = 0; x < side; ++x) found.insert(image.pixel(x, y));
            return found.size();
        };
        QCOMPARE(colours(14, 1), size_t{1});
        QCOMPARE(colours(16, 1), size_t{2});
        QCOMPARE(colours(30, 2), size_t{1});
        QCOMPARE(colours(32, 2), size_t{2});
    }

    void tokensFillTheTargetWithoutGaps() {
        const QRect target(3, 4, 100, 77);
        int right = target.left();
        for (int64_t column = 0; column < 7; ++column) {
            const QRect rect = tokenRect(target, 5, 7, 0, column);
            QCOMPARE(rect.left(), right);
            right = rect.right() + 1;
        }
        QCOMPARE(right, target.right() + 1);
    }

    void paintingMixesWithThePictureByOpacity() {
        QImage image(20, 20, QImage::Format_RGB32);
        image.fill(Qt::black);
        QPainter painter(&image);
        paintOverlay(painter, QRectF(0, 0, 20, 20), map(OverlayKind::Dominant, 0, 0), 0.5, false);
        painter.end();
        const QColor mixed(image.pixel(2, 2)), look = expertLook(0, 3).colour;
        QVERIFY(std::abs(mixed.green() - look.green() / 2) <= 1 && std::abs(mixed.blue() - look.blue() / 2) <= 1);
    }

    void statesAreReadAsPictures() {
        RunRecord run = test::sampleRun();
        run.latentShape = {3, 2, 2};
        run.precision = LatentPrecision::F32;
        run.parameters.width = run.parameters.height = 2;
        EvaluationRecord& evaluation = run.evaluations[1];
        evaluation.info.timestep = 0.5f;
        std::vector<float> noisy(24, 9.0f), velocity(24, 9.0f);
        for (size_t i = 0; i < 12; ++i) noisy[12 + i] = 0.25f, velocity[12 + i] = i < 4 ? 1.5f : -0.5f;  // image 1: red is 1, else 0
        evaluation.noisy = packLatents(noisy, LatentPrecision::F32);
        evaluation.velocity = packLatents(velocity, LatentPrecision::F32);
        const StateLayout layout = stateLayout(run);
        QVERIFY(layout.pixels);
        QCOMPARE(cleanImage(evaluation, layout, 1).pixel(1, 1), qRgb(255, 128, 128));
        QCOMPARE(noisyImage(evaluation, layout, 1).pixel(0, 0), qRgb(159, 159, 159));
        QCOMPARE(velocityImage(evaluation, layout, 1).pixel(0, 1), qRgb(223, 96, 96));
        QVERIFY(cleanImage(evaluation, layout, 2).isNull());
        evaluation.velocity.clear();
        QVERIFY(cleanImage(evaluation, layout, 1).isNull());
        // The floor of 1 - t.
        evaluation.info.timestep = 1;
        evaluation.velocity = packLatents(velocity, LatentPrecision::F32);
        StateLayout floored = layout;
        floored.tEps = 0.5;
        QCOMPARE(cleanImage(evaluation, floored, 1).pixel(1, 1), qRgb(255, 128, 128));
        QVERIFY(!stateLayout(test::sampleRun()).pixels);
    }

    void previewsAndPicturesKeepTheirBytes() {
        const QImage preview = previewImage(m_run.evaluations[1], stateLayout(m_run), 1);
        QCOMPARE(preview.size(), QSize(2, 2));
        QCOMPARE(preview.pixel(0, 0), qRgb(22, 23, 24));  // 10 e + v, image 1 starts at v = 12
        QCOMPARE(pictureOf(imageOf(m_run.pictures[1])), m_run.pictures[1]);
    }

    void filmstripShowsEveryEvaluationAndThePicture() {
        const FilmstripSpec strip = filmstripOf(m_run, 1);
        QCOMPARE(strip.frames.size(), size_t{4});
        QVERIFY(strip.frames[3].final && !strip.frames[0].final);
        QCOMPARE(strip.title, QStringLiteral("red heart, seed 8"));
        QCOMPARE(guidanceText(strip.frames[0].info), QStringLiteral("guidance 2.5"));
        QVERIFY(guidanceText(strip.frames[2].info).isEmpty());
        FilmstripStyle style;
        style.columns = 3;
        const QSize size = filmstripSize(strip, style);
        const QImage image = filmstripImage(strip, style, 2);
        QCOMPARE(image.size(), size * 2);
        // Whole colours of the previews are on it.
        std::set<QRgb> found;
        for (int y = 0; y < image.height(); ++y)
            for (int x = 0; x < image.width(); ++x) found.insert(image.pixel(x, y));
        for (const FilmstripFrame& frame : strip.frames) QVERIFY(found.count(frame.picture.pixel(0, 0)));
    }

    void longFilmstripsKeepTheFirstAndTheLast() {
        RunRecord run = test::sampleRun();
        while (run.evaluations.size() < 49) {
            run.evaluations.push_back(run.evaluations.back());
            run.evaluations.back().info.index = static_cast<int>(run.evaluations.size()) - 1;
        }
        const FilmstripSpec strip = filmstripOf(run, 0, 12);
        QCOMPARE(strip.frames.size(), size_t{13});
        QCOMPARE(strip.frames.front().info.index, 0);
        QCOMPARE(strip.frames[11].info.index, 48);
    }
};

QTEST_MAIN(OverlayTest)
#include "overlay_test.moc"
