// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/chart_panel.h"

#include <QClipboard>
#include <QComboBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QSignalBlocker>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "engine/io/atomic_file.h"
#include "ui/icons.h"
#include "ui/models/chart_table_model.h"
#include "viz/charts/chart_csv.h"
#include "viz/plots/chart_view.h"

namespace moescope {
namespace {

constexpr double kExportScale = 2;  // device pixels per pixel of an exported picture

QToolButton* smallButton(const QString& icon, const QString& text, QWidget* parent) {
    auto* button = new QToolButton(parent);
    button->setIcon(themedIcon(icon));
    button->setAutoRaise(true);
    button->setToolTip(text);
    button->setAccessibleName(text);
    return button;
}

}  // namespace

ChartPanel::ChartPanel(const ChartKind& kind, CurrentRun& current, SelectionModel& selection, QWidget* parent)
    : QWidget(parent), m_kind(kind), m_current(current), m_selection(selection), m_task([this](ChartSpec chart) { take(std::move(chart)); }) {
    buildControls();
    connect(&m_current, &CurrentRun::changed, this, &ChartPanel::refresh);
    connect(&m_selection, &SelectionModel::changed, this, &ChartPanel::refresh);
    connect(m_view, &ChartView::cellActivated, this, &ChartPanel::select);
    connect(m_view, &ChartView::cellHovered, this, [this](int row, int column) {
        Hover hover;
        if (row >= 0) {
            Selection there = m_selection.now();
            m_kind.choose(there, m_view->chart(), row, column, chosenOptions());
            hover = {there.evaluation, there.layer, there.expert, -1};
        }
        m_selection.setHover(hover);
    });
    refresh();
}

ChartPanel::~ChartPanel() = default;

void ChartPanel::buildControls() {
    const auto combo = [this](const QString& name, const QString& tip) {
        auto* box = new QComboBox(this);
        box->setAccessibleName(name);
        box->setToolTip(tip);
        box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        box->setMinimumContentsLength(6);
        connect(box, &QComboBox::activated, this, [this] { refresh(); });
        return box;
    };
    m_controls = new QWidget(this);
    auto* row = new QHBoxLayout(m_controls);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    for (const ChartOption& option : m_kind.options) {
        m_options.push_back(combo(option.name, m_kind.about));
        m_options.back()->addItems(option.choices);
        qsizetype longest = 1;  // shares of the room as the texts need it
        for (const QString& choice : option.choices) longest = std::max(longest, choice.size());
        row->addWidget(m_options.back(), static_cast<int>(longest));
    }
    row->addStretch(m_options.empty() ? 1 : 0);
    m_allImages = new QToolButton(this);
    m_allImages->setText(tr("All"));
    m_allImages->setCheckable(true);
    m_allImages->setAutoRaise(true);
    m_allImages->setToolTip(tr("All pictures of the run together, instead of the chosen one"));
    m_allImages->setAccessibleName(tr("All pictures together"));
    connect(m_allImages, &QToolButton::toggled, this, &ChartPanel::refresh);
    row->addWidget(m_allImages);

    m_tableButton = smallButton(QStringLiteral("table"), tr("Show as a table"), this);
    m_tableButton->setCheckable(true);
    connect(m_tableButton, &QToolButton::toggled, this, &ChartPanel::setTableShown);
    auto* copyButton = smallButton(QStringLiteral("copy"), tr("Copy the chart as a picture (the data: from the table or the menu)"), this);
    connect(copyButton, &QToolButton::clicked, this, &ChartPanel::copyPicture);
    auto* saveButton = smallButton(QStringLiteral("save"), tr("Export as PNG, SVG or CSV"), this);
    connect(saveButton, &QToolButton::clicked, this, &ChartPanel::exportChart);
    for (QToolButton* button : {m_tableButton, copyButton, saveButton}) row->addWidget(button);

    m_view = new ChartView(this);
    m_tableModel = new ChartTableModel(this);
    m_table = new QTableView(this);
    m_table->setModel(m_tableModel);
    m_table->setAccessibleName(tr("%1 as a table").arg(m_kind.title));
    m_table->verticalHeader()->hide();
    m_pages = new QStackedWidget(this);
    m_pages->addWidget(m_view);
    m_pages->addWidget(m_table);

    auto* column = new QVBoxLayout(this);
    const int gap = fontMetrics().height() / 3;
    column->setContentsMargins(gap, gap, gap, gap);
    column->setSpacing(gap);
    column->addWidget(m_controls);
    column->addWidget(m_pages, 1);
    setFocusProxy(m_view);
}

std::vector<int> ChartPanel::chosenOptions() const {
    std::vector<int> chosen;
    for (const QComboBox* box : m_options) chosen.push_back(box->currentIndex());
    return chosen;
}

void ChartPanel::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (m_stale) refresh();
}

