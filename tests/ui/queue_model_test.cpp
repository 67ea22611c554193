// SPDX-License-Identifier: GPL-3.0-or-later
// The list of jobs: kept up to date row by row, reordered on request.
#include "ui/models/queue_model.h"

#include <QAbstractItemModelTester>
#include <QAction>
#include <QListView>
#include <QMimeData>
#include <QSignalSpy>
#include <QTest>

#include "ui/docks/queue_dock.h"

using namespace moescope;

class QueueModelTest : public QObject {
    Q_OBJECT
private slots:
    void updatesMoveInsertAndRemoveWithoutAReset();
    void anyOrderIsReachedRowByRow();
    void progressIsToldInWords();
    void aDropAsksForAPlaceAmongTheWaiting_data();
    void aDropAsksForAPlaceAmongTheWaiting();
    void theRunningJobStaysInFront();
    void keysReorderAndRemove();
    void theChosenJobStaysChosenWhileOthersCome();

private:
    static JobInfo job(RunId id, JobState state = JobState::Waiting) { return {id, state, QString("job %1").arg(id), {}, 0, 0}; }
    static QVector<JobInfo> jobs(std::initializer_list<int> ids) {
        QVector<JobInfo> list;
        for (int id : ids) list.append(job(static_cast<RunId>(id), list.isEmpty() ? JobState::Running : JobState::Waiting));
        return list;
    }
    static QVector<int> idsOf(const QueueModel& model) {
        QVector<int> ids;
        for (const JobInfo& info : model.jobs()) ids.append(static_cast<int>(info.id));
        return ids;
    }
};

void QueueModelTest::updatesMoveInsertAndRemoveWithoutAReset() {
    QueueModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy reset(&model, &QAbstractItemModel::modelReset), moved(&model, &QAbstractItemModel::rowsMoved);
    QSignalSpy inserted(&model, &QAbstractItemModel::rowsInserted), removed(&model, &QAbstractItemModel::rowsRemoved);
    model.setJobs(jobs({1, 2, 3, 4}));
    QCOMPARE(inserted.count(), 4);
    model.setJobs(jobs({1, 4, 2, 3}));
    QCOMPARE(moved.count(), 1);
    model.setJobs(jobs({4, 2, 3}));  // 1 is finished, 4 runs
    QCOMPARE(removed.count(), 1);
    QCOMPARE(inserted.count(), 4);
    QVERIFY(model.index(0).data(QueueModel::RunningRole).toBool());
    model.setJobs({});
    QCOMPARE(model.rowCount(), 0);
    QCOMPARE(reset.count(), 0);
}

void QueueModelTest::anyOrderIsReachedRowByRow() {
    QueueModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    for (const auto& ids : {QVector<int>{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}, {9, 3, 8, 1}, {1, 8, 3, 9, 2}, {7}, {}, {2, 1}}) {
        QVector<JobInfo> list;
        for (int id : ids) list.append(job(static_cast<RunId>(id)));
        model.setJobs(list);
        QCOMPARE(idsOf(model), ids);
    }
}

void QueueModelTest::progressIsToldInWords() {
    QueueModel model;
    model.setJobs(jobs({1, 2, 3}));
    QCOMPARE(model.index(0).data(QueueModel::StatusRole).toString(), QString("starting"));
    QCOMPARE(model.index(1).data(QueueModel::StatusRole).toString(), QString("next"));
    QCOMPARE(model.index(2).data(QueueModel::StatusRole).toString(), QString("number 2 in line"));
    model.setProgress({1, 1, 49, 0.25, -1});
    QCOMPARE(model.index(0).data(QueueModel::StatusRole).toString(), QString("evaluation 1 of 49, 0.25 s each"));
    model.setProgress({1, 12, 49, 0.25, 68});
    QCOMPARE(model.index(0).data(QueueModel::StatusRole).toString(), QString("evaluation 12 of 49, 0.25 s each, 1 min 8 s left"));
    model.setProgress({99, 1, 2, 1, 1});  // a job that is gone
    QCOMPARE(model.index(0).data(QueueModel::DoneRole).toInt(), 12);
    QCOMPARE(timeText(0.0421), QString("0.042 s"));
    QCOMPARE(timeText(3.14), QString("3.1 s"));
    QCOMPARE(timeText(7805), QString("2 h 10 min"));
}

