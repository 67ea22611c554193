// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/network_panel.h"

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/icons.h"
#include "ui/session/mixture_words.h"

namespace moescope {
namespace {

bool listed(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void setListed(std::vector<std::string>& names, const std::string& name, bool on) {
    std::erase(names, name);
    if (on) names.push_back(name);
}

}  // namespace

NetworkPanel::NetworkPanel(GenerateState& state, QWidget* parent) : QWidget(parent), m_state(state) {
    setAccessibleName(tr("Networks of the mixture"));
    m_about = new QLabel(this);
    m_about->setWordWrap(true);
    m_table = new QTableWidget(0, Columns, this);
    m_table->setObjectName(QStringLiteral("networks"));
    m_table->setAccessibleName(tr("Networks of the mixture"));
    m_table->setHorizontalHeaderLabels({tr("network"), tr("size"), tr("leave out"), tr("always"), tr("weight")});
    m_table->horizontalHeaderItem(Size)->setToolTip(tr("Parameters of the network"));
    m_table->horizontalHeaderItem(Leave)->setToolTip(
        tr("It never runs, and the router chooses among the others (muted)."));
    m_table->horizontalHeaderItem(Always)->setToolTip(
        tr("It is always among the chosen, with the weight that the router gives it (pinned)."));
    m_table->horizontalHeaderItem(Weight)->setToolTip(tr("Its share in the blend, instead of the router's."));
    m_table->verticalHeader()->hide();
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setWordWrap(false);
    m_table->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_topK = new QSpinBox(this);
    m_topK->setObjectName(QStringLiteral("networksChosen"));
    m_topK->setKeyboardTracking(false);
    m_topK->setAccessibleName(tr("Networks per picture"));
    m_topK->setToolTip(tr("How many networks the router chooses for a picture at each evaluation (top-k)."));
    m_byHand = new QCheckBox(tr("Weights by hand"), this);
    m_byHand->setObjectName(QStringLiteral("weightsByHand"));
    m_byHand->setToolTip(tr("The weights of the table instead of the router's, for the whole run."));
    m_reset = new QPushButton(themedIcon("reset"), tr("As the Mixture Says"), this);
    m_reset->setObjectName(QStringLiteral("resetNetworks"));
    m_reset->setToolTip(tr("Nothing left out, nothing always chosen, the router decides."));

    auto* form = new QFormLayout;
    form->addRow(tr("Networks per picture"), m_topK);
    form->addRow(m_byHand);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_about);
    column->addWidget(m_table);
    column->addLayout(form);
    column->addWidget(m_reset, 0, Qt::AlignLeft);

