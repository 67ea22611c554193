// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/model_card.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/icons.h"
#include "ui/session/paths.h"
#include "ui/widgets/icon_label.h"

namespace moescope {
namespace {

QLabel* wrapped(const QString& text, QWidget* parent) {
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    // A long name of a tensor must not widen the panel.
    label->setMinimumWidth(label->fontMetrics().averageCharWidth() * 12);
    return label;
}

/// Names of tensors and paths may be broken after their dots and slashes.
QString breakable(QString text) {
    const QChar here(0x200B);
    for (const QChar c : {QLatin1Char('.'), QLatin1Char('/'), QLatin1Char('_')})
        text.replace(QString(c), QString(c) + here);
    return text;
}

}  // namespace

ModelCard::ModelCard(QWidget* parent) : QWidget(parent), m_name(new QLabel(this)), m_what(wrapped({}, this)), m_column(new QVBoxLayout(this)) {
    m_name->setObjectName("modelName");
    m_name->setTextFormat(Qt::PlainText);
    m_name->setWordWrap(true);
    QFont large = m_name->font();
    large.setBold(true);
    large.setPointSizeF(large.pointSizeF() * 1.25);
    m_name->setFont(large);
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->addWidget(m_name);
    m_column->addWidget(m_what);
}

void ModelCard::setModel(const OpenModelPtr& model, int64_t available) {
    m_model = model;
    m_text.clear();
    delete m_body;
    m_body = nullptr;
    m_fields.clear();
    m_fieldTexts.clear();
    if (!model) {
        m_name->setText(tr("No model is open"));
        m_what->setText(tr("Open one, or drop a checkpoint onto the window."));
        return;
    }
    m_name->setText(model->name);
    QString what = picturesText(model->description());
    what[0] = what[0].toUpper();
    m_what->setText(what);
    m_text = model->name + QLatin1Char('\n') + what + QLatin1Char('\n');
    m_body = new QWidget(this);
    m_bodyColumn = new QVBoxLayout(m_body);
    m_bodyColumn->setContentsMargins(0, 0, 0, 0);
    m_column->addWidget(m_body);
    showRemarks(available);
    showSettingFields();
    showFacts(available);
    showChoices();
    m_body->show();
}

void ModelCard::showFacts(int64_t available) {
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    for (const ModelFact& fact : factsOf(*m_model, available)) {
        auto* title = new QLabel(fact.title, m_body);
        title->setAlignment(Qt::AlignLeft | Qt::AlignTop);
        QColor faint = title->palette().color(QPalette::WindowText);
        faint.setAlphaF(0.75f);
        QPalette palette = title->palette();
        palette.setColor(QPalette::WindowText, faint);
        title->setPalette(palette);
        auto* text = wrapped(fact.text, m_body);
        title->setToolTip(fact.term);
        text->setToolTip(fact.term);
        text->setAccessibleName(fact.title + QStringLiteral(": ") + fact.text);
        form->addRow(title, text);
        m_text += fact.title + QStringLiteral(": ") + fact.text + QLatin1Char('\n');
    }
    m_bodyColumn->addLayout(form);
}

void ModelCard::showRemarks(int64_t available) {
    for (const ModelRemark& remark : remarksOn(*m_model, available)) {
        auto* row = new QHBoxLayout;
        if (remark.kind != ModelRemark::Kind::Note) {
            auto* icon = new IconLabel(themedIcon("warning"), m_body);
            icon->setAccessibleName(remark.kind == ModelRemark::Kind::Stops ? tr("It can not run") : tr("Warning"));
            row->addWidget(icon, 0, Qt::AlignTop);
        }
        auto* text = wrapped(breakable(remark.text), m_body);
        text->setToolTip(remark.detail);
        if (remark.kind == ModelRemark::Kind::Stops) {
            QFont bold = text->font();
            bold.setBold(true);
            text->setFont(bold);
        }
        row->addWidget(text, 1);
        m_bodyColumn->addLayout(row);
        m_text += remark.text + QLatin1Char('\n');
    }
}

void ModelCard::showSettingFields() {
    m_fields = settingFieldsOf(*m_model);
    if (m_fields.isEmpty()) return;
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    for (const SettingField& field : m_fields) {
        auto* line = new QLineEdit(field.value, m_body);
        line->setObjectName("setting-" + field.name);
        line->setAccessibleName(field.title);
        line->setToolTip(field.term);
        line->setPlaceholderText(tr("not known"));
        auto* label = new QLabel(field.title, m_body);
        label->setToolTip(field.term);
        label->setBuddy(line);
        connect(line, &QLineEdit::returnPressed, this, &ModelCard::applySettings);
        form->addRow(label, line);
        m_fieldTexts.append(line);
        m_text += field.title + QStringLiteral(": ") + field.value + QLatin1Char('\n');
    }
    m_bodyColumn->addLayout(form);
    auto* apply = new QPushButton(tr("Use These Values"), m_body);
    apply->setObjectName("applySettings");
    apply->setToolTip(tr("Opens the model again with these settings; they count more than what its files say"));
    connect(apply, &QPushButton::clicked, this, &ModelCard::applySettings);
    m_bodyColumn->addWidget(apply, 0, Qt::AlignLeft);
}

void ModelCard::applySettings() {
    QVector<SettingField> fields = m_fields;
    for (qsizetype i = 0; i < fields.size(); ++i) fields[i].value = m_fieldTexts[i]->text();
    ModelOrder order = m_model->order;
    order.settings = settingsFrom(fields);
    emit orderRequested(order);
}

void ModelCard::showChoices() {
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    const auto addCombo = [&](const QString& title, const QString& tip, QComboBox* combo) {
        combo->setAccessibleName(title);
        combo->setToolTip(tip);
        auto* label = new QLabel(title, m_body);
        label->setToolTip(tip);
        label->setBuddy(combo);
        form->addRow(label, combo);
    };
    if (m_model->checkpoint->weightSets().size() > 1) {
        auto* sets = new QComboBox(m_body);
        sets->setObjectName("weightSet");
        for (const WeightSet& set : m_model->checkpoint->weightSets())
            sets->addItem(tr("%1 (%2 tensors)").arg(QString::fromStdString(set.name)).arg(set.tensors), QString::fromStdString(set.name));
        sets->setCurrentIndex(sets->findData(QString::fromStdString(m_model->checkpoint->weightSet())));
        addCombo(tr("Use weights"), tr("Weight set: training files hold the raw weights and averages of them (EMA), which give better pictures."), sets);
        connect(sets, &QComboBox::activated, this, [this, sets] {
            ModelOrder order = m_model->order;
            order.weightSet = sets->currentData().toString().toStdString();
            if (order.weightSet != m_model->checkpoint->weightSet()) emit orderRequested(order);
        });
    }
    auto* storage = new QComboBox(m_body);
    storage->setObjectName("storage");
    storage->addItem(tr("f32, exact"), static_cast<int>(MS_F32));
    storage->addItem(tr("bf16, half the memory"), static_cast<int>(MS_BF16));
    storage->setCurrentIndex(m_model->order.storage == MS_BF16 ? 1 : 0);
    addCombo(tr("Keep as"), tr("How weights are kept in memory (dtype); arithmetic is fp32 in both. Pictures of bf16 weights differ slightly."), storage);
    connect(storage, &QComboBox::activated, this, [this, storage] {
        ModelOrder order = m_model->order;
        order.storage = storage->currentIndex() == 1 ? MS_BF16 : MS_F32;
        if (order.storage != m_model->order.storage) emit orderRequested(order);
    });
    m_bodyColumn->addLayout(form);
    if (m_model->description().space == PictureSpace::SdLatent) {
        auto* vae = new QPushButton(themedIcon("folder"), m_model->vae.empty() ? tr("Choose VAE...") : tr("Choose Another VAE..."), m_body);
        vae->setObjectName("chooseVae");
        vae->setToolTip(m_model->vae.empty() ? tr("A folder with config.json and diffusion_pytorch_model.safetensors") : textOf(m_model->vae));
        connect(vae, &QPushButton::clicked, this, &ModelCard::chooseVae);
        m_bodyColumn->addWidget(vae, 0, Qt::AlignLeft);
    }
}

void ModelCard::chooseVae() {
    const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder of the VAE"), textOf(m_model->vae));
    if (folder.isEmpty()) return;
    ModelOrder order = m_model->order;
    order.vae = pathOf(folder);
    emit orderRequested(order);
}

}  // namespace moescope
