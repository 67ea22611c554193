// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/workspaces/train_charts.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/widgets/chart_frame.h"
#include "viz/charts/training_charts.h"
#include "viz/plots/chart_view.h"

namespace moescope {

TrainCharts::TrainCharts(QWidget* parent) : QWidget(parent), m_record(std::make_shared<const TrainingRecord>()) {
    using Record = std::shared_ptr<const TrainingRecord>;
    const auto frame = [this](const QString& id, const QStringList& choices, const QString& about, int first,
                              std::function<ChartSpec(const TrainingRecord&, int choice, int layer)> make) {
        auto* made = new ChartFrame(id, choices, about, this);
        made->setChoice(first);
        made->setMaker([this, make = std::move(make)](int choice) -> std::function<ChartSpec()> {
            return [record = Record(m_record), layer = std::max(0, m_layer ? m_layer->currentIndex() : 0), choice,
                    make] { return make(*record, choice, layer); };
        });
        connect(made, &ChartFrame::said, this, &TrainCharts::said);
        connect(made, &ChartFrame::failed, this, &TrainCharts::failed);
        m_frames.push_back(made);
        return made;
    };
    const auto curve = [](const TrainingRecord& record, int choice, int) {
        return trainingCurveChart(record, static_cast<TrainingCurve>(choice));
    };
    const auto balance = [](const TrainingRecord& record, int choice, int layer) {
        return trainingBalanceChart(record, static_cast<TrainingBalance>(choice), layer);
    };
    const QStringList curves{tr("Loss"), tr("Loss on pictures kept aside"), tr("Gradient norm"), tr("Learning rate")};
    const QStringList balances{tr("Balance of each layer"), tr("Balance by noise level"),
                               tr("Experts without any work")};
    const QString aboutCurves = tr("What the run minimises, how strong its pulls are, and how large its steps");
    const QString aboutBalance = tr(
        "How far the busiest expert is above the mean, and how many got nothing at all (balance: max load / mean - 1)");
    auto* loss = frame(QStringLiteral("training-loss"), curves, aboutCurves, 0, curve);
    auto* gradient = frame(QStringLiteral("training-gradient"), curves, aboutCurves, 2, curve);
    auto* load = frame(QStringLiteral("training-load"), {tr("Load of each expert")},
                       tr("How many tokens each expert of a layer got, as a multiple of the mean (load)"), 0,
                       [](const TrainingRecord& record, int, int layer) { return trainingLoadChart(record, layer); });
    auto* even = frame(QStringLiteral("training-balance"), balances, aboutBalance, 0, balance);
    auto* parts = frame(QStringLiteral("training-parts"), balances, aboutBalance, 1, balance);

    m_layer = new QComboBox(this);
    m_layer->setObjectName(QStringLiteral("trainLayer"));
    m_layer->setAccessibleName(tr("MoE layer of the charts below"));
    m_layer->setToolTip(
        tr("The layer that the load and the balance by noise level are shown of; its line is the thick one"));
    m_layer->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    connect(m_layer, &QComboBox::currentIndexChanged, this, [this] {
        for (ChartFrame* each : m_frames) each->refresh();
    });
    connect(&even->view(), &ChartView::cellActivated, this, [this, even](int row, int) {
        if (even->choice() != static_cast<int>(TrainingBalance::ByTime)) setLayer(row);
    });

    auto* chooser = m_chooser = new QWidget(load);
    auto* label = new QLabel(tr("&Layer"), chooser);
    label->setBuddy(m_layer);
    auto* chooserRow = new QHBoxLayout(chooser);
    chooserRow->setContentsMargins(0, 0, 0, 0);
    chooserRow->addWidget(label);
    chooserRow->addWidget(m_layer);
    load->addControl(chooser);

    const auto pair = [this](QWidget* left, QWidget* right) {
        auto* row = new QSplitter(Qt::Horizontal, this);
        row->addWidget(left);
        row->addWidget(right);
        row->setChildrenCollapsible(false);
        row->setSizes({1000, 1000});
        return row;
    };
    m_rows = new QSplitter(Qt::Vertical, this);
    m_rows->setChildrenCollapsible(false);
    m_rows->addWidget(pair(loss, gradient));
    m_rows->addWidget(load);
    m_rows->addWidget(pair(even, parts));
    m_rows->setSizes({1000, 1000, 1000});
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_rows);
    fillLayers();
}

void TrainCharts::setRecord(std::shared_ptr<const TrainingRecord> record) {
    m_record = std::move(record);
    fillLayers();
    for (ChartFrame* each : m_frames) each->refresh();
}

void TrainCharts::fillLayers() {
    const auto layers = static_cast<int>(routedBlocks(*m_record).size());
    QStringList names;
    for (int layer = 0; layer < layers; ++layer) names << trainingLayerName(*m_record, layer);
    QStringList before;
    for (int i = 0; i < m_layer->count(); ++i) before << m_layer->itemText(i);
    m_chooser->setVisible(layers > 0);
    if (names == before) return;
    const QSignalBlocker quiet(m_layer);
    const int chosen = std::max(0, m_layer->currentIndex());
    m_layer->clear();
    m_layer->addItems(names);
    if (layers > 0) m_layer->setCurrentIndex(std::min(chosen, layers - 1));
}

void TrainCharts::setLayer(int layer) {
    if (layer >= 0 && layer < m_layer->count()) m_layer->setCurrentIndex(layer);
}

int TrainCharts::layer() const {
    return m_layer->currentIndex();
}

QVariantMap TrainCharts::state() const {
    QVariantMap state{{QStringLiteral("rows"), m_rows->saveState()}};
    for (const ChartFrame* each : m_frames) state[each->objectName()] = each->choice();
    return state;
}

void TrainCharts::setState(const QVariantMap& state) {
    if (state.contains(QStringLiteral("rows"))) m_rows->restoreState(state.value(QStringLiteral("rows")).toByteArray());
    for (ChartFrame* each : m_frames)
        if (state.contains(each->objectName())) each->setChoice(state.value(each->objectName()).toInt());
}

}  // namespace moescope
