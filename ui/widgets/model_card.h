// SPDX-License-Identifier: GPL-3.0-or-later
// What a model is, in a person's words: facts, what is missing, and the choices that its files leave open.
#pragma once

#include <QWidget>

#include "ui/session/model_words.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QVBoxLayout;

namespace moescope {

class ModelCard : public QWidget {
    Q_OBJECT
public:
    explicit ModelCard(QWidget* parent = nullptr);

    /// `available`: bytes of free memory, which the card is held against.
    void setModel(const OpenModelPtr& model, int64_t available);
    /// Every sentence that the card shows, one a line.
    QString text() const { return m_text; }

signals:
    /// The person chose another weight set, storage, VAE or gave settings: the model is to be opened again like that.
    void orderRequested(const moescope::ModelOrder& order);

private:
    void showFacts(int64_t available);
    void showRemarks(int64_t available);
    void showChoices();
    void showSettingFields();
    void applySettings();
    void chooseVae();

    OpenModelPtr m_model;
    QString m_text;
    QLabel *m_name, *m_what;
    QVBoxLayout* m_column;
    QWidget* m_body = nullptr;  // remade with every model
    QVBoxLayout* m_bodyColumn = nullptr;
    QVector<SettingField> m_fields;
    QVector<QLineEdit*> m_fieldTexts;
};

}  // namespace moescope
