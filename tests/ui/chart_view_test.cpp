// SPDX-License-Identifier: GPL-3.0-or-later
// The chart widget: what is drawn where, pointer, keyboard, texts for screen readers, and its files.
#include "viz/plots/chart_view.h"

#include <QAccessible>
#include <QAccessibleInterface>
#include <QImageReader>
#include <QSignalSpy>
#include <QSvgRenderer>
#include <QToolTip>
#include <QVBoxLayout>
#include <QtTest>
#include <set>

#include "tests/support/temporary_folder.h"
#include "viz/plots/chart_image.h"
#include "viz/plots/chart_style.h"

using namespace moescope;

namespace {

/// 3 rows, 4 columns; cell (row, column) = 4 row + column, except no data at (1, 2); values beyond 8 are beyond the colours.
ChartSpec sampleMap() {
    HeatMapSpec map;
    map.rows = {.title = "MoE layer", .labels = {"0 (block 1)", "1 (block 3)", "2 (block 5)"}};
    map.columns = {.title = "expert", .labels = {"0", "1", "2", "3"}};
    map.values = Matrix(3, 4);
    for (int cell = 0; cell < 12; ++cell) map.values.values[static_cast<size_t>(cell)] = cell;
    map.values.at(1, 2) = noData;
    map.quantity = "load";
    map.unit = "tokens";
    map.range = {0, 8, ColourScale::Sequential};
    ChartSpec chart;
    chart.title = "Load of each expert, by layer";
    chart.subtitle = "evaluation 1 of 3";
    chart.body = map;
    return chart;
}

ChartSpec sampleSeries(SeriesSpec::Form form) {
    SeriesSpec spec;
    spec.form = form;
    spec.x = {.title = "evaluation", .labels = {"1", "2", "3"}};
    spec.quantity = "evenness";
    spec.low = 0;
    spec.high = 1;
    spec.series = {{"layer 0", {0.1, 0.5, noData}}};
    if (form == SeriesSpec::Form::Lines) spec.series.push_back({"layer 1", {0.9, 0.8, 0.7}, true});
    ChartSpec chart;
    chart.title = "Evenness";
    chart.body = spec;
    return chart;
}

QColor colourAt(const QImage& image, QPointF place) {
    return image.pixelColor((place * image.devicePixelRatio()).toPoint());
}

bool nearTo(const QColor& a, const QColor& b) {
    return std::abs(a.red() - b.red()) <= 3 && std::abs(a.green() - b.green()) <= 3 && std::abs(a.blue() - b.blue()) <= 3;
}

/// Distinct colours inside a rectangle, a pixel away from its edges.
size_t coloursIn(const QImage& image, const QRectF& rect) {
    std::set<QRgb> found;
    const QRect inside = rect.toRect().adjusted(4, 4, -4, -4);
    for (int y = inside.top(); y <= inside.bottom(); ++y)
        for (int x = inside.left(); x <= inside.right(); ++x) found.insert(image.pixel(x, y));
    return found.size();
}

}  // namespace

class ChartViewTest : public QObject {
    Q_OBJECT

    std::unique_ptr<ChartView> m_view;

    void show(const ChartSpec& chart, QSize size = {520, 340}) {
        m_view = std::make_unique<ChartView>();
        m_view->setPalette(exportPalette(false));
        m_view->resize(size);
        m_view->setChart(chart);
        m_view->show();
        m_view->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(m_view.get()));
        m_view->clearFocus();
    }
    QImage grabbed() { return m_view->grab().toImage(); }
    QPoint centre(int row, int column) const { return m_view->cellRect(row, column).center().toPoint(); }
    /// The offscreen platform's own pointer does not reach the widget reliably.
    void move(QPoint place, Qt::MouseButtons buttons = Qt::NoButton) {
        QMouseEvent event(QEvent::MouseMove, place, m_view->mapToGlobal(place), Qt::NoButton, buttons, {});
        QCoreApplication::sendEvent(m_view.get(), &event);
    }

