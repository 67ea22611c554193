// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing a class from the list of all.
#pragma once

#include <QDialog>

#include "ui/session/open_model.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;

namespace moescope {

class ClassListModel;

class ClassPicker : public QDialog {
    Q_OBJECT
public:
    /// `chosen`: the class that is marked at first, -1 for none.
    ClassPicker(const OpenModelPtr& model, int chosen, QWidget* parent = nullptr);

    int chosenClass() const;    // -1: none
    QString chosenName() const; // empty where classes have no names
    /// Marks a class by chance.
    void chooseRandom();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void search(const QString& query);
    void mark(int row);
    void tellCount();

    ClassListModel* m_classes;
    QLineEdit* m_search;
    QTableView* m_table;
    QLabel* m_count;
    QPushButton* m_choose;
};

}  // namespace moescope
