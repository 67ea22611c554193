// SPDX-License-Identifier: GPL-3.0-or-later
// What a training run is made from: recipe, pictures, run folder, threads; what is known before it starts; and its
// buttons.
#pragma once

#include <QTimer>
#include <QWidget>

#include "ui/session/latest_task.h"
#include "ui/session/recipe_check.h"
#include "ui/session/training_session.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace moescope {

class RecipeEditor;

class TrainSetup : public QWidget {
    Q_OBJECT
public:
    explicit TrainSetup(std::filesystem::path resources, QWidget* parent = nullptr);

    /// `place`: folder that relative paths of the recipe begin in.
    void setRecipe(const QString& text, const std::filesystem::path& place);
    QString recipeText() const;
    const std::filesystem::path& recipePlace() const { return m_place; }
    const RecipeCheck& check();  // of the text of now
    /// What the run learns by: the recipe without mistakes, with the data of the field and everything at absolute places.
    Result<train::Recipe> wholeRecipe() const;

    void setData(const QString& folder);
    QString data() const;
    void setFolder(const QString& folder);
    QString folder() const;
    void setThreads(int threads);
    int threads() const;

    /// The run in the folder can go on after this step; -1: a new run begins.
    void setResumable(int64_t step, bool finished);
    void setState(TrainingState state);
    RecipeEditor& editor() { return *m_editor; }
    /// A sentence where the facts stand, and the focus on what it is about.
    void point(QWidget* at, const QString& sentence);
    QWidget* dataField();
    QWidget* folderField();

signals:
    void startRequested();
    void pauseRequested();
    void resumeRequested();
    void stopRequested();
    void saveRequested();
    void folderChanged(const QString& folder);  // by typing or choosing
    void openRunRequested();
    void helpRequested();
    void said(const QString& sentence);
    void failed(const moescope::EngineError& error);

private:
    void build();
    QWidget* recipeRow();
    QWidget* fields();
    QWidget* buttons();
    void chooseShipped(int index);
    void openRecipe();
    void saveRecipe();
    QString chosenFolder(const QString& title, const QString& before);
    void recheck();
    void plan();
    void takePlan(const Result<TrainingPlan>& plan);
    void showFault();

    const std::filesystem::path m_resources;
    std::vector<ShippedRecipe> m_shipped;
    std::filesystem::path m_place;
    RecipeCheck m_check;
    TrainingState m_state = TrainingState::Idle;
    QComboBox* m_recipes = nullptr;
    RecipeEditor* m_editor = nullptr;
    QLabel* m_fault = nullptr;
    QLineEdit* m_data = nullptr;
    QLineEdit* m_folder = nullptr;
    QSpinBox* m_threads = nullptr;
    QLabel* m_facts = nullptr;
    QPushButton* m_start = nullptr;
    QPushButton* m_open = nullptr;
    QPushButton* m_pause = nullptr;
    QPushButton* m_stop = nullptr;
    QPushButton* m_save = nullptr;
    std::vector<QWidget*> m_choosers;  // buttons that change what a run is made from
    QTimer m_typing, m_planning;
    LatestTask<Result<TrainingPlan>> m_planTask;
};

}  // namespace moescope