private slots:
    void cleanup() {
        QToolTip::hideText();
        m_view.reset();
    }

    void cellsHaveTheColoursOfTheirValues() {
        const ChartSpec chart = sampleMap();
        show(chart);
        const QImage image = grabbed();
        const ColourRange range = std::get<HeatMapSpec>(chart.body).range;
        for (int row = 0; row < 3; ++row)
            for (int column = 0; column < 4; ++column) {
                if (row == 1 && column == 2) continue;
                QVERIFY2(nearTo(colourAt(image, centre(row, column)), heatColour(range, 4 * row + column)),
                         qPrintable(QStringLiteral("%1 %2").arg(row).arg(column)));
            }
        // Beyond the end: the end's colour.
        QCOMPARE(colourAt(image, centre(2, 1)), colourAt(image, centre(2, 3)));
    }

    void cellWithoutDataIsHatchedOnTheBackgroundUnlikeZero() {
        show(sampleMap());
        const QImage image = grabbed();
        QCOMPARE(coloursIn(image, m_view->cellRect(0, 0)), size_t(1));
        QVERIFY(coloursIn(image, m_view->cellRect(1, 2)) > 1);
        QVERIFY(!nearTo(heatColour({0, 8, ColourScale::Sequential}, 0), m_view->palette().color(QPalette::Base)));
    }

    void columnsStillToComeArePlainBackground() {
        ChartSpec chart = sampleMap();
        auto& map = std::get<HeatMapSpec>(chart.body);
        for (int row = 0; row < 3; ++row) map.values.at(row, 3) = noData;
        map.columnsReached = 3;
        show(chart);
        const QImage image = grabbed();
        QCOMPARE(coloursIn(image, m_view->cellRect(0, 3)), size_t(1));
        QCOMPARE(colourAt(image, centre(0, 3)), m_view->palette().color(QPalette::Base));
    }

    void aClickActivatesTheCellUnderIt() {
        show(sampleMap());
        QSignalSpy activated(m_view.get(), &ChartView::cellActivated);
        for (int row = 0; row < 3; ++row)
            for (int column = 0; column < 4; ++column) {
                QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, centre(row, column));
                QCOMPARE(activated.takeLast(), QVariantList({row, column}));
            }
        QCOMPARE(m_view->cursorCell(), QPoint(2, 3));
        activated.clear();
        QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, QPoint(2, 2));
        QTest::mouseClick(m_view.get(), Qt::RightButton, {}, centre(0, 0));
        QCOMPARE(activated.count(), 0);
    }

    void draggingActivatesEachCellOnce() {
        show(sampleMap());
        QSignalSpy activated(m_view.get(), &ChartView::cellActivated);
        QTest::mousePress(m_view.get(), Qt::LeftButton, {}, centre(1, 0));
        for (const QPoint place : {centre(1, 0) + QPoint(1, 0), centre(1, 1), centre(1, 1) + QPoint(1, 1)}) move(place, Qt::LeftButton);
        QCOMPARE(activated.count(), 2);
        QCOMPARE(activated.last(), QVariantList({1, 1}));
    }

    void hoveringTellsTheCellAndLeavingEndsIt() {
        show(sampleMap());
        QSignalSpy hovered(m_view.get(), &ChartView::cellHovered);
        move(centre(2, 1));
        QCOMPARE(hovered.last(), QVariantList({2, 1}));
        QCOMPARE(QToolTip::text(), "MoE layer 2 (block 5), expert 1: 9 tokens");
        const auto before = hovered.count();
        move(centre(2, 1) + QPoint(2, 2));
        QCOMPARE(hovered.count(), before);
        QEvent leave(QEvent::Leave);
        QCoreApplication::sendEvent(m_view.get(), &leave);
        QCOMPARE(hovered.last(), QVariantList({-1, -1}));
    }

    void arrowsWalkTheCellsAndStopAtTheEdges() {
        show(sampleMap());
        QSignalSpy activated(m_view.get(), &ChartView::cellActivated);
        m_view->setFocus();
        QCOMPARE(m_view->cursorCell(), QPoint(0, 0));
        const auto press = [&](Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
            QTest::keyClick(m_view.get(), key, modifiers);
            return m_view->cursorCell();
        };
        QCOMPARE(press(Qt::Key_Right), QPoint(0, 1));
        QCOMPARE(activated.last(), QVariantList({0, 1}));
        QCOMPARE(press(Qt::Key_Down), QPoint(1, 1));
        QCOMPARE(press(Qt::Key_End), QPoint(1, 3));
        QCOMPARE(press(Qt::Key_Right), QPoint(1, 3));
        QCOMPARE(press(Qt::Key_PageDown), QPoint(2, 3));
        QCOMPARE(press(Qt::Key_Home), QPoint(2, 0));
        QCOMPARE(press(Qt::Key_PageUp), QPoint(0, 0));
        QCOMPARE(press(Qt::Key_End, Qt::ControlModifier), QPoint(2, 3));
        QCOMPARE(press(Qt::Key_Home, Qt::ControlModifier), QPoint(0, 0));
        QCOMPARE(press(Qt::Key_Left), QPoint(0, 0));
        activated.clear();
        press(Qt::Key_Return);
        QCOMPARE(activated.last(), QVariantList({0, 0}));
        press(Qt::Key_A);
        press(Qt::Key_Right, Qt::AltModifier);
        QCOMPARE(activated.count(), 1);
    }

    void arrowsBelongToTheChartWithTheFocusAndNotToShortcuts() {
        QWidget window;
        auto* layout = new QVBoxLayout(&window);
        auto* view = new ChartView;
        auto* other = new QWidget;
        other->setFocusPolicy(Qt::StrongFocus);
        layout->addWidget(view);
        layout->addWidget(other);
        QAction scrub;
        scrub.setShortcut(Qt::Key_Right);
        window.addAction(&scrub);
        QSignalSpy scrubbed(&scrub, &QAction::triggered);
        view->setChart(sampleMap());
        window.show();
        window.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&window));
        view->setFocus();
        QTest::keyClick(view, Qt::Key_Right);
        QCOMPARE(scrubbed.count(), 0);
        QCOMPARE(view->cursorCell(), QPoint(0, 1));
        other->setFocus();
        QTest::keyClick(other, Qt::Key_Right);
        QCOMPARE(scrubbed.count(), 1);
    }

    void theCursorStartsAtAndFollowsTheSelection() {
        ChartSpec chart = sampleMap();
        std::get<HeatMapSpec>(chart.body).selectedRow = 2;
        show(chart);
        m_view->setFocus();
        QCOMPARE(m_view->cursorCell(), QPoint(2, 0));
        std::get<HeatMapSpec>(chart.body).selectedColumn = 3;
        m_view->setChart(chart);
        QCOMPARE(m_view->cursorCell(), QPoint(2, 3));
        ChartSpec empty;
        empty.emptyText = "Nothing.";
        m_view->setChart(empty);
        QCOMPARE(m_view->cursorCell(), QPoint(-1, -1));
        QTest::keyClick(m_view.get(), Qt::Key_Right);
        m_view->setChart(chart);
        QCOMPARE(m_view->cursorCell(), QPoint(2, 3));
    }

    void cursorAndSelectionAreSeenInLightAndDark() {
        for (const bool dark : {false, true}) {
            show(sampleMap());
            m_view->setPalette(exportPalette(dark));
            const QImage plain = grabbed();
            m_view->setFocus();
            const QImage focused = grabbed();
            QVERIFY(plain != focused);
            ChartSpec chart = sampleMap();
            std::get<HeatMapSpec>(chart.body).selectedRow = 1;
            m_view->clearFocus();
            m_view->setChart(chart);
            const QImage selected = grabbed();
            QVERIFY(selected != plain);
            // Around the row: the outline's text colour on a line of the background.
            const QRectF row = m_view->cellRect(1, 1);
            bool line = false;
            for (int y = static_cast<int>(row.top()) - 4; y < row.top() + 2; ++y)
                line |= nearTo(selected.pixelColor(static_cast<int>(row.center().x()), y), m_view->palette().color(QPalette::Text));
            QVERIFY(line);
        }
    }

    void screenReadersGetTitleSummaryAndTheCurrentCell() {
        show(sampleMap());
        m_view->setFocus();
        QTest::keyClick(m_view.get(), Qt::Key_Right);
        QAccessibleInterface* access = QAccessible::queryAccessibleInterface(m_view.get());
        QVERIFY(access);
        QCOMPARE(access->role(), QAccessible::Chart);
        QCOMPARE(access->text(QAccessible::Name), "Load of each expert, by layer");
        const QString text = access->text(QAccessible::Description);
        QVERIFY(text.contains("largest at MoE layer 2 (block 5), expert 3: 11 tokens"));
        QVERIFY(text.endsWith("Now at: MoE layer 0 (block 1), expert 1: 1 tokens."));
    }

    void barsAndLinesAnswerThePointer() {
        show(sampleSeries(SeriesSpec::Form::Bars));
        QCOMPARE(m_view->cellAt(centre(0, 1)), QPoint(0, 1));
        const QRectF tall = m_view->cellRect(0, 1);
        const QImage image = grabbed();
        QVERIFY(colourAt(image, {tall.center().x(), tall.bottom() - 4}) != colourAt(image, {tall.center().x(), tall.top() + 12}));
        show(sampleSeries(SeriesSpec::Form::Lines));
        QCOMPARE(m_view->cellAt(centre(0, 1)), QPoint(0, 1));
        QCOMPARE(m_view->cellAt(centre(1, 2)), QPoint(1, 2));
        QVERIFY(m_view->cellRect(1, 0).center().y() < m_view->cellRect(0, 0).center().y());
        QVERIFY(nearTo(colourAt(grabbed(), m_view->cellRect(1, 1).center()), m_view->palette().color(QPalette::Highlight)));
    }

    void changingTheKindOfChartLeavesNothingBehind() {
        show(sampleSeries(SeriesSpec::Form::Lines));
        grabbed();
        m_view->setChart(sampleMap());
        const QImage changed = grabbed();
        show(sampleMap());
        QCOMPARE(changed, grabbed());
        ChartSpec empty;
        empty.title = "Load";
        empty.emptyText = "Nothing to show yet.";
        m_view->setChart(empty);
        const QImage afterMap = grabbed();
        show(empty);
        QCOMPARE(afterMap, grabbed());
        QVERIFY(coloursIn(afterMap, m_view->rect()) > 1);  // the text
        QCOMPARE(m_view->cellAt({100, 100}), QPoint(-1, -1));
    }

    void newValuesDoNotMoveTheCells() {
        show(sampleMap());
        const QRectF before = m_view->cellRect(1, 1);
        ChartSpec chart = sampleMap();
        std::get<HeatMapSpec>(chart.body).values.at(0, 0) = 12345;
        for (int i = 0; i < 12; ++i) std::get<HeatMapSpec>(chart.body).values.values[static_cast<size_t>(i)] = noData;
        m_view->setChart(chart);
        QCOMPARE(m_view->cellRect(1, 1), before);
    }

    void tinyAndOddSizesAreDrawn() {
        for (const QSize size : {QSize(1, 1), QSize(40, 20), QSize(300, 200), QSize(90, 600), QSize(900, 60)})
            for (const ChartSpec& chart : {sampleMap(), sampleSeries(SeriesSpec::Form::Bars), sampleSeries(SeriesSpec::Form::Lines)}) {
                QCOMPARE(chartImage(chart, exportPalette(true), size, 1).size(), size);
                ChartView view;
                view.resize(size);
                view.setChart(chart);
                view.grab();
            }
    }

    void labelsThinOutUntilTheyFit() {
        QStringList labels;
        for (int i = 1; i <= 50; ++i) labels << QString::number(i);
        const auto extent = [](const QString& label) { return 8.0 * static_cast<double>(label.size()); };
        QCOMPARE(labelsThatFit(labels, 30, 4, extent).size(), size_t(50));
        const std::vector<int> fives = labelsThatFit(labels, 5, 4, extent);
        QCOMPARE(fives.size(), size_t(10));
        QCOMPARE(labels[fives.front()], "5");
        QCOMPARE(labelsThatFit(labels, 0.1, 4, extent), std::vector<int>{49});  // "50", the only round one of a step of 50
        QCOMPARE(labelsThatFit({"a", "b", "c"}, 5, 4, extent), (std::vector<int>{0}));
        QVERIFY(labelsThatFit({}, 5, 4, extent).empty());
        QStringList steps;  // all of them round
        for (int i = 1; i <= 50; ++i) steps << QString::number(100 * i);
        QCOMPARE(labelsThatFit(steps, 5, 4, extent).size(), size_t(5));
    }

    void ticksAreRoundAndWholeForCounts() {
        const auto texts = [](const std::vector<Tick>& ticks) {
            QStringList list;
            for (const Tick& tick : ticks) list << tick.text;
            return list;
        };
        QCOMPARE(texts(niceTicks(0, 1, 5)), QStringList({"0", "0.2", "0.4", "0.6", "0.8", "1"}));
        QCOMPARE(texts(niceTicks(-80, 80, 4)), QStringList({"-50", "0", "50"}));
        QCOMPARE(texts(niceTicks(0, 2, 8, true)), QStringList({"0", "1", "2"}));
        QVERIFY(niceTicks(1, 1, 5).empty());
        QCOMPARE(texts(logTicks(0.05, 2, 8)), QStringList({"0.05", "0.1", "0.2", "0.5", "1", "2"}));
        QCOMPARE(texts(logTicks(1, 500, 3)), QStringList({"1", "10", "100"}));
        QCOMPARE(texts(logTicks(1, 1e6, 4)), QStringList({numberText(1), numberText(100), numberText(1e4), numberText(1e6)}));
    }

    void aLogarithmicAxisGivesEachTenfoldTheSameRoom() {
        ChartSpec chart;
        chart.title = "falling";
        SeriesSpec lines;
        lines.form = SeriesSpec::Form::Lines;
        lines.logarithmic = true;
        lines.low = 1;
        for (int i = 0; i < 4; ++i) lines.x.labels << QString::number(i);
        lines.series.push_back({"one", {1000, 100, 10, 0.5}});
        chart.body = lines;
        ChartView view;
        view.resize(400, 300);
        view.setChart(chart);
        view.grab();
        const auto y = [&](int column) { return view.cellRect(0, column).center().y(); };
        QVERIFY(std::abs((y(1) - y(0)) - (y(2) - y(1))) <= 2);
        QVERIFY(std::abs((y(3) - y(2)) - (y(2) - y(1))) <= 2);  // drawn at the low end
    }

    void colourRampsRunFromEndToEnd() {
        const ColourRange load{0, 10, ColourScale::Sequential}, difference{-10, 10, ColourScale::Diverging};
        QCOMPARE(heatColour(load, 99), heatColour(load, 10));
        QCOMPARE(heatColour(difference, -99), heatColour(difference, -10));
        double before = -1;
        for (int value = 0; value <= 10; ++value) {
            const QColor colour = heatColour(load, value);
            const double light = 0.2126 * colour.redF() + 0.7152 * colour.greenF() + 0.0722 * colour.blueF();
            QVERIFY(light > before);
            before = light;
        }
        QVERIFY(heatColour(difference, 9).red() > heatColour(difference, 9).blue());
        QVERIFY(heatColour(difference, -9).blue() > heatColour(difference, -9).red());
    }

    void picturesHaveTheAskedSizeAndAnOpaqueBackground() {
        show(sampleMap());
        const QImage image = m_view->image({600, 400}, 2);
        QCOMPARE(image.size(), QSize(1200, 800));
        QCOMPARE(image.pixelColor(1, 1), m_view->palette().color(QPalette::Base));
        QVERIFY(!image.hasAlphaChannel());
    }

    void filesHoldTheChart() {
        test::TemporaryFolder folder;
        show(sampleMap());
        const auto png = folder.path() / "chart.png", svg = folder.path() / "chart.svg";
        QVERIFY(m_view->savePng(png, {600, 400}, 1.5).ok());
        QImageReader reader(QString::fromStdString(png.string()));
        const QImage image = reader.read();
        QCOMPARE(image.size(), QSize(900, 600));
        QCOMPARE(image.text("Title"), "Load of each expert, by layer");
        QVERIFY(m_view->saveSvg(svg, {600, 400}).ok());
        QFile file(QString::fromStdString(svg.string()));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray text = file.readAll();
        QVERIFY(!text.contains("<image"));
        QVERIFY(text.contains("0 (block 1)") && text.contains("&gt; 8") && text.contains("load (tokens)"));
        QSvgRenderer renderer(text);
        QVERIFY(renderer.isValid());
        QCOMPARE(renderer.viewBox(), QRect(0, 0, 600, 400));
        QVERIFY(!m_view->savePng(folder.path() / "nowhere" / "chart.png", {60, 40}, 1).ok());
        QVERIFY(!m_view->saveSvg(folder.path() / "nowhere" / "chart.svg", {60, 40}).ok());
    }
};

QTEST_MAIN(ChartViewTest)
#include "chart_view_test.moc"
