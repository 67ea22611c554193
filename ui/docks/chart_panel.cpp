// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/chart_panel.h"

#include <QComboBox>
#include <QLayout>
#include <QToolButton>

#include "viz/plots/chart_view.h"

namespace moescope {

ChartPanel::ChartPanel(const ChartKind& kind, CurrentRun& current, SelectionModel& selection, QWidget* parent)
    : ChartFrame(kind.id, {kind.title}, kind.about, parent), m_kind(kind), m_current(current), m_selection(selection) {
    addOptions();
    const int gap = fontMetrics().height() / 3;
    layout()->setContentsMargins(gap, gap, gap, gap);
    layout()->setSpacing(gap);
    connect(&m_current, &CurrentRun::changed, this, &ChartPanel::refresh);
    connect(&m_selection, &SelectionModel::changed, this, &ChartPanel::refresh);
    connect(&view(), &ChartView::cellActivated, this, &ChartPanel::select);
    connect(&view(), &ChartView::cellHovered, this, [this](int row, int column) {
        Hover hover;
        if (row >= 0) {
            Selection there = m_selection.now();
            m_kind.choose(there, view().chart(), row, column, chosenOptions());
            hover = {there.evaluation, there.layer, there.expert, -1};
        }
        m_selection.setHover(hover);
    });
    setMaker([this](int) {
        m_allImages->setVisible(m_current.view() && m_current.view()->images > 1);
        return chartOfNow();
    });
}

void ChartPanel::addOptions() {
    for (const ChartOption& option : m_kind.options) {
        auto* box = new QComboBox(this);
        box->setAccessibleName(option.name);
        box->setToolTip(m_kind.about);
        box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        box->setMinimumContentsLength(6);
        box->addItems(option.choices);
        connect(box, &QComboBox::activated, this, &ChartPanel::refresh);
        qsizetype longest = 1;  // shares of the room as the texts need it
        for (const QString& choice : option.choices) longest = std::max(longest, choice.size());
        m_options.push_back(box);
        addControl(box, static_cast<int>(longest));
    }
    m_allImages = new QToolButton(this);
    m_allImages->setText(tr("All"));
    m_allImages->setCheckable(true);
    m_allImages->setAutoRaise(true);
    m_allImages->setToolTip(tr("All pictures of the run together, instead of the chosen one"));
    m_allImages->setAccessibleName(tr("All pictures together"));
    connect(m_allImages, &QToolButton::toggled, this, &ChartPanel::refresh);
    addButton(m_allImages);
}

std::vector<int> ChartPanel::chosenOptions() const {
    std::vector<int> chosen;
    for (const QComboBox* box : m_options) chosen.push_back(box->currentIndex());
    return chosen;
}

/// The work for the pool: it owns all that it reads.
std::function<ChartSpec()> ChartPanel::chartOfNow() const {
    const RunViewPtr run = m_current.view();
    const Selection selection = m_selection.now();
    const bool allImages = m_allImages->isChecked();
    return [kind = &m_kind, run, selection, allImages, chosen = chosenOptions()] {
        ChartInput input;
        input.routing = run ? run->routing : std::make_shared<RoutingTrace>();
        if (run) {
            for (const auto& evaluation : run->evaluations) input.evaluations.push_back(evaluation->info);
            input.plannedEvaluations = run->plannedEvaluations;
            input.going = run->going();
        }
        input.evaluation = selection.evaluation;
        input.image = allImages ? -1 : selection.image;
        input.branch = selection.branch;
        input.measure = kind->usesMeasure ? selection.measure : LoadMeasure::Counts;
        input.layer = selection.layer;
        input.expert = selection.expert;
        return kind->make(input, chosen);
    };
}

void ChartPanel::select(int row, int column) {
    Selection wanted = m_selection.now();
    m_kind.choose(wanted, view().chart(), row, column, chosenOptions());
    m_selection.set(wanted);
}

QVariantMap ChartPanel::state() const {
    QVariantMap state{{QStringLiteral("table"), tableShown()}, {QStringLiteral("allImages"), m_allImages->isChecked()}};
    for (size_t i = 0; i < m_options.size(); ++i) state[QStringLiteral("option%1").arg(i)] = m_options[i]->currentIndex();
    return state;
}

void ChartPanel::setState(const QVariantMap& state) {
    for (size_t i = 0; i < m_options.size(); ++i) {
        const int index = state.value(QStringLiteral("option%1").arg(i), 0).toInt();
        if (index >= 0 && index < m_options[i]->count()) m_options[i]->setCurrentIndex(index);
    }
    m_allImages->setChecked(state.value(QStringLiteral("allImages"), false).toBool());
    setTableShown(state.value(QStringLiteral("table"), false).toBool());
    refresh();
}

}  // namespace moescope
