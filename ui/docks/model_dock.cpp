// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/docks/model_dock.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QVBoxLayout>
#include <algorithm>

#include "engine/core/system_memory.h"
#include "ui/icons.h"
#include "ui/session/sentences.h"
#include "ui/widgets/block_schematic.h"
#include "ui/widgets/column_scroll.h"
#include "ui/widgets/model_card.h"

namespace moescope {

ModelDock::ModelDock(QWidget* parent) : QDockWidget(tr("Model"), parent) {
    setObjectName("ModelDock");
    auto* outer = new QWidget(this);
    auto* content = new QWidget;
    m_card = new ModelCard(content);
    m_blocksTitle = new QLabel(content);
    m_blocksTitle->setWordWrap(true);
    m_schematic = new BlockSchematic(content);
    auto* column = m_column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    column->addWidget(m_card);
    column->addWidget(m_blocksTitle);
    column->addWidget(m_schematic);
    column->addStretch(1);
    auto* scroll = new ColumnScroll(outer);
    scroll->setWidget(content);

    m_stateText = new QLabel(outer);
    m_stateText->setObjectName("modelState");
    m_stateText->setWordWrap(true);
    m_progress = new QProgressBar(outer);
    m_progress->setRange(0, 1000);
    m_progress->setFormat(tr("reading weights: %p %"));
    m_progress->setAccessibleName(tr("Reading weights"));
    m_open = new QPushButton(themedIcon("open"), tr("Open..."), outer);
    m_open->setObjectName("openModel");
    m_open->setToolTip(tr("Open another model: a file, a folder, or one found on this machine"));
    m_unload = new QPushButton(tr("Unload"), outer);
    m_unload->setObjectName("unloadModel");
    m_unload->setToolTip(tr("Give the memory of the weights back; they are loaded again when a job needs them"));
    m_retry = new QPushButton(themedIcon("reset"), tr("Try Again"), outer);
    m_retry->setObjectName("retryModel");
    m_retry->setToolTip(tr("Open this model again"));

    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_open);
    buttons->addWidget(m_unload);
    buttons->addWidget(m_retry);
    buttons->addStretch(1);
    m_device = new QComboBox(outer);
    m_device->setObjectName("device");
    m_device->setAccessibleName(tr("Device"));
    m_device->setToolTip(tr("What the models run on. Automatic: the GPU if there is one and the model fits into its memory, else the CPU. Another "
                            "choice loads the model again."));
    m_device->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    auto* deviceTitle = new QLabel(tr("&Device"), outer);
    deviceTitle->setBuddy(m_device);
    deviceTitle->setToolTip(m_device->toolTip());
    m_deviceNote = new QLabel(outer);
    m_deviceNote->setObjectName("deviceNote");
    m_deviceNote->setWordWrap(true);
    m_deviceNote->setTextFormat(Qt::PlainText);
    auto* deviceRow = new QHBoxLayout;
    deviceRow->addWidget(deviceTitle);
    deviceRow->addWidget(m_device, 1);
    auto* foot = new QVBoxLayout;
    foot->setContentsMargins(8, 4, 8, 8);
    foot->addLayout(deviceRow);
    foot->addWidget(m_deviceNote);
    foot->addWidget(m_stateText);
    foot->addWidget(m_progress);
    foot->addLayout(buttons);
    auto* all = new QVBoxLayout(outer);
    all->setContentsMargins(0, 0, 0, 0);
    all->setSpacing(0);
    all->addWidget(scroll, 1);
    all->addLayout(foot);
    setWidget(outer);

    connect(m_device, &QComboBox::activated, this,
            [this] { emit deviceRequested(static_cast<DeviceChoice>(m_device->currentData().toInt())); });
    connect(m_open, &QPushButton::clicked, this, &ModelDock::openRequested);
    connect(m_unload, &QPushButton::clicked, this, &ModelDock::unloadRequested);
    connect(m_retry, &QPushButton::clicked, this, [this] {
        if (m_model) emit orderRequested(m_model->order);
    });
    connect(m_card, &ModelCard::orderRequested, this, &ModelDock::orderRequested);
    connect(m_schematic, &BlockSchematic::layerChosen, this, &ModelDock::layerChosen);
    setDevices({}, DeviceChoice::Auto, {});
    setModel(nullptr);
}

