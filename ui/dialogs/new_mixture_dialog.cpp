// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialogs/new_mixture_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

const QString kEnding = QStringLiteral(".moe.json");

/// File names of any encoding, as the system takes them.
std::filesystem::path pathOf(const QString& text) {
    return std::filesystem::path(text.toStdString());
}

QDoubleSpinBox* noiseBox(double value, const QString& name) {
    auto* box = new QDoubleSpinBox;
    box->setRange(0, 1);
    box->setSingleStep(0.05);
    box->setValue(value);
    box->setAccessibleName(name);
    return box;
}

}  // namespace

NewMixtureDialog::NewMixtureDialog(const QString& folder, QWidget* parent)
    : QDialog(parent), m_folder(folder), m_task([this](Status written) {
          if (written.ok()) {
              emit created(QString::fromStdString(m_path.string()));
              return accept();
          }
          m_problem->setText(sentenceOf(written.error()));
          showState();
      }) {
    setWindowTitle(tr("New mixture of networks"));
    m_name = new QLineEdit(this);
    m_name->setObjectName(QStringLiteral("mixtureName"));
    m_name->setPlaceholderText(tr("what people will call it"));
    m_table = new QTableWidget(0, Columns, this);
    m_table->setObjectName(QStringLiteral("mixtureNetworks"));
    m_table->setAccessibleName(tr("Networks of the mixture"));
    m_table->setHorizontalHeaderLabels(
        {tr("network"), tr("file"), tr("words that call for it"), tr("from noise"), tr("to noise")});
    m_table->horizontalHeaderItem(From)->setToolTip(
        tr("Share of noise at which it begins to work; 1 is the start of the run"));
    m_table->horizontalHeaderItem(To)->setToolTip(tr("Share of noise at which it stops; 0 is the finished picture"));
    m_table->verticalHeader()->hide();
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    m_table->horizontalHeader()->setStretchLastSection(true);
    auto* addButton = new QPushButton(tr("&Add checkpoints…"), this);
    addButton->setObjectName(QStringLiteral("addNetworks"));
    m_remove = new QPushButton(tr("&Remove"), this);
    m_remove->setToolTip(tr("Take the chosen networks out of the mixture; their files stay"));
    m_router = new QComboBox(this);
    m_router->setObjectName(QStringLiteral("mixtureRouter"));
    m_router->addItem(tr("the words of the prompt"), static_cast<int>(MixtureRouter::Words));
    m_router->addItem(tr("the noise level"), static_cast<int>(MixtureRouter::NoiseLevel));
    m_router->addItem(tr("nobody: all weigh the same"), static_cast<int>(MixtureRouter::Even));
    m_router->setToolTip(
        tr("Who chooses among the networks (router). One that learns from examples is fitted with moescope-cli "
           "ensemble fit."));
    m_topK = new QSpinBox(this);
    m_topK->setObjectName(QStringLiteral("mixtureTopK"));
    m_topK->setRange(1, 1);
    m_topK->setToolTip(tr("How many networks work on a picture at each evaluation (top-k); the others rest."));
    m_about = new QLabel(this);
    m_about->setWordWrap(true);
    m_problem = new QLabel(this);
    m_problem->setObjectName(QStringLiteral("mixtureProblem"));
    m_problem->setWordWrap(true);
    m_problem->setAccessibleName(tr("What is wrong with the mixture"));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
    m_write = buttons->addButton(tr("&Save and open…"), QDialogButtonBox::AcceptRole);
    m_write->setObjectName(QStringLiteral("writeMixture"));

    auto* sides = new QHBoxLayout;
    sides->addWidget(addButton);
    sides->addWidget(m_remove);
    sides->addStretch(1);
    auto* form = new QFormLayout;
    form->addRow(tr("&Name"), m_name);
    form->addRow(tr("&Chosen by"), m_router);
    form->addRow(tr("Networks per &picture"), m_topK);
    auto* column = new QVBoxLayout(this);
    column->addWidget(
        new QLabel(tr("Whole models that make pictures of one kind and size can work as one: at every evaluation a few "
                      "of them are chosen, "
                      "and their answers are blended.")));
    static_cast<QLabel*>(column->itemAt(0)->widget())->setWordWrap(true);
    column->addWidget(m_table, 1);
    column->addLayout(sides);
    column->addLayout(form);
    column->addWidget(m_about);
    column->addWidget(m_problem);
    column->addWidget(buttons);
    resize(fontMetrics().averageCharWidth() * 90, fontMetrics().height() * 30);

    connect(addButton, &QPushButton::clicked, this, &NewMixtureDialog::chooseNetworks);
    connect(m_remove, &QPushButton::clicked, this, [this] {
        for (int row = m_table->rowCount() - 1; row >= 0; --row)
            if (m_table->selectionModel()->isRowSelected(row)) m_table->removeRow(row);
        showState();
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &NewMixtureDialog::showState);
    connect(m_router, &QComboBox::currentIndexChanged, this, &NewMixtureDialog::showRouter);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_write, &QPushButton::clicked, this, &NewMixtureDialog::chooseFile);
    showRouter();
    showState();
}

