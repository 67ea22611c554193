// SPDX-License-Identifier: GPL-3.0-or-later
// Charts of the ways of routing beside token choice, on runs whose numbers can be worked out by hand (tests/support/policy_runs.h).
#include <QtTest>
#include <algorithm>

#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"
#include "ui/docks/chart_kinds.h"
#include "viz/charts/chart_csv.h"
#include "viz/charts/routing_charts.h"
#include "viz/plots/chart_view.h"

using namespace moescope;

namespace {

ChartInput inputOf(const RunRecord& run, int evaluation = 0) {
    ChartInput input;
    input.routing = std::make_shared<RoutingTrace>(run.routing);
    for (const EvaluationRecord& record : run.evaluations) input.evaluations.push_back(record.info);
    input.plannedEvaluations = 3;
    input.evaluation = evaluation;
    return input;
}

const HeatMapSpec& mapOf(const ChartSpec& chart) { return std::get<HeatMapSpec>(chart.body); }
const SeriesSpec& seriesOf(const ChartSpec& chart) { return std::get<SeriesSpec>(chart.body); }

const ChartKind& kindOf(const char* id) {
    const auto& kinds = chartKinds();
    return *std::find_if(kinds.begin(), kinds.end(), [&](const ChartKind& kind) { return kind.id == QLatin1String(id); });
}

using Values = std::vector<double>;

Values row(const ChartSpec& chart, int index) {
    Values values;
    for (int column = 0; column < chartColumns(chart); ++column) values.push_back(chartValue(chart, index, column));
    return values;
}

}  // namespace

class PolicyChartsTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QLocale::setDefault(QLocale::c()); }

    void flatLoadsSayWhyGateMassIsShown() {
        ChartInput input = inputOf(test::sampleExpertChoiceRun());
        QVERIFY(layerExpertChart(input).note.contains("gate mass shows"));
        QVERIFY(expertLoadChart(input).note.contains("by construction"));
        input.measure = LoadMeasure::GateMass;
        const ChartSpec chart = layerExpertChart(input);
        QVERIFY(chart.note.startsWith("Gate mass, because"));
        QCOMPARE(row(chart, 0), (Values{4 / 16.0, 8 / 16.0, 12 / 16.0}));  // 2 tokens x 2 pictures
        QVERIFY(summaryOf(chart).endsWith("by construction."));
        QVERIFY(layerExpertChart(inputOf(test::sampleRun())).note.isEmpty());
        ChartInput second = inputOf(test::sampleRun());
        second.layer = 1;
        QVERIFY(!expertTimeChart(second).note.isEmpty());
    }

    void wordsHaveARowOfExpertsEach() {
        ChartInput input = inputOf(test::samplePromptRun());
        input.layer = 1;
        QVERIFY2(wordExpertsChart(input, false).emptyText.contains("different prompts"), qPrintable(wordExpertsChart(input, false).emptyText));
        input.image = 0;
        const ChartSpec now = wordExpertsChart(input, false);
        QVERIFY2(!now.empty(), qPrintable(now.emptyText));
        QCOMPARE(mapOf(now).rows.labels, (QStringList{"red", "heart", "(empty places)"}));
        QCOMPARE(row(now, 0), (Values{0.75, 0.25, 0}));
        QCOMPARE(row(now, 1), (Values{0, 0.75, 0.25}));
        QCOMPARE(row(wordExpertsChart(input, true), 1), (Values{0, (1 + 0.75 + 0.5 + 1.5) / 6, (0.25 + 0.5 + 1.5) / 6}));
        input.branch = BranchChoice::Uncond;
        QCOMPARE(mapOf(wordExpertsChart(input, false)).rows.labels, QStringList{"(empty places)"});
        input.branch = BranchChoice::Difference;
        QVERIFY(wordExpertsChart(input, false).emptyText.contains("different words"));
        input.branch = BranchChoice::Cond;
        input.layer = 0;
        QVERIFY(wordExpertsChart(input, false).emptyText.contains("later layer"));
        QVERIFY(wordExpertsChart(inputOf(test::sampleRun()), false).emptyText.contains("does not read prompts"));
        QVERIFY(kindOf("words").concerns(test::samplePromptRun().routing));
        QVERIFY(!kindOf("words").concerns(test::sampleRun().routing));
    }

    void barsCountTokensByTheirNumberOfExperts() {
        const ChartSpec chart = expertsPerTokenChart(inputOf(test::sampleExpertChoiceRun()));
        QCOMPARE(row(chart, 0), (Values{2, 2, 2, 2}));
        QCOMPARE(seriesOf(chart).x.marked, 0);
        QCOMPARE(cellText(chart, 0, 0), "experts 0 (no expert took them): 2 tokens");
        QVERIFY(chart.note.contains("pass this layer unchanged"));
        QVERIFY(expertsPerTokenChart(inputOf(test::samplePoolRun())).note.contains("shared expert"));
    }

    void numbersOfExpertsOverTimeShareOneAxis() {
        ChartInput input = inputOf(test::samplePoolRun());
        input.image = 0;
        const ChartSpec chart = expertsPerTokenOverTimeChart(input);
        QCOMPARE(chartRows(chart), 4);
        QCOMPARE(row(chart, 1), (Values{4, 3, 2}));
        QCOMPARE(row(chart, 2), (Values{0, 1, 2}));
        QCOMPARE(mapOf(chart).range.high, 4.0);
        input.branch = BranchChoice::Uncond;
        QVERIFY(!hasData(chartValue(expertsPerTokenOverTimeChart(input), 1, 2)));
        input.branch = BranchChoice::Difference;
        QVERIFY(expertsPerTokenOverTimeChart(input).emptyText.contains("no difference"));
    }

    void countsAloneDoNotTellWhoHadNone() {
        RunRecord run = test::samplePoolRun();
        for (auto& record : run.routing.records) {
            auto counted = std::make_shared<RoutingRecord>(*record);
            counted->rowPtr.clear();
            record = counted;
        }
        const ChartInput input = inputOf(run);
        QVERIFY(expertsPerTokenChart(input).emptyText.contains("who handled what"));
        QVERIFY(expertsPerTokenOverTimeChart(input).emptyText.contains("who handled what"));
        QVERIFY(unroutedLinesChart(input).emptyText.contains("who handled what"));
        QVERIFY(!expertsPerTokenLinesChart(input).empty());
    }

    void capacitiesStandBesideThresholds() {
        const ChartSpec chart = capacityChart(inputOf(test::samplePoolRun()));
        QCOMPARE(row(chart, 0), (Values{1.5, 1.5, 15 / 8.0}));
        QCOMPARE(chartValue(chart, 2, 0), 0.0);
        QCOMPARE(mapOf(chart).beside.values, (Values{0.5, 0.25, 0.75}));
        QCOMPARE(QString::fromStdString(chartCsv(chart)).section('\n', 0, 1),
                 "\"expert (tokens taken, times an even share (N/E))\",threshold,evaluation 1,evaluation 2,evaluation 3\n0,0.5,1.5,1.5,1.875");
        QVERIFY(chart.note.contains("threshold"));
        QVERIFY(capacityChart(inputOf(test::sampleExpertChoiceRun())).note.contains("capacity factor"));
    }

    void linesFollowExpertsPerTokenAndUnroutedTokens() {
        const ChartInput input = inputOf(test::samplePoolRun());
        QCOMPARE(row(expertsPerTokenLinesChart(input), 0), (Values{5 / 8.0, 6 / 8.0, 10 / 8.0}));
        QCOMPARE(row(unroutedLinesChart(input), 0), (Values{3 / 8.0, 3 / 8.0, 2 / 8.0}));
    }

    void theUnconditionalExpertIsMarkedEverywhere() {
        ChartInput input = inputOf(test::samplePrototypeRun());
        for (const ChartSpec& chart : {layerExpertChart(input), capacityChart(input), expertTimeChart(input)}) {
            const HeatMapSpec& map = mapOf(chart);
            const CategoryAxis& axis = map.rows.title == "expert" ? map.rows : map.columns;
            QCOMPARE(axis.marked, 2);
            QCOMPARE(shownLabel(axis, 2), "2*");
            QCOMPARE(shownTitle(axis), "expert (*: without condition)");
        }
        const ChartSpec bars = expertLoadChart(input);
        QCOMPARE(seriesOf(bars).x.marked, 2);
        QCOMPARE(*seriesOf(bars).reference, 4.0);  // 8 tokens of 2 competing experts
        QCOMPARE(cellText(bars, 0, 2), "expert 2 (without condition): 0 tokens");
        QVERIFY(QString::fromStdString(chartCsv(bars)).contains("\n2 (without condition),0\n"));
        QVERIFY(balanceByLayerChart(input, BalanceMeasure::UnusedExperts).note.contains("(2)"));
        input.branch = BranchChoice::Uncond;
        QVERIFY(!seriesOf(expertLoadChart(input)).reference);
    }

    void gateMassMayBeNegative() {
        ChartInput input = inputOf(test::samplePrototypeRun());
        input.measure = LoadMeasure::GateMass;
        const ChartSpec chart = expertLoadChart(input);
        QCOMPARE(row(chart, 0), (Values{2, 0.5, 0}));
    }

    void weightsOfNetworksSumToTheBlend() {
        const ChartInput input = inputOf(test::sampleNetworksRun());
        const ChartSpec chart = networkWeightsChart(input, SeriesSpec::Form::Stacked);
        QCOMPARE(seriesOf(chart).series[1].name, "dogs");
        QCOMPARE(row(chart, 1), (Values{0.25, 0.5, 0.75}));
        QVERIFY(!hasData(chartValue(chart, 0, 2)));
        QCOMPARE(cellText(chart, 0, 2), "cats, evaluation 3 (t = 0.5, noise level 0.5): did not run");
        QCOMPARE(*seriesOf(chart).high, 1.0);
        QCOMPARE(chart.aboutLayer, 0);
        QCOMPARE(QString::fromStdString(chartCsv(chart)), "evaluation (weight in the blend),cats,dogs,sketch\n1,0.75,0.25,\n2,0.25,0.5,0.25\n3,,0.75,0.25\n");
        QVERIFY(networkWeightsChart(inputOf(test::sampleRun()), SeriesSpec::Form::Lines).emptyText.contains("single network"));
        ChartInput difference = input;
        difference.branch = BranchChoice::Difference;
        QVERIFY(networkWeightsChart(difference, SeriesSpec::Form::Stacked).emptyText.contains("choose lines"));
        QVERIFY(!networkWeightsChart(difference, SeriesSpec::Form::Lines).empty());
    }

    void layersOfNetworksCarryTheirNames() {
        const ChartInput input = inputOf(test::sampleNetworksRun());
        const ChartSpec chart = layerExpertChart(input);
        QCOMPARE(mapOf(chart).rows.labels, QStringList({"0 (block 0), cats", "0 (block 3), dogs"}));
        QCOMPARE(mapOf(chart).rows.groups, QStringList({"cats", "dogs"}));  // where there is no room for more
        QVERIFY(mapOf(layerExpertChart(inputOf(test::sampleRun()))).rows.groups.isEmpty());
        QCOMPARE(chart.layerNumbers, (std::vector<int>{1, 2}));  // the choice of networks has another unit
        Selection selection;
        kindOf("layer-expert").choose(selection, chart, 1, 3, {});
        QCOMPARE(selection.layer, 2);
        QCOMPARE(selection.expert, 3);
        kindOf("networks").choose(selection, networkWeightsChart(input, SeriesSpec::Form::Lines), 1, 2, {0});
        QCOMPARE(selection.layer, 0);
        QCOMPARE(selection.expert, 1);
        QCOMPARE(selection.evaluation, 2);
        ChartInput dogs = input;
        dogs.layer = 2;
        QVERIFY(expertTimeChart(dogs).title.endsWith("dogs, MoE layer 0 (block 3)"));
        const ChartSpec use = expertLoadChart(input);
        QCOMPARE(use.title, "Use of each network, choice of networks");
        QCOMPARE(cellText(use, 0, 0), "network cats: 2 pictures");
    }

    void aNetworkThatDidNotRunIsEmptyUnlikeZero() {
        ChartInput input = inputOf(test::sampleNetworksRun(), 2);
        input.layer = 1;
        QVERIFY(expertLoadChart(input).emptyText.contains("“cats” did not work here"));
        const ChartSpec time = expertTimeChart(input);
        QCOMPARE(chartValue(time, 0, 0), 4.0);
        QVERIFY(cellText(time, 0, 2).endsWith("this network did not work there"));
        input.evaluation = 1;
        input.image = 1;  // the other picture was worked on
        QVERIFY(!expertLoadChart(input).emptyText.isEmpty());
        input.image = 0;
        QCOMPARE(row(expertLoadChart(input), 0), (Values{2, 2}));
    }

    void partsOfAStackAreFoundUnderThePointer() {
        ChartView view;
        view.resize(600, 400);
        view.setChart(networkWeightsChart(inputOf(test::sampleNetworksRun()), SeriesSpec::Form::Stacked));
        for (const auto& [network, evaluation] : {std::pair(0, 0), {1, 0}, {2, 1}, {1, 2}}) {
            const QRectF part = view.cellRect(network, evaluation);
            QVERIFY(part.height() > 10);
            QCOMPARE(view.cellAt(part.center()), QPoint(network, evaluation));
        }
        QVERIFY(view.cellRect(1, 0).bottom() <= view.cellRect(0, 0).top() + 1);  // on top of each other
    }
};

QTEST_MAIN(PolicyChartsTest)
#include "policy_charts_test.moc"
