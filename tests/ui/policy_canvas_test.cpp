// SPDX-License-Identifier: GPL-3.0-or-later
// What canvas, legend, readout and selection say of the ways of routing beside token choice.
#include <QtTest>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"
#include "ui/session/current_run.h"
#include "ui/session/run_view.h"
#include "ui/widgets/canvas_frame.h"
#include "ui/widgets/overlay_legend.h"
#include "ui/widgets/preview_cache.h"
#include "ui/widgets/token_text.h"

using namespace moescope;

namespace {

RunViewPtr viewOfRun(RunRecord run, RunId id = 1) { return viewOf(std::make_shared<RunRecord>(std::move(run)), id, RunState::Finished); }

CanvasFramePtr frameOf(const RunViewPtr& view, Selection selection, OverlayKind kind) {
    PreviewCache cache;
    CanvasSettings settings;
    settings.overlay = kind;
    return makeCanvasFrame(view, selection, settings, cache);
}

}  // namespace

class PolicyCanvasTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QLocale::setDefault(QLocale::c()); }

    void readoutsSayHowManyExpertsTookAToken() {
        const RoutingTrace choice = test::sampleExpertChoiceRun().routing, pool = test::samplePoolRun().routing;
        QCOMPARE(tokenText(choice, 0, BranchChoice::Cond, 0, 0, 1),
                 "row 1, column 2: taken by 3 experts: expert 2 (0.188), expert 1 (0.125), expert 0 (0.0625)");
        QCOMPARE(tokenText(choice, 0, BranchChoice::Cond, 0, 0, 2), "row 2, column 1: expert 1 (0.125)");
        QCOMPARE(tokenText(choice, 0, BranchChoice::Cond, 0, 0, 3), "row 2, column 2: no expert took it: it passes this layer unchanged");
        QCOMPARE(tokenText(pool, 0, BranchChoice::Cond, 0, 1, 3), "row 2, column 2: no expert took it: only the shared expert worked on it");
    }

    void readoutsNameTheUnconditionalExpertAndNetworks() {
        QCOMPARE(tokenText(test::samplePrototypeRun().routing, 0, BranchChoice::Difference, 0, 0, 0),
                 "row 1, column 1: conditional expert 0 (0.75); unconditional expert 2 (1, the one without condition)");
        const RoutingTrace networks = test::sampleNetworksRun().routing;
        QCOMPARE(tokenText(networks, 0, BranchChoice::Cond, 0, 0, 0), "the whole picture: blended from cats (0.75), dogs (0.25)");
        QCOMPARE(tokenText(networks, 1, BranchChoice::Cond, 0, 1, 0), "the whole picture: made by dogs (1)");
        QCOMPARE(tokenText(networks, 1, BranchChoice::Cond, 2, 0, 0),
                 "row 1, column 1: the network “dogs” did not work on this picture here");
        QCOMPARE(moeLayerText(networks, 0), "choice of networks");
        QCOMPARE(moeLayerText(networks, 2), "dogs, MoE layer 0 (block 3)");
    }

    void readoutsSayTheWordsOfThePrompt() {
        const RoutingTrace prompts = test::samplePromptRun().routing;
        QCOMPARE(tokenText(prompts, 0, BranchChoice::Cond, 1, 0, 0), "“red” of the prompt (text token 1): expert 0 (0.75), expert 1 (0.25)");
        QCOMPARE(tokenText(prompts, 0, BranchChoice::Cond, 1, 0, 2), "“-rt” of the prompt (text token 3): expert 1 (0.5), expert 2 (0.5)");
        QCOMPARE(tokenText(prompts, 0, BranchChoice::Cond, 1, 1, 3), "empty place of the prompt (text token 4): expert 2 (1)");
        QCOMPARE(tokenText(prompts, 0, BranchChoice::Uncond, 1, 0, 0), "empty place of the prompt (text token 1): expert 0 (0.75), expert 1 (0.25)");
        QCOMPARE(tokenText(prompts, 0, BranchChoice::Cond, 1, 0, 4), "row 1, column 1: expert 0 (1)");
    }

    void theLegendShowsWordsBesideTheirColours() {
        const CanvasFramePtr frame = frameOf(viewOfRun(test::samplePromptRun()), {.evaluation = 0, .image = 0, .layer = 1}, OverlayKind::Dominant);
        OverlayLegend legend;
        legend.resize(300, 400);
        legend.setFrame(frame);
        const int side = legend.fontMetrics().height();
        QCOMPARE(legend.outsideRect(3).width(), side);
        QVERIFY(legend.outsideRect(0).width() >= side + legend.fontMetrics().horizontalAdvance("red"));
        QVERIFY(!legend.outsideRect(0).intersects(legend.outsideRect(1)));
        QSignalSpy clicked(&legend, &OverlayLegend::outsideClicked);
        QTest::mouseClick(&legend, Qt::LeftButton, {}, legend.outsideRect(1).center());
        QCOMPARE(clicked.size(), 1);
        QCOMPARE(clicked[0][0].toInt(), 1);
    }

    void unroutedTokensDifferFromTokensOfWeightZero() {
        RunRecord run = test::samplePoolRun();
        auto record = std::make_shared<RoutingRecord>(*run.routing.records[0]);
        record->gate[0] = 0;  // token 0 of image 0 keeps expert 0 with no weight
        run.routing.records[0] = record;
        Selection selection{.evaluation = 0, .image = 0, .expert = 0};
        const CanvasFramePtr frame = frameOf(viewOfRun(run), selection, OverlayKind::OneExpert);
        const OverlayMap& first = *frame->pictures[0].overlay;
        QCOMPARE(first.weight.at(0, 0), 0.0);
        QCOMPARE(first.dominant.grid[0], 0);
        const OverlayMap& second = *frame->pictures[1].overlay;
        QVERIFY(!hasData(second.weight.at(0, 1)));
        QCOMPARE(second.dominant.grid[1], -1);
        QVERIFY(second.sharedExpert);
    }

    void negativeWeightsHaveAPlaceInTheColours() {
        const CanvasFramePtr frame =
            frameOf(viewOfRun(test::samplePrototypeRun()), {.evaluation = 0, .image = 0, .expert = 1}, OverlayKind::OneExpert);
        const OverlayMap& map = *frame->pictures[0].overlay;
        QCOMPARE(map.low, -0.5);
        QCOMPARE(map.high, 1.0);
        QCOMPARE(map.unconditional, 2);
        QCOMPARE(weightShare(map, map.weight.at(1, 1)), (-0.25 + 0.5) / 1.5);
    }

    void aPictureThatANetworkLeftHasNoMapOfIt() {
        const RunViewPtr view = viewOfRun(test::sampleNetworksRun());
        CanvasFramePtr frame = frameOf(view, {.evaluation = 1, .image = 0, .layer = 2}, OverlayKind::Dominant);
        QVERIFY(!frame->pictures[0].overlay);
        QVERIFY(frame->pictures[1].overlay);
        QVERIFY(frame->note.contains("“dogs” did not work on this picture"));
        frame = frameOf(view, {.evaluation = 2, .image = 0, .layer = 1}, OverlayKind::Dominant);
        QVERIFY(frame->note.contains("“cats” did not work"));
    }

    void theLegendListsNetworksByName() {
        const CanvasFramePtr frame = frameOf(viewOfRun(test::sampleNetworksRun()), {.evaluation = 0, .image = 0, .layer = 0}, OverlayKind::Dominant);
        OverlayLegend legend;
        legend.resize(200, 400);
        legend.setFrame(frame);
        QCOMPARE(legend.listedExperts(), (std::vector<int>{0, 1, 2}));
        QSignalSpy clicked(&legend, &OverlayLegend::expertClicked);
        QTest::mouseClick(&legend, Qt::LeftButton, {}, legend.expertRect(1).center());
        QCOMPARE(clicked.size(), 1);
        QCOMPARE(clicked[0][0].toInt(), 1);
    }

    void aRunOfPromptsIsShownWhereItsWordsAre() {
        SelectionModel selection;
        CurrentRun current(selection);
        const RunViewPtr prompts = viewOfRun(test::samplePromptRun(), 1);
        current.show(prompts);
        QCOMPARE(selection.now().layer, 1);
        selection.setLayer(0);  // the person's choice stays
        current.update(prompts);
        current.show(viewOfRun(test::samplePromptRun(), 2));
        QCOMPARE(selection.now().layer, 0);
        selection.setLayer(1);
        current.show(viewOfRun(test::sampleRun(), 3));
        QCOMPARE(selection.now().layer, 0);
    }

    void aRunOfFlatLoadsIsShownInGateMass() {
        SelectionModel selection;
        CurrentRun current(selection);
        current.show(viewOfRun(test::sampleRun(), 1));
        QCOMPARE(selection.now().measure, LoadMeasure::Counts);
        const RunViewPtr flat = viewOfRun(test::sampleExpertChoiceRun(), 2);
        current.show(flat);
        QCOMPARE(selection.now().measure, LoadMeasure::GateMass);
        selection.setMeasure(LoadMeasure::Counts);  // the person's choice stays
        current.update(flat);
        current.show(viewOfRun(test::sampleExpertChoiceRun(), 3));
        QCOMPARE(selection.now().measure, LoadMeasure::Counts);
        selection.setMeasure(LoadMeasure::GateMass);
        current.show(viewOfRun(test::sampleRun(), 4));
        QCOMPARE(selection.now().measure, LoadMeasure::Counts);
    }
};

QTEST_MAIN(PolicyCanvasTest)
#include "policy_canvas_test.moc"
