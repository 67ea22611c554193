// SPDX-License-Identifier: GPL-3.0-or-later
// The searchable list of classes and its dialog.
#include "ui/models/class_list_model.h"

#include <QAbstractItemModelTester>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTest>

#include "tests/ui/model_fixture.h"
#include "ui/dialogs/class_picker.h"

using namespace moescope;

class ClassListModelTest : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { m_emoji = test::emojiModel(); }
    void anEmptyQueryShowsAllInOrder();
    void namesKeywordsGroupsAndNumbersAreFound();
    void classesWithoutNamesAreFoundByNumber();
    void theModelIsConsistent();
    void typingAndEnterChooseTheBestFit();
    void arrowsWalkTheListFromTheSearchLine();
    void aRandomClassIsOneOfThoseShown();
    void nothingFoundIsSaid();

private:
    OpenModelPtr m_emoji;
};

void ClassListModelTest::anEmptyQueryShowsAllInOrder() {
    ClassListModel model;
    model.setClasses(m_emoji->labels, 256);
    QCOMPARE(model.rowCount(), 256);
    for (int row = 0; row < 256; ++row) QCOMPARE(model.classAt(row), row);
    QCOMPARE(model.classAt(256), -1);
    QVERIFY(model.index(1, ClassListModel::Name).data().toString().endsWith("face with tears of joy"));
    QVERIFY(model.index(1, ClassListModel::Keywords).data().toString().contains("laugh"));
    QCOMPARE(model.index(1, ClassListModel::Group).data().toString(), QString("face"));
}

void ClassListModelTest::namesKeywordsGroupsAndNumbersAreFound() {
    ClassListModel model;
    model.setClasses(m_emoji->labels, 256);
    model.setQuery("red heart");
    QCOMPARE(model.classAt(0), *m_emoji->labels->byName("red heart"));
    model.setQuery("laugh");
    QVERIFY(model.rowOf(1) >= 0);
    model.setQuery("face");
    for (const ClassLabel& label : m_emoji->labels->classes())
        if (label.group == "face") QVERIFY2(model.rowOf(label.index) >= 0, label.name.c_str());
    model.setQuery("25");
    QCOMPARE(model.classAt(0), 25);
    QVERIFY(model.rowOf(250) >= 0);
    QCOMPARE(model.rowOf(26), -1);
}

void ClassListModelTest::classesWithoutNamesAreFoundByNumber() {
    ClassListModel model;
    model.setClasses(nullptr, 10);
    QCOMPARE(model.rowCount(), 10);
    QCOMPARE(model.columnCount(), 1);
    model.setQuery("7");
    QCOMPARE(model.rowCount(), 1);
    QCOMPARE(model.classAt(0), 7);
    model.setQuery("11");
    QCOMPARE(model.rowCount(), 0);
    model.setQuery("cat");
    QCOMPARE(model.rowCount(), 0);
}

void ClassListModelTest::theModelIsConsistent() {
    ClassListModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setClasses(m_emoji->labels, 256);
    for (const char* query : {"heart", "zzzz", "", "3", "face"}) model.setQuery(query);
    model.setClasses(nullptr, 10);
    model.setClasses(nullptr, 0);
}

void ClassListModelTest::typingAndEnterChooseTheBestFit() {
    ClassPicker picker(m_emoji, -1);
    picker.show();
    QCOMPARE(picker.chosenClass(), -1);
    auto* search = picker.findChild<QLineEdit*>();
    QTest::keyClicks(search, "pizza");
    QCOMPARE(picker.chosenName(), QString("pizza"));
    QTest::keyClick(search, Qt::Key_Return);
    QCOMPARE(picker.result(), int(QDialog::Accepted));
    QCOMPARE(picker.chosenClass(), *m_emoji->labels->byName("pizza"));
}

void ClassListModelTest::arrowsWalkTheListFromTheSearchLine() {
    ClassPicker picker(m_emoji, 5);
    picker.show();
    QCOMPARE(picker.chosenClass(), 5);
    auto* search = picker.findChild<QLineEdit*>();
    QTest::keyClick(search, Qt::Key_Down);
    QCOMPARE(picker.chosenClass(), 6);
    QTest::keyClick(search, Qt::Key_Up);
    QTest::keyClick(search, Qt::Key_Up);
    QCOMPARE(picker.chosenClass(), 4);
}

void ClassListModelTest::aRandomClassIsOneOfThoseShown() {
    ClassPicker picker(m_emoji, -1);
    picker.show();
    QTest::keyClicks(picker.findChild<QLineEdit*>(), "heart");
    auto* model = picker.findChild<ClassListModel*>();
    for (int i = 0; i < 20; ++i) {
        picker.findChild<QPushButton*>("randomClass")->click();
        QVERIFY(model->rowOf(picker.chosenClass()) >= 0);
    }
}

void ClassListModelTest::nothingFoundIsSaid() {
    ClassPicker picker(m_emoji, 3);
    picker.show();
    auto* search = picker.findChild<QLineEdit*>();
    search->setText("qqqqqqqq");
    QCOMPARE(picker.chosenClass(), -1);
    QVERIFY(picker.findChild<QLabel*>()->text().contains("No class fits"));
}

QTEST_MAIN(ClassListModelTest)
#include "class_list_model_test.moc"
