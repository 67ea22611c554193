// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing a model: the built-in one, one of before, one found on this machine, or any file or folder.
#pragma once

#include <QDialog>
#include <QTimer>

#include "engine/model/companion_files.h"
#include "ui/session/latest_task.h"
#include "ui/session/model_scan.h"
#include "ui/session/recent_models.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTreeWidget;
class QTreeWidgetItem;

namespace moescope {

class OpenModelDialog : public QDialog {
    Q_OBJECT
public:
    /// `current`: what is open now, which is marked at first. `cache` is searched at once, headers only.
    OpenModelDialog(RecentModels recent, const ModelOrder& current, QWidget* parent = nullptr,
                    const std::filesystem::path& cache = huggingFaceCache());
    ~OpenModelDialog() override;

    /// What the person asks to open.
    ModelOrder order() const;
    /// The list without the entries that were removed here.
    const RecentModels& recent() const { return m_recent; }
    /// Searches another folder, as its button does.
    void searchFolder(const std::filesystem::path& folder);
    void accept() override;

private:
    void layOut();
    QTreeWidgetItem* addGroup(const QString& title);
    QTreeWidgetItem* addModel(QTreeWidgetItem* group, const QString& name, const std::filesystem::path& path);
    void fillRecent();
    void addFound(QTreeWidgetItem* group, const FoundModel& model);
    void startScan(ModelScan& scan, QTreeWidgetItem* group, const std::filesystem::path& folder);
    void endScan(QTreeWidgetItem* group, const std::filesystem::path& folder, bool stopped);
    void takeChosen();
    void takePath(const QString& text);
    void removeChosen();
    void inspectSoon();
    void showInspected(const FoundModel& model);
    void browse(bool folder);
    void chooseVae();
    void showWhatIsPossible();

    RecentModels m_recent;
    ModelOrder m_current;
    std::string m_builtIn;  // id of the built-in model that is chosen; empty: none is
    FoundModel m_inspected;
    QTimer m_inspectSoon;
    ModelScan m_cacheScan, m_folderScan;
    LatestTask<FoundModel> m_inspecting;

    QTreeWidget* m_tree;
    QTreeWidgetItem *m_recentGroup = nullptr, *m_cacheGroup = nullptr, *m_folderGroup = nullptr;
    QLineEdit *m_path, *m_vae;
    QPushButton *m_stop, *m_remove, *m_open;
    QLabel* m_details;
    QComboBox* m_storage;
    QWidget* m_vaeRow;
    QLabel* m_vaeTitle;
};

}  // namespace moescope
