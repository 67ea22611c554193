// SPDX-License-Identifier: GPL-3.0-or-later
// The table twin of a chart: the same numbers for eyes, screen readers and spreadsheets.
#pragma once

#include <QAbstractTableModel>

#include "viz/charts/chart_spec.h"

namespace moescope {

class ChartTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    using QAbstractTableModel::QAbstractTableModel;

    void setTable(ChartTable table);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    ChartTable m_table;
};

}  // namespace moescope
