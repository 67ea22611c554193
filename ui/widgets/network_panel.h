// SPDX-License-Identifier: GPL-3.0-or-later
// The networks of an open mixture: what each is, and for the next runs which are left out, always chosen, or weighted
// by hand.
#pragma once

#include <QWidget>

#include "ui/session/generate_state.h"

class QCheckBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableWidget;
class QTableWidgetItem;

namespace moescope {

/// Edits the network edits of a GenerateState, which outlives it. Hides itself where the open model is a single
/// network.
class NetworkPanel : public QWidget {
    Q_OBJECT
public:
    enum Column { Name, Size, Leave, Always, Weight, Columns };

    explicit NetworkPanel(GenerateState& state, QWidget* parent = nullptr);

    /// How many networks are listed; 0: hidden.
    int count() const;

private:
    void fillRows();
    void showEdits();
    void takeChecks(QTableWidgetItem* item);
    void takeWeights();
    void edit(const std::function<void(NetworkEdits&)>& change);

    GenerateState& m_state;
    QLabel* m_about;
    QTableWidget* m_table;
    QSpinBox* m_topK;
    QCheckBox* m_byHand;
    QPushButton* m_reset;
    bool m_showing = false;
};

}  // namespace moescope
