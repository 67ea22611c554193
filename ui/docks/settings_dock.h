// SPDX-License-Identifier: GPL-3.0-or-later
// The panel of settings: steps, sampler, guidance, number of pictures; the rest one disclosure away.
#pragma once

#include <QDockWidget>
#include <QHash>
#include <functional>

#include "ui/session/generate_state.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QToolButton;

namespace moescope {

class IntervalBar;

/// Edits the settings of a GenerateState, which outlives it. Values that differ from the model's own have a bold label.
class SettingsDock : public QDockWidget {
    Q_OBJECT
public:
    explicit SettingsDock(GenerateState& state, QWidget* parent = nullptr);

    bool advancedShown() const;
    void showAdvanced(bool shown);
    /// What is out of range or does not fit, as shown; empty when all is well.
    QString warning() const;

private:
    void makeFields();
    void makeAdvanced();
    QLabel* addRow(QFormLayout* form, const QString& title, QWidget* field, const QString& tip);
    /// Changes the settings of now by `change`, unless fields are being filled by the program.
    void edit(const std::function<void(GenerateSettings&)>& change);
    void chooseRng(int index);
    void chooseRespacing();
    /// What the settings' model decides: which samplers there are, and which rows have a meaning.
    void showModelRows(const GenerateSettings& now);
    void showSettings();
    void showMemory();

    GenerateState& m_state;
    bool m_showing = false;
    QSpinBox *m_steps, *m_pictures;
    QComboBox* m_sampler;
    QDoubleSpinBox *m_guidance, *m_low, *m_high, *m_noiseScale, *m_tEps;
    IntervalBar* m_interval;
    QLabel *m_evaluations, *m_warning, *m_memory;
    QWidget* m_warningIcon;
    QToolButton* m_disclosure;
    QWidget* m_advanced;
    QComboBox *m_rng, *m_noiseBatch, *m_capture;
    QPushButton* m_defaults;
    QLabel *m_tEpsLabel = nullptr, *m_shiftLabel = nullptr, *m_etaLabel = nullptr, *m_respacingLabel = nullptr, *m_poolLabel = nullptr;
    QDoubleSpinBox *m_shift, *m_eta;
    QLineEdit* m_respacing;
    QComboBox* m_pool;
    QLabel* m_poolNote;
    /// Labels, and whether what they stand for equals the default.
    QVector<std::pair<QLabel*, std::function<bool(const GenerateSettings&, const GenerateSettings&)>>> m_labels;
};

}  // namespace moescope