void NewMixtureDialog::chooseNetworks() {
    const QStringList files = QFileDialog::getOpenFileNames(this, tr("Checkpoints of the networks"), m_folder,
                                                            tr("Models (*.safetensors *.pt *.pth);;All files (*)"));
    if (!files.isEmpty()) m_folder = QFileInfo(files.front()).absolutePath();
    addNetworks(files);
}

void NewMixtureDialog::addNetworks(const QStringList& files) {
    for (const QString& file : files) {
        const QString name = freeName(draft(), pathOf(file));
        const int row = m_table->rowCount();
        m_table->insertRow(row);
        m_table->setItem(row, Name, new QTableWidgetItem(name));
        auto* place = new QTableWidgetItem(QFileInfo(file).fileName());
        place->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
        place->setData(Qt::UserRole, file);
        place->setToolTip(file);
        m_table->setItem(row, File, place);
        m_table->setItem(row, Words, new QTableWidgetItem);
        m_table->setCellWidget(row, From, noiseBox(1, tr("Noise at which %1 begins").arg(name)));
        m_table->setCellWidget(row, To, noiseBox(0, tr("Noise at which %1 stops").arg(name)));
    }
    m_table->resizeColumnToContents(Name);
    m_table->resizeColumnToContents(File);
    showState();
}

MixtureDraft NewMixtureDialog::draft() const {
    MixtureDraft draft;
    draft.name = m_name->text();
    draft.router = static_cast<MixtureRouter>(m_router->currentData().toInt());
    draft.topK = m_topK->value();
    for (int row = 0; row < m_table->rowCount(); ++row)
        draft.networks.append(
            {m_table->item(row, Name)->text(), pathOf(m_table->item(row, File)->data(Qt::UserRole).toString()),
             m_table->item(row, Words)->text(), static_cast<QDoubleSpinBox*>(m_table->cellWidget(row, From))->value(),
             static_cast<QDoubleSpinBox*>(m_table->cellWidget(row, To))->value()});
    return draft;
}

void NewMixtureDialog::showRouter() {
    const auto router = static_cast<MixtureRouter>(m_router->currentData().toInt());
    m_table->setColumnHidden(Words, router != MixtureRouter::Words);
    m_table->setColumnHidden(From, router != MixtureRouter::NoiseLevel);
    m_table->setColumnHidden(To, router != MixtureRouter::NoiseLevel);
    switch (router) {
        case MixtureRouter::Words:
            m_about->setText(
                tr("A network is chosen where the prompt is like its words: write a few for each, such as “cat dog "
                   "horse”."));
            break;
        case MixtureRouter::NoiseLevel:
            m_about->setText(
                tr("Each network works in its part of the run: from much noise (1), where large shapes form, to little "
                   "(0), where details do."));
            break;
        case MixtureRouter::Even:
            m_about->setText(tr("The first networks of the list are chosen and weigh the same."));
            break;
    }
}

void NewMixtureDialog::showState() {
    const int rows = m_table->rowCount();
    m_topK->setMaximum(std::max(1, rows));
    m_remove->setEnabled(m_table->selectionModel()->hasSelection());
    m_write->setEnabled(rows >= 2 && !m_task.busy());
    m_problem->setVisible(!m_problem->text().isEmpty());
}

QString NewMixtureDialog::problem() const {
    return m_problem->text();
}

void NewMixtureDialog::chooseFile() {
    const QString stem = m_name->text().trimmed().isEmpty() ? tr("mixture") : m_name->text().trimmed();
    QString file =
        QFileDialog::getSaveFileName(this, tr("Save the mixture"), m_folder + QLatin1Char('/') + stem + kEnding,
                                     tr("Mixtures of networks (*.moe.json)"));
    if (file.isEmpty()) return;
    if (!file.endsWith(kEnding)) file += kEnding;
    writeTo(pathOf(file));
}

void NewMixtureDialog::writeTo(const std::filesystem::path& path) {
    m_problem->clear();
    m_path = path;
    m_task.submit([draft = draft(), path] { return writeMixture(draft, path); });
    showState();
}

}  // namespace moescope