void QueueModelTest::aDropAsksForAPlaceAmongTheWaiting_data() {
    // Rows: 1 runs; 2, 3, 4 wait at places 0, 1, 2.
    QTest::addColumn<int>("row");
    QTest::addColumn<int>("before");
    QTest::addColumn<int>("place");  // -1: nothing is asked
    QTest::newRow("last to the front") << 3 << 1 << 0;
    QTest::newRow("first to the end") << 1 << 4 << 2;
    QTest::newRow("first by one") << 1 << 3 << 1;
    QTest::newRow("where it is") << 2 << 2 << -1;
    QTest::newRow("behind itself") << 2 << 3 << -1;
    QTest::newRow("before the running one") << 2 << 0 << -1;
    QTest::newRow("below all") << 1 << -1 << 2;
}

void QueueModelTest::aDropAsksForAPlaceAmongTheWaiting() {
    QFETCH(int, row);
    QFETCH(int, before);
    QFETCH(int, place);
    QueueModel model;
    model.setJobs(jobs({1, 2, 3, 4}));
    QSignalSpy asked(&model, &QueueModel::moveRequested);
    const std::unique_ptr<QMimeData> data(model.mimeData({model.index(row)}));
    QVERIFY(!model.dropMimeData(data.get(), Qt::MoveAction, before, 0, {}));  // the view must not take the row away
    QCOMPARE(asked.count(), place < 0 ? 0 : 1);
    if (place >= 0) {
        QCOMPARE(asked[0][0].toULongLong(), qulonglong(row + 1));
        QCOMPARE(asked[0][1].toInt(), place);
    }
    QCOMPARE(idsOf(model), (QVector<int>{1, 2, 3, 4}));
}

void QueueModelTest::theRunningJobStaysInFront() {
    QueueModel model;
    model.setJobs(jobs({1, 2}));
    QVERIFY(!(model.flags(model.index(0)) & Qt::ItemIsDragEnabled));
    QVERIFY(model.flags(model.index(1)) & Qt::ItemIsDragEnabled);
    const std::unique_ptr<QMimeData> running(model.mimeData({model.index(0)}));
    QSignalSpy asked(&model, &QueueModel::moveRequested);
    model.dropMimeData(running.get(), Qt::MoveAction, 2, 0, {});
    QCOMPARE(asked.count(), 0);
}

void QueueModelTest::keysReorderAndRemove() {
    QueueDock dock;
    dock.setJobs(jobs({1, 2, 3, 4}));
    dock.show();
    dock.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&dock));
    auto* view = dock.findChild<QListView*>("jobs");
    view->setFocus();
    view->setCurrentIndex(dock.model().index(2));
    QSignalSpy moved(&dock, &QueueDock::moveRequested), removed(&dock, &QueueDock::removeRequested), cleared(&dock, &QueueDock::clearRequested);
    QTest::keyClick(view, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(moved.count(), 1);
    QCOMPARE(moved[0][0].toULongLong(), 3ull);
    QCOMPARE(moved[0][1].toInt(), 0);
    dock.setJobs(jobs({1, 3, 2, 4}));
    QTest::keyClick(view, Qt::Key_Up, Qt::AltModifier);  // the first of those that wait
    QCOMPARE(moved.count(), 1);
    QTest::keyClick(view, Qt::Key_Down, Qt::AltModifier);
    QCOMPARE(moved[1][1].toInt(), 1);
    QTest::keyClick(view, Qt::Key_Delete);
    QCOMPARE(removed[0][0].toULongLong(), 3ull);
    QTest::keyClick(view, Qt::Key_X, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(cleared.count(), 1);
    dock.setJobs(jobs({1}));
    QVERIFY(!dock.clearAction()->isEnabled());
    QVERIFY(!dock.removeAction()->isEnabled());  // the job that was chosen is gone
}

void QueueModelTest::theChosenJobStaysChosenWhileOthersCome() {
    QueueDock dock;
    dock.setJobs(jobs({1, 2, 3}));
    auto* view = dock.findChild<QListView*>("jobs");
    view->setCurrentIndex(dock.model().index(2));
    dock.setJobs(jobs({2, 5, 3, 6}));
    QCOMPARE(view->currentIndex().data(QueueModel::IdRole).toULongLong(), 3ull);
    QVERIFY(view->selectionModel()->isSelected(dock.model().index(2)));
}

QTEST_MAIN(QueueModelTest)
#include "queue_model_test.moc"