void ChartPanel::refresh() {
    m_stale = !isVisible();
    if (m_stale) return;
    m_allImages->setVisible(m_current.view() && m_current.view()->images > 1);
    m_task.submit(chartOfNow());
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

/// Before the chart leaves the program: a hidden panel, or one whose drawing is under way, shows an older state.
void ChartPanel::bringUpToDate() {
    if (m_stale || m_task.busy()) m_view->setChart(chartOfNow()());
}

/// A panel that was never shown has no size yet.
QSize ChartPanel::exportSize() const { return m_view->size().expandedTo(m_view->sizeHint()); }

void ChartPanel::take(ChartSpec chart) {
    if (m_pages->currentWidget() == m_table) m_tableModel->setTable(tableOf(chart));
    m_view->setChart(std::move(chart));
    emit drawn();
}

void ChartPanel::select(int row, int column) {
    Selection wanted = m_selection.now();
    m_kind.choose(wanted, m_view->chart(), row, column, chosenOptions());
    m_selection.set(wanted);
}

void ChartPanel::setTableShown(bool shown) {
    const QSignalBlocker quiet(m_tableButton);
    m_tableButton->setChecked(shown);
    if (shown) m_tableModel->setTable(tableOf(m_view->chart()));
    m_pages->setCurrentWidget(shown ? static_cast<QWidget*>(m_table) : m_view);
}

void ChartPanel::copyPicture() {
    bringUpToDate();
    QGuiApplication::clipboard()->setImage(m_view->image(exportSize(), kExportScale));
    emit said(tr("Copied the chart '%1' as a picture.").arg(m_kind.title));
}

void ChartPanel::copyData() {
    bringUpToDate();
    QGuiApplication::clipboard()->setText(QString::fromStdString(chartCsv(m_view->chart())));
    emit said(tr("Copied the numbers of '%1'.").arg(m_kind.title));
}

void ChartPanel::exportChart() {
    const QString name = QFileDialog::getSaveFileName(this, tr("Export '%1'").arg(m_kind.title), m_kind.id + QStringLiteral(".png"),
                                                      tr("Picture (*.png);;Drawing (*.svg);;Numbers (*.csv)"));
    if (name.isEmpty()) return;
    bringUpToDate();
    const std::filesystem::path path = name.toStdString();
    const QString ending = QFileInfo(name).suffix().toLower();
    Status written;
    if (ending == QLatin1String("png")) {
        written = m_view->savePng(path, exportSize(), kExportScale);
    } else if (ending == QLatin1String("svg")) {
        written = m_view->saveSvg(path, exportSize());
    } else if (ending == QLatin1String("csv")) {
        auto file = AtomicFile::create(path);
        written = file.ok() ? file->write(chartCsv(m_view->chart())) : Status(file.error());
        if (written.ok()) written = file->commit();
    } else {
        written = Status(ErrorCode::InvalidArgument,
                         tr("the name should end in .png, .svg or .csv, found '%1'").arg(QFileInfo(name).fileName()).toStdString());
    }
    if (written.ok())
        emit said(tr("Wrote %1.").arg(QFileInfo(name).fileName()));
    else
        emit failed(written.error());
}

QVariantMap ChartPanel::state() const {
    QVariantMap state{{QStringLiteral("table"), m_tableButton->isChecked()}, {QStringLiteral("allImages"), m_allImages->isChecked()}};
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
