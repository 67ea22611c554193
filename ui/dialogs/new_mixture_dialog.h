// SPDX-License-Identifier: GPL-3.0-or-later
// Puts a mixture of networks together: which checkpoints, who chooses among them, how many at a time; writes the
// ensemble file.
#pragma once

#include <QDialog>
#include <filesystem>

#include "ui/session/latest_task.h"
#include "ui/session/mixture_draft.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QTableWidget;

namespace moescope {

class NewMixtureDialog : public QDialog {
    Q_OBJECT
public:
    enum Column { Name, File, Words, From, To, Columns };

    /// `folder`: where checkpoints and the file are looked for first.
    explicit NewMixtureDialog(const QString& folder, QWidget* parent = nullptr);

    void addNetworks(const QStringList& files);
    MixtureDraft draft() const;
    /// Checks and writes in the background; `created` or a sentence follows.
    void writeTo(const std::filesystem::path& path);
    QString problem() const;

signals:
    void created(const QString& path);  // the dialog is closed then

private:
    void chooseNetworks();
    void chooseFile();
    void showRouter();
    void showState();

    QString m_folder;
    QLineEdit* m_name;
    QTableWidget* m_table;
    QComboBox* m_router;
    QSpinBox* m_topK;
    QLabel *m_about, *m_problem;
    QPushButton *m_remove, *m_write;
    std::filesystem::path m_path;  // that is being written
    LatestTask<Status> m_task;
};

}  // namespace moescope