void ModelDock::setDevices(const std::vector<DeviceOffer>& offers, DeviceChoice chosen, const std::string& note) {
    m_device->clear();
    m_device->addItem(tr("automatic"), int(DeviceChoice::Auto));
    m_device->addItem(tr("CPU"), int(DeviceChoice::Cpu));
    QString line = note.empty() ? QString() : sentenceOf(note);
    m_gpuMemory = -1;
    for (const DeviceOffer& offer : offers) {
        if (offer.device == DeviceChoice::Cpu) continue;
        if (offer.offered()) m_device->addItem(QString::fromStdString(offer.description), int(offer.device));
        else if (line.isEmpty()) line = sentenceOf(offer.reason);
        if (offer.memory && chosen != DeviceChoice::Cpu) m_gpuMemory = std::max(m_gpuMemory, offer.memory->free);
    }
    m_device->setCurrentIndex(std::max(0, m_device->findData(int(chosen))));
    // What was looked for where is long: it is said under the pointer.
    static const QRegularExpression aside(QStringLiteral(" \\([^()]*\\)"));
    m_deviceNote->setToolTip(line.contains(aside) ? line : QString());
    m_deviceNote->setText(QString(line).remove(aside));
    m_deviceNote->setVisible(!line.isEmpty());
}

void ModelDock::addPart(QWidget* part) { m_column->insertWidget(1, part); }

void ModelDock::setModel(const OpenModelPtr& model) {
    m_model = model;
    m_failure.clear();
    m_card->setModel(model, std::max(m_gpuMemory, availableMemory()));
    if (model)
        m_schematic->setModel(model->description());
    else
        m_schematic->clear();
    // The networks of a mixture have blocks of their own, which no single row can show.
    const bool blocks = model && model->description().networks.empty();
    m_schematic->setVisible(blocks);
    m_blocksTitle->setVisible(blocks);
    if (model)
        m_blocksTitle->setText(m_schematic->layerCount() > 0
                                   ? tr("Blocks, from the noise to the picture. Coloured: with experts and how many; click one to look at it.")
                                   : tr("Blocks, from the noise to the picture. None has experts, so there is no routing to look at."));
    showState();
}

void ModelDock::setState(ModelState state, const QString& sentence) {
    m_state = state;
    m_sentence = sentenceOf(sentence.toStdString());
    if (state != ModelState::Failed) m_failure.clear();
    if (state == ModelState::Loading) m_progress->setValue(0);
    showState();
}

void ModelDock::setProgress(double share) { m_progress->setValue(static_cast<int>(share * 1000)); }

void ModelDock::setChosenLayer(int layer) { m_schematic->setChosen(layer < m_schematic->layerCount() ? layer : -1); }

void ModelDock::showFailure(const QString& sentence) {
    m_failure = sentenceOf(sentence.toStdString());
    showState();
}

void ModelDock::showState() {
    const bool runs = m_model && m_model->checkpoint->runnable().ok();
    QString text = m_failure;
    if (text.isEmpty()) {
        switch (m_state) {
            case ModelState::None:
                text = !m_model ? QString() : runs ? tr("The weights are not in memory; the next job loads them.") : tr("It can not run as it is; see above.");
                break;
            case ModelState::Loading: text = tr("Loading the weights."); break;
            case ModelState::Ready: text = tr("Ready."); break;
            case ModelState::Failed: text = tr("The model could not be loaded."); break;
        }
        if (!m_sentence.isEmpty() && m_state != ModelState::Ready) text = m_sentence;
    }
    m_stateText->setText(text);
    m_stateText->setVisible(!text.isEmpty());
    m_progress->setVisible(m_state == ModelState::Loading);
    m_unload->setVisible(m_state == ModelState::Ready);
    m_retry->setVisible(m_state == ModelState::Failed && m_model);
}

}  // namespace moescope
