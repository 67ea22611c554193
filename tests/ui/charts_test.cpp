// SPDX-License-Identifier: GPL-3.0-or-later
// Charts of the sample run, whose numbers can be worked out by hand (see tests/support/sample_run.h).
#include "viz/charts/routing_charts.h"

#include <QtTest>
#include <algorithm>
#include <cmath>

#include "tests/support/sample_run.h"
#include "ui/docks/chart_kinds.h"
#include "viz/charts/chart_csv.h"

using namespace moescope;

namespace {

ChartInput sampleInput(int evaluation = 0) {
    const RunRecord run = test::sampleRun();
    ChartInput input;
    input.routing = std::make_shared<RoutingTrace>(run.routing);
    for (const EvaluationRecord& record : run.evaluations) input.evaluations.push_back(record.info);
    input.plannedEvaluations = 3;
    input.evaluation = evaluation;
    return input;
}

/// The sample run after its first evaluation.
ChartInput goingInput() {
    ChartInput input = sampleInput();
    RoutingTrace soFar = *input.routing;
    std::erase_if(soFar.records, [](const auto& record) { return record->evaluation > 0; });
    input.routing = std::make_shared<RoutingTrace>(soFar);
    input.evaluations.resize(1);
    input.going = true;
    return input;
}

const HeatMapSpec& mapOf(const ChartSpec& chart) {
    return std::get<HeatMapSpec>(chart.body);
}
const SeriesSpec& seriesOf(const ChartSpec& chart) {
    return std::get<SeriesSpec>(chart.body);
}

std::vector<double> row(const ChartSpec& chart, int index) {
    std::vector<double> values;
    for (int column = 0; column < chartColumns(chart); ++column) values.push_back(chartValue(chart, index, column));
    return values;
}

using Values = std::vector<double>;

}  // namespace

class ChartsTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QLocale::setDefault(QLocale::c()); }

    void layerByExpertCountsTokensOfBothPictures() {
        const ChartSpec chart = layerExpertChart(sampleInput());
        QVERIFY(!chart.empty());
        QCOMPARE(row(chart, 0), (Values{3, 3, 2}));
        QCOMPARE(row(chart, 1), (Values{4, 4, 4}));
        QCOMPARE(row(chart, 2), (Values{0, 4, 0}));
        QCOMPARE(mapOf(chart).rows.labels, QStringList({"0 (block 1)", "1 (block 3)", "2 (block 5)"}));
        QCOMPARE(chart.subtitle, "evaluation 1 of 3, t = 0, conditional, all 2 pictures together");
    }

    void layerByExpertOfOnePictureAndGateMass() {
        ChartInput input = sampleInput();
        input.image = 1;
        QCOMPARE(row(layerExpertChart(input), 0), (Values{1, 2, 1}));  // tokens 2; 0 and 3; 1
        input.measure = LoadMeasure::GateMass;
        const ChartSpec mass = layerExpertChart(input);
        QCOMPARE(row(mass, 0), (Values{0.75, 0.5 + 0.875, 0.625}));
        QCOMPARE(mapOf(mass).quantity, "gate mass");
        QVERIFY(mass.subtitle.endsWith("picture 2 of 2"));
    }

    void differenceIsSignedWithSymmetricColours() {
        ChartInput input = sampleInput();
        input.branch = BranchChoice::Difference;
        const ChartSpec chart = layerExpertChart(input);
        QCOMPARE(row(chart, 0), (Values{3 - 8, 3, 2}));
        QCOMPARE(row(chart, 1), (Values{0, 0, 0}));
        QCOMPARE(mapOf(chart).range.scale, ColourScale::Diverging);
        QCOMPARE(mapOf(chart).range.low, -mapOf(chart).range.high);
        QCOMPARE(mapOf(chart).range.high, 2.0);  // a quarter of 8
    }

    void expertByEvaluationHasAllPlannedColumns() {
        ChartInput input = sampleInput();
        input.plannedEvaluations = 5;
        const ChartSpec chart = expertTimeChart(input);
        QCOMPARE(chartRows(chart), 3);
        QCOMPARE(chartColumns(chart), 5);
        QCOMPARE(mapOf(chart).values.at(0, 0), 3.0);
        QCOMPARE(mapOf(chart).values.at(0, 1), 2.0);
        QCOMPARE(mapOf(chart).values.at(1, 2), 2.0);
        QVERIFY(!hasData(mapOf(chart).values.at(0, 3)));
        QCOMPARE(mapOf(chart).columns.labels.back(), "5");
        QCOMPARE(mapOf(chart).columns.details[1], "t = 0.5, noise level 0.5");
    }

    void evaluationsWithoutTheUnconditionalBranchHaveNoData() {
        ChartInput input = sampleInput();
        input.branch = BranchChoice::Uncond;
        const ChartSpec chart = expertTimeChart(input);
        QCOMPARE(chartValue(chart, 0, 0), 8.0);
        QCOMPARE(chartValue(chart, 1, 0), 0.0);  // zero is data
        QVERIFY(!hasData(chartValue(chart, 0, 2)));
    }

    void cellsSayPlaceTimeAndValue() {
        ChartInput input = goingInput();
        const ChartSpec map = layerExpertChart(input);
        QCOMPARE(cellText(map, 2, 1), "MoE layer 2 (block 5), expert 1: 4 tokens");
        input.image = 1;
        QCOMPARE(cellText(layerExpertChart(input), 0, 0), "MoE layer 0 (block 1), expert 0: 1 token");
        const ChartSpec time = expertTimeChart(input);
        QCOMPARE(cellText(time, 1, 0), "expert 1, evaluation 1 (t = 0, noise level 1): 2 tokens");
        QCOMPARE(cellText(time, 1, 2), "expert 1, evaluation 3: still to come");
        QCOMPARE(cellText(time, 1, 3), QString());
        QCOMPARE(cellText(time, -1, 0), QString());
    }

    void expertsALayerDoesNotHaveDoNotExist() {
        ChartInput input = sampleInput();
        RoutingTrace trace = *input.routing;
        trace.layers[1].experts = 2;
        input.routing = std::make_shared<RoutingTrace>(trace);
        const ChartSpec chart = layerExpertChart(input);
        QVERIFY(!hasData(chartValue(chart, 1, 2)));
        QCOMPARE(mapOf(chart).rowCells, (std::vector<int>{3, 2, 3}));
        QCOMPARE(cellText(chart, 1, 2), "MoE layer 1 (block 3), expert 2: does not exist here");
    }

    void colourRangeOfCountsFollowsFromTheLayers() {
        RoutingTrace trace;
        trace.images = 2;
        MoeLayerDescriptor layer;
        layer.experts = 16;
        layer.topK = 2;
        layer.tokenGroups = {{TokenKind::Image, 256, 16, 16}};
        trace.layers = {layer};
        // 256 tokens x 2 of 16 experts: 32 on average; times 4, times two pictures.
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Cond, -1).high, 256.0);
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Cond, 0).high, 128.0);
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Both, 0).high, 256.0);
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Difference, 0).low, -32.0);
        trace.layers[0].experts = 4;  // 4 x the mean would be 512 of 256 tokens
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Cond, 0).high, 256.0);
        layer.policy = RoutingPolicy::ExpertChoice;
        layer.topK = 0;
        layer.capacity = 40;
        trace.layers = {layer};
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Cond, 0).high, 80.0);
        trace.layers.clear();
        QCOMPARE(loadRange(trace, LoadMeasure::Counts, BranchChoice::Cond, 0).high, 1.0);
    }

    void colourRangeIsTheSameWhileTheRunGoesOn() {
        for (const LoadMeasure measure : {LoadMeasure::Counts, LoadMeasure::GateMass})
            for (const BranchChoice branch : {BranchChoice::Cond, BranchChoice::Both, BranchChoice::Difference}) {
                const ColourRange going = loadRange(*goingInput().routing, measure, branch, -1);
                const ColourRange whole = loadRange(*sampleInput().routing, measure, branch, -1);
                QCOMPARE(going.high, whole.high);
                QCOMPARE(going.low, whole.low);
            }
        // Layer 2: 4 tokens of gate 1 on 3 experts, times 4, times two pictures: 10.67, rounded up to two digits.
        QCOMPARE(loadRange(*sampleInput().routing, LoadMeasure::GateMass, BranchChoice::Cond, -1).high, 11.0);
    }

    void barsShowTheMeanAndKeepTheirAxisOverTheRun() {
        ChartInput input = sampleInput();
        input.expert = 1;
        const ChartSpec first = expertLoadChart(input);
        QCOMPARE(row(first, 0), (Values{3, 3, 2}));
        QCOMPARE(seriesOf(first).reference.value(), 8.0 / 3);
        QCOMPARE(seriesOf(first).referenceName, "every expert the same");
        QCOMPARE(seriesOf(first).selectedX, 1);
        QCOMPARE(seriesOf(first).low.value(), 0.0);
        input.evaluation = 1;
        QCOMPARE(seriesOf(expertLoadChart(input)).high.value(), seriesOf(first).high.value());
        QCOMPARE(cellText(first, 0, 2), "expert 2: 2 tokens");
        input.branch = BranchChoice::Difference;
        const ChartSpec difference = expertLoadChart(input);
        QVERIFY(!seriesOf(difference).reference);
        QCOMPARE(seriesOf(difference).low.value(), -seriesOf(difference).high.value());
    }

    void balanceByLayer() {
        ChartInput input = sampleInput();
        const double entropy = -(2 * 0.375 * std::log(0.375) + 0.25 * std::log(0.25)) / std::log(3.0);
        const ChartSpec evenness = balanceByLayerChart(input, BalanceMeasure::Entropy);
        QVERIFY(std::abs(chartValue(evenness, 0, 0) - entropy) < 1e-12);
        QCOMPARE(chartValue(evenness, 0, 1), 1.0);
        QCOMPARE(chartValue(evenness, 0, 2), 0.0);
        QCOMPARE(cellText(evenness, 0, 1), "MoE layer 1 (block 3): 1 normalised entropy");
        const ChartSpec busiest = balanceByLayerChart(input, BalanceMeasure::MaxOverMean);
        QCOMPARE(row(busiest, 0), (Values{9.0 / 8, 1, 3}));
        QCOMPARE(seriesOf(busiest).high.value(), 3.0);
        const ChartSpec unused = balanceByLayerChart(input, BalanceMeasure::UnusedExperts);
        QCOMPARE(row(unused, 0), (Values{0, 0, 2}));
        QCOMPARE(cellText(unused, 0, 2), "MoE layer 2 (block 5): 2 unused experts");
    }

    void balanceOverTimeEmphasisesTheChosenLayer() {
        ChartInput input = sampleInput(1);
        input.plannedEvaluations = 4;
        input.layer = 2;
        const ChartSpec chart = balanceOverTimeChart(input, BalanceMeasure::MaxOverMean);
        QCOMPARE(chartRows(chart), 3);
        QCOMPARE(chartColumns(chart), 4);
        QCOMPARE(chartValue(chart, 2, 2), 3.0);
        QVERIFY(!hasData(chartValue(chart, 2, 3)));
        QVERIFY(seriesOf(chart).series[2].emphasised && !seriesOf(chart).series[0].emphasised);
        QCOMPARE(seriesOf(chart).selectedX, 1);
        QCOMPARE(cellText(chart, 2, 0), "MoE layer 2 (block 5), evaluation 1 (t = 0, noise level 1): 3 times the mean");
    }

    void changeFollowsEveryLayerOverTheRun() {
        ChartInput input = sampleInput(1);
        input.plannedEvaluations = 4;
        input.layer = 0;
        const ChartSpec chart = routingChangeChart(input);
        QCOMPARE(chart.title, "How much the routing changes");
        QCOMPARE(chart.subtitle, "conditional, all 2 pictures together");
        QCOMPARE(chartRows(chart), 3);
        QCOMPARE(chartColumns(chart), 4);
        QVERIFY(!hasData(chartValue(chart, 0, 0)));   // nothing to compare the first evaluation with
        QCOMPARE(chartValue(chart, 0, 1), 0.125);     // 3 3 2, then 2 3 3 of 8 tokens
        QCOMPARE(chartValue(chart, 1, 2), 0.0);
        QVERIFY(!hasData(chartValue(chart, 0, 3)));
        QVERIFY(seriesOf(chart).series[0].emphasised && !seriesOf(chart).series[1].emphasised);
        QCOMPARE(seriesOf(chart).selectedX, 1);
        QCOMPARE(seriesOf(chart).low.value(), 0.0);
        QCOMPARE(seriesOf(chart).high.value(), 0.2);
        QCOMPARE(cellText(chart, 0, 1), "MoE layer 0 (block 1), evaluation 2 (t = 0.5, noise level 0.5): 0.125 of the layer's load");
        QCOMPARE(cellText(chart, 0, 0), "MoE layer 0 (block 1), evaluation 1 (t = 0, noise level 1): no data");
        const ChartTable table = tableOf(chart);
        QCOMPARE(table.header, QStringList({"evaluation (share that moved, of the layer's load)", "MoE layer 0 (block 1)",
                                            "MoE layer 1 (block 3)", "MoE layer 2 (block 5)"}));
        QCOMPARE(table.rows[0], QStringList({"1", "", "", ""}));
        QCOMPARE(table.rows[2], QStringList({"3", "0.125", "0", "0"}));
        input.measure = LoadMeasure::GateMass;
        QCOMPARE(seriesOf(routingChangeChart(input)).unit, "of the layer's gate mass");
    }

    void changeSaysWhatIsStillToComeAndWhyThereIsNothing() {
        const ChartSpec going = routingChangeChart(goingInput());
        QCOMPARE(chartColumns(going), 3);
        QCOMPARE(seriesOf(going).xReached, 1);
        QVERIFY(cellText(going, 0, 1).endsWith("still to come"));
        ChartInput input = goingInput();
        input.going = false;
        input.plannedEvaluations = 1;
        QVERIFY(routingChangeChart(input).emptyText.contains("more steps"));
        QVERIFY(routingChangeChart({}).emptyText.contains("generate a picture"));
        input = sampleInput();
        input.branch = BranchChoice::Difference;
        QVERIFY(routingChangeChart(input).emptyText.contains("no difference"));
    }

    void aClickOnTheChangeChoosesLayerAndEvaluation() {
        const auto& kinds = chartKinds();
        const auto kind = std::find_if(kinds.begin(), kinds.end(), [](const ChartKind& k) { return k.id == "change"; });
        QVERIFY(kind != kinds.end());
        QCOMPARE(kind->make(sampleInput(), {}).title, routingChangeChart(sampleInput()).title);
        Selection selection;
        kind->choose(selection, kind->make(sampleInput(), {}), 2, 1, {});
        QCOMPARE(selection.layer, 2);
        QCOMPARE(selection.evaluation, 1);
    }

    void emptyChartsSayWhyAndWhatToDo() {
        ChartInput none;
        QVERIFY(layerExpertChart(none).emptyText.contains("generate a picture"));
        none.going = true;
        none.routing = std::make_shared<RoutingTrace>();
        QVERIFY(expertTimeChart(none).emptyText.startsWith("Waiting"));
        ChartInput input = sampleInput(2);
        input.branch = BranchChoice::Uncond;
        QVERIFY(layerExpertChart(input).emptyText.contains("evaluation 3"));
        QVERIFY(!expertTimeChart(input).empty());
        input = sampleInput();
        input.layer = 7;
        QVERIFY(expertTimeChart(input).empty() && expertLoadChart(input).empty());
        input = sampleInput();
        input.image = 2;
        QVERIFY(layerExpertChart(input).empty());
        input = sampleInput(-1);
        QVERIFY(layerExpertChart(input).emptyText.contains("timeline"));
        input = sampleInput();
        input.branch = BranchChoice::Difference;
        QVERIFY(balanceOverTimeChart(input, BalanceMeasure::Entropy).emptyText.contains("no difference"));
        RoutingTrace dense = *input.routing;
        dense.layers.clear();
        dense.records.clear();
        input.routing = std::make_shared<RoutingTrace>(dense);
        QVERIFY(layerExpertChart(input).emptyText.contains("no MoE layers"));
        QCOMPARE(chartRows(layerExpertChart(input)), 0);
        QVERIFY(tableOf(layerExpertChart(input)).rows.empty());
    }

    void tablesHaveFullPrecisionAndEmptyFieldsWithoutData() {
        ChartInput input = sampleInput();
        input.plannedEvaluations = 4;
        input.branch = BranchChoice::Uncond;
        QCOMPARE(chartCsv(expertTimeChart(input)), std::string(
                 "\"expert (load, tokens)\",evaluation 1,evaluation 2,evaluation 3,evaluation 4\n0,8,8,,\n1,0,0,,\n2,0,0,,\n"));
        const ChartTable bars = tableOf(balanceByLayerChart(sampleInput(), BalanceMeasure::Entropy));
        QCOMPARE(bars.header, QStringList({"MoE layer", "evenness (normalised entropy)"}));
        QCOMPARE(bars.rows[2], QStringList({"2 (block 5)", "0"}));
        QCOMPARE(bars.rows[0][1].toDouble(), chartValue(balanceByLayerChart(sampleInput(), BalanceMeasure::Entropy), 0, 0));
        const ChartTable lines = tableOf(balanceOverTimeChart(sampleInput(), BalanceMeasure::UnusedExperts));
        QCOMPARE(lines.header, QStringList({"evaluation (unused experts)", "MoE layer 0 (block 1)", "MoE layer 1 (block 3)", "MoE layer 2 (block 5)"}));
        QCOMPARE(lines.rows[2], QStringList({"3", "0", "0", "2"}));
    }

    void csvQuotesWhatNeedsIt() {
        ChartSpec chart;
        SeriesSpec bars;
        bars.x = {.title = "name, \"quoted\"", .labels = {"a,b"}};
        bars.quantity = "load";
        bars.series = {{.y = {0.1}}};
        chart.body = bars;
        QCOMPARE(chartCsv(chart), std::string("\"name, \"\"quoted\"\"\",load\n\"a,b\",0.1\n"));
    }

    void summaryNamesTheLargestAndTheSmallest() {
        const QString text = summaryOf(layerExpertChart(sampleInput()));
        QVERIFY(text.contains("3 rows (MoE layer) and 3 columns (expert)"));
        QVERIFY(text.contains("largest at MoE layer 1 (block 3), expert 0: 4 tokens"));
        QVERIFY(text.contains("smallest at MoE layer 2 (block 5), expert 0: 0 tokens"));
    }

    void numbersAreShortForPeople() {
        QCOMPARE(numberText(41), "41");
        QCOMPARE(numberText(0.98503), "0.985");
        QCOMPARE(numberText(1234.56), "1235");
        QCOMPARE(numberText(-0.0), "0");
        QCOMPARE(numberText(noData), "no data");
        QCOMPARE(quantityLabel("load", "tokens"), "load (tokens)");
        QCOMPARE(quantityLabel("evenness", ""), "evenness");
    }

    void severalNetworksAreNamed() {
        ChartInput input = sampleInput();
        RoutingTrace trace = *input.routing;
        trace.networks = {"high noise", "low noise"};
        trace.layers[2].network = 1;
        input.routing = std::make_shared<RoutingTrace>(trace);
        input.layer = 2;
        QVERIFY(expertTimeChart(input).title.endsWith("low noise, MoE layer 2 (block 5)"));
        QCOMPARE(mapOf(layerExpertChart(input)).rows.labels[0], "0 (block 1), high noise");
    }
};

QTEST_MAIN(ChartsTest)
#include "charts_test.moc"
