// SPDX-License-Identifier: GPL-3.0-or-later
// What is set once for all runs; every change is in force, or stored for the next start, at once.
#pragma once

#include <QDialog>
#include <QString>

#include "ui/session/preferences.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace moescope {

/// What the dialog shows beside the preferences.
struct PreferenceSurroundings {
    QString historyFolder;
    qint64 historyBytes = 0;  // used now
};

/// `store` outlives the dialog.
class PreferencesDialog : public QDialog {
    Q_OBJECT
public:
    PreferencesDialog(PreferenceStore& store, const PreferenceSurroundings& surroundings, QWidget* parent = nullptr);

    void setHistoryBytes(qint64 bytes);
    void restoreDefaults();

private:
    void build(const PreferenceSurroundings& surroundings);
    void fill(const Preferences& preferences);
    Preferences fields() const;
    void take();
    void choosePictureFolder();

    PreferenceStore& m_store;
    bool m_showing = false;
    qint64 m_historyBytes = 0;
    QComboBox *m_theme = nullptr, *m_language = nullptr, *m_storage = nullptr, *m_capture = nullptr;
    QSpinBox* m_threads = nullptr;
    QDoubleSpinBox* m_quota = nullptr;  // GB
    QLabel *m_historyUse = nullptr, *m_restart = nullptr;
    QCheckBox* m_carry = nullptr;
    QLineEdit* m_folder = nullptr;
    QPushButton* m_defaults = nullptr;
};

}  // namespace moescope
