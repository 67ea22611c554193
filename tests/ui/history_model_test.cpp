// SPDX-License-Identifier: GPL-3.0-or-later
// History as a list: order, thumbnails, stars and filters, under Qt's own checks of models.
#include "ui/models/history_model.h"

#include <QAbstractItemModelTester>
#include <QIcon>
#include <QSignalSpy>
#include <QTest>

#include "tests/support/sample_run.h"
#include "tests/support/temporary_folder.h"

using namespace moescope;

class HistoryModelTest : public QObject {
    Q_OBJECT

    static RunViewPtr run(RunId id, const std::string& prompt) {
        auto record = std::make_shared<RunRecord>(test::sampleRun());
        record->parameters.prompt = prompt;
        record->pictures.assign(2, Picture{2, 2, std::vector<uint8_t>(12, static_cast<uint8_t>(100 + id))});
        return viewOf(record, id, RunState::Finished);
    }

private slots:
    void followsTheStoreAsRunsComeAndGo() {
        test::TemporaryFolder folder;
        HistoryStore store(folder.path() / "history", 1 << 30);
        HistoryModel model(store);
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        store.add(run(1, "cat"));
        store.add(run(2, "red heart"));
        QTRY_COMPARE(model.rowCount(), 2);
        QTRY_VERIFY(!store.writing());
        QCOMPARE(model.index(0).data().toString(), QString("red heart"));
        const auto green = [&](QIcon::Mode mode) {
            const QImage image = model.index(0).data(Qt::DecorationRole).value<QIcon>().pixmap(128, mode).toImage();
            return image.isNull() ? -1 : qGreen(image.pixel(5, 5));
        };
        QTRY_COMPARE(green(QIcon::Normal), 102);
        QCOMPARE(green(QIcon::Selected), 102);

        const QString key = model.index(1).data(HistoryModel::KeyRole).toString();
        store.setStarred(key, true);
        QTRY_VERIFY(model.index(model.rowOf(key)).data(HistoryModel::StarredRole).toBool());
        store.remove(model.index(0).data(HistoryModel::KeyRole).toString());
        QTRY_COMPARE(model.rowCount(), 1);
        QVERIFY(model.index(0).data().toString().contains("cat"));
    }

    void filtersByStarAndWords() {
        test::TemporaryFolder folder;
        HistoryStore store(folder.path() / "history", 1 << 30);
        HistoryModel model(store);
        HistoryFilter filter;
        filter.setSourceModel(&model);
        QAbstractItemModelTester tester(&filter, QAbstractItemModelTester::FailureReportingMode::QtTest);
        store.add(run(1, "cat"));
        store.add(run(2, "red heart"));
        QTRY_COMPARE(filter.rowCount(), 2);
        filter.setWords("HEART");
        QCOMPARE(filter.rowCount(), 1);
        filter.setWords("");
        filter.setStarredOnly(true);
        QCOMPARE(filter.rowCount(), 0);
        QTRY_VERIFY(!store.writing());
        store.setStarred(model.index(0).data(HistoryModel::KeyRole).toString(), true);
        QTRY_COMPARE(filter.rowCount(), 1);
    }
};

QTEST_MAIN(HistoryModelTest)
#include "history_model_test.moc"