    connect(m_table, &QTableWidget::itemChanged, this, &NetworkPanel::takeChecks);
    connect(m_topK, &QSpinBox::valueChanged, this,
            [this](int k) { edit([k](NetworkEdits& edits) { edits.topK = k; }); });
    connect(m_byHand, &QCheckBox::toggled, this, [this](bool on) {
        if (m_showing) return;
        if (on) return takeWeights();
        edit([](NetworkEdits& edits) { edits.weights.clear(); });
    });
    connect(m_reset, &QPushButton::clicked, this, [this] { edit([](NetworkEdits& edits) { edits = {}; }); });
    connect(&m_state, &GenerateState::modelChanged, this, &NetworkPanel::fillRows);
    connect(&m_state, &GenerateState::changed, this, &NetworkPanel::showEdits);
    fillRows();
}

int NetworkPanel::count() const {
    return m_table->rowCount();
}

void NetworkPanel::edit(const std::function<void(NetworkEdits&)>& change) {
    if (m_showing) return;
    GenerateSettings settings = m_state.now();
    change(settings.networks);
    m_state.set(settings);
}

void NetworkPanel::fillRows() {
    m_showing = true;
    const MixtureFacts facts = m_state.model() ? mixtureOf(*m_state.model()) : MixtureFacts{};
    const auto rows = static_cast<int>(facts.networks.size());
    m_table->setRowCount(rows);
    for (int row = 0; row < rows; ++row) {
        const NetworkFact& network = facts.networks[row];
        auto* name = new QTableWidgetItem(network.name);
        name->setToolTip(tr("%1, is told: %2").arg(network.name, network.condition));
        m_table->setItem(row, Name, name);
        m_table->setItem(row, Size, new QTableWidgetItem(network.size));
        for (const Column column : {Leave, Always}) {
            auto* check = new QTableWidgetItem;
            check->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
            check->setToolTip(m_table->horizontalHeaderItem(column)->toolTip());
            check->setData(Qt::AccessibleTextRole,
                           tr("%1: %2").arg(network.name, m_table->horizontalHeaderItem(column)->text()));
            m_table->setItem(row, column, check);
        }
        auto* weight = new QDoubleSpinBox(m_table);
        weight->setRange(0, 1000);
        weight->setSingleStep(0.1);
        weight->setKeyboardTracking(false);
        weight->setAccessibleName(tr("Weight of %1").arg(network.name));
        weight->setValue(network.factor);
        connect(weight, &QDoubleSpinBox::valueChanged, this, [this] {
            if (!m_showing) takeWeights();
        });
        m_table->setCellWidget(row, Weight, weight);
    }
    m_topK->setRange(0, std::max(0, rows));
    m_topK->setSpecialValueText(tr("as the mixture says (%1)").arg(facts.topK));
    m_about->setText(tr("What the next runs change about the choice of networks:"));
    setVisible(rows > 0);
    m_table->resizeColumnsToContents();
    m_table->horizontalHeader()->setSectionResizeMode(Name, QHeaderView::Stretch);
    int tall = m_table->horizontalHeader()->sizeHint().height() + 2 * m_table->frameWidth();
    for (int row = 0; row < rows; ++row) tall += m_table->rowHeight(row);
    m_table->setFixedHeight(tall);
    m_showing = false;
    showEdits();
}

void NetworkPanel::showEdits() {
    m_showing = true;
    const NetworkEdits& edits = m_state.now().networks;
    const bool byHand = !edits.weights.empty();
    for (int row = 0; row < m_table->rowCount(); ++row) {
        const std::string name = m_table->item(row, Name)->text().toStdString();
        m_table->item(row, Leave)->setCheckState(listed(edits.muted, name) ? Qt::Checked : Qt::Unchecked);
        m_table->item(row, Always)->setCheckState(listed(edits.pinned, name) ? Qt::Checked : Qt::Unchecked);
        auto* weight = static_cast<QDoubleSpinBox*>(m_table->cellWidget(row, Weight));
        if (byHand && static_cast<size_t>(row) < edits.weights.front().size())
            weight->setValue(edits.weights.front()[static_cast<size_t>(row)]);
    }
    // A row of weights per step, from a restored run, is kept as it is: one number per network would not tell it.
    m_table->setColumnHidden(Weight, !byHand || edits.weights.size() > 1);
    m_byHand->setChecked(byHand);
    m_byHand->setText(edits.weights.size() > 1 ? tr("Weights by hand, step by step") : tr("Weights by hand"));
    m_topK->setValue(static_cast<int>(edits.topK));
    m_topK->setEnabled(!byHand);
    m_reset->setEnabled(!edits.empty());
    m_showing = false;
}

void NetworkPanel::takeChecks(QTableWidgetItem* item) {
    if (m_showing || (item->column() != Leave && item->column() != Always)) return;
    const std::string name = m_table->item(item->row(), Name)->text().toStdString();
    const bool on = item->checkState() == Qt::Checked, leave = item->column() == Leave;
    edit([&](NetworkEdits& edits) {
        setListed(leave ? edits.muted : edits.pinned, name, on);
        if (on) setListed(leave ? edits.pinned : edits.muted, name, false);  // one or the other
    });
}

void NetworkPanel::takeWeights() {
    std::vector<double> weights;
    for (int row = 0; row < m_table->rowCount(); ++row)
        weights.push_back(static_cast<QDoubleSpinBox*>(m_table->cellWidget(row, Weight))->value());
    edit([&](NetworkEdits& edits) { edits.weights = {weights}; });
}

}  // namespace moescope
