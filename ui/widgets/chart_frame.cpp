// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/chart_frame.h"

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
#include "ui/session/paths.h"
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

Status writeNumbers(const std::filesystem::path& path, const ChartSpec& chart) {
    auto file = AtomicFile::create(path);
    if (!file.ok()) return file.error();
    if (const Status written = file->write(chartCsv(chart)); !written.ok()) return written;
    return file->commit();
}

}  // namespace

ChartFrame::ChartFrame(const QString& id, const QStringList& choices, const QString& about, QWidget* parent)
    : QWidget(parent), m_id(id), m_choices(choices), m_task([this](ChartSpec chart) { take(std::move(chart)); }) {
    setObjectName(id);
    m_controls = new QWidget(this);
    auto* row = m_row = new QHBoxLayout(m_controls);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    if (choices.size() > 1) {
        m_choice = new QComboBox(this);
        m_choice->addItems(choices);
        m_choice->setAccessibleName(tr("Chart"));
        m_choice->setToolTip(about);
        m_choice->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        m_choice->setMinimumContentsLength(8);
        connect(m_choice, &QComboBox::currentIndexChanged, this, [this](int choice) {
            refresh();
            emit choiceChanged(choice);
        });
        row->addWidget(m_choice, 1);
    } else {
        row->addStretch(1);
    }
    m_tableButton = smallButton(QStringLiteral("table"), tr("Show as a table"), this);
    m_tableButton->setCheckable(true);
    connect(m_tableButton, &QToolButton::toggled, this, &ChartFrame::setTableShown);
    auto* copyButton =
        smallButton(QStringLiteral("copy"), tr("Copy the chart as a picture (the data: from the table or the menu)"), this);
    connect(copyButton, &QToolButton::clicked, this, &ChartFrame::copyPicture);
    auto* saveButton = smallButton(QStringLiteral("save"), tr("Export as PNG, SVG or CSV"), this);
    connect(saveButton, &QToolButton::clicked, this, &ChartFrame::exportChart);
    for (QToolButton* button : {m_tableButton, copyButton, saveButton}) row->addWidget(button);

    m_view = new ChartView(this);
    m_tableModel = new ChartTableModel(this);
    m_table = new QTableView(this);
    m_table->setModel(m_tableModel);
    m_table->setAccessibleName(tr("%1 as a table").arg(choices.value(0)));
    m_table->verticalHeader()->hide();
    m_pages = new QStackedWidget(this);
    m_pages->addWidget(m_view);
    m_pages->addWidget(m_table);

    auto* column = new QVBoxLayout(this);
    const int gap = fontMetrics().height() / 4;
    column->setContentsMargins(gap, gap, gap, gap);
    column->setSpacing(gap);
    column->addWidget(m_controls);
    column->addWidget(m_pages, 1);
    setFocusProxy(m_view);
}

ChartFrame::~ChartFrame() = default;

void ChartFrame::addControl(QWidget* control, int share) {
    m_row->insertWidget(m_added++, control, share);
    if (share > 0 && !m_choice) m_row->setStretch(m_added, 0);
}

void ChartFrame::addButton(QWidget* button) {
    m_row->insertWidget(m_row->indexOf(m_tableButton), button);
}

int ChartFrame::choice() const {
    return m_choice ? m_choice->currentIndex() : 0;
}

void ChartFrame::setChoice(int choice) {
    if (m_choice && choice >= 0 && choice < m_choice->count()) m_choice->setCurrentIndex(choice);
}

void ChartFrame::setMaker(std::function<std::function<ChartSpec()>(int)> maker) {
    m_maker = std::move(maker);
    refresh();
}

void ChartFrame::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (m_stale) refresh();
}

void ChartFrame::refresh() {
    m_stale = !isVisible();
    if (m_maker && !m_stale) m_task.submit(m_maker(choice()));
}

/// Before the chart leaves the program: what is drawn may be older.
void ChartFrame::bringUpToDate() {
    if (m_maker && (m_stale || m_task.busy())) m_view->setChart(m_maker(choice())());
}

QSize ChartFrame::exportSize() const {
    return m_view->size().expandedTo(m_view->sizeHint());
}

void ChartFrame::take(ChartSpec chart) {
    if (m_pages->currentWidget() == m_table) m_tableModel->setTable(tableOf(chart));
    m_view->setChart(std::move(chart));
    emit drawn();
}

bool ChartFrame::tableShown() const {
    return m_tableButton->isChecked();
}

void ChartFrame::setTableShown(bool shown) {
    const QSignalBlocker quiet(m_tableButton);
    m_tableButton->setChecked(shown);
    if (shown) m_tableModel->setTable(tableOf(m_view->chart()));
    m_pages->setCurrentWidget(shown ? static_cast<QWidget*>(m_table) : m_view);
}

void ChartFrame::copyPicture() {
    bringUpToDate();
    QGuiApplication::clipboard()->setImage(m_view->image(exportSize(), kExportScale));
    emit said(tr("Copied '%1' as a picture.").arg(m_choices.value(choice())));
}

void ChartFrame::copyData() {
    bringUpToDate();
    QGuiApplication::clipboard()->setText(QString::fromStdString(chartCsv(m_view->chart())));
    emit said(tr("Copied the numbers of '%1'.").arg(m_choices.value(choice())));
}

void ChartFrame::exportChart() {
    const QString name =
        QFileDialog::getSaveFileName(this, tr("Export '%1'").arg(m_choices.value(choice())), m_id + QStringLiteral(".png"),
                                     tr("Picture (*.png);;Drawing (*.svg);;Numbers (*.csv)"));
    if (!name.isEmpty()) exportTo(name);
}

void ChartFrame::exportTo(const QString& name) {
    bringUpToDate();
    const std::filesystem::path path = pathOf(name);
    const QString ending = QFileInfo(name).suffix().toLower();
    Status written(
        ErrorCode::InvalidArgument,
        tr("the name should end in .png, .svg or .csv, found '%1'").arg(QFileInfo(name).fileName()).toStdString());
    if (ending == QLatin1String("png")) written = m_view->savePng(path, exportSize(), kExportScale);
    if (ending == QLatin1String("svg")) written = m_view->saveSvg(path, exportSize());
    if (ending == QLatin1String("csv")) written = writeNumbers(path, m_view->chart());
    if (written.ok())
        emit said(tr("Wrote %1.").arg(QFileInfo(name).fileName()));
    else
        emit failed(written.error());
}

}  // namespace moescope
