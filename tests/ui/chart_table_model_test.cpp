// SPDX-License-Identifier: GPL-3.0-or-later
// The table twin of a chart under Qt's own checks of models.
#include "ui/models/chart_table_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

using namespace moescope;

class ChartTableModelTest : public QObject {
    Q_OBJECT
private slots:
    void changesNumbersInPlaceAndShapesByReset() {
        ChartTableModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QCOMPARE(model.rowCount(), 0);
        model.setTable({{"layer", "0", "1"}, {{"0 (block 1)", "3", "5"}, {"1 (block 3)", "4"}}});
        QCOMPARE(model.rowCount(), 2);
        QCOMPARE(model.columnCount(), 3);
        QCOMPARE(model.headerData(2, Qt::Horizontal, Qt::DisplayRole).toString(), QString("1"));
        QCOMPARE(model.index(0, 2).data().toString(), QString("5"));
        QCOMPARE(model.index(1, 2).data().toString(), QString());  // a cell without data

        QSignalSpy resets(&model, &QAbstractItemModel::modelReset), changes(&model, &QAbstractItemModel::dataChanged);
        model.setTable({{"layer", "0", "1"}, {{"0 (block 1)", "7", "5"}, {"1 (block 3)", "4", "2"}}});
        QCOMPARE(resets.count(), 0);
        QCOMPARE(changes.count(), 1);
        QCOMPARE(model.index(0, 1).data().toString(), QString("7"));
        model.setTable({{"layer", "0"}, {{"0 (block 1)", "7"}}});
        QCOMPARE(resets.count(), 1);
        QCOMPARE(model.columnCount(), 2);
    }
};

QTEST_GUILESS_MAIN(ChartTableModelTest)
#include "chart_table_model_test.moc"
