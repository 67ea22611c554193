// SPDX-License-Identifier: GPL-3.0-or-later
// What a person sees when something went wrong, and what About says.
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QLabel>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPointer>
#include <QPushButton>
#include <QTest>
#include <QTextBrowser>

#include "ui/dialogs/about_dialog.h"
#include "ui/dialogs/error_box.h"
#include "ui/session/event_log.h"

namespace moescope {
namespace {

bool says(const QWidget& box, const QString& words) {
    for (const QLabel* label : box.findChildren<QLabel*>())
        if (label->text().contains(words) && !label->isHidden()) return true;
    return false;
}

QPushButton* buttonOf(const QWidget& box, const QString& text) {
    for (QPushButton* button : box.findChildren<QPushButton*>())
        if (button->text().remove(QLatin1Char('&')) == text) return button;
    return nullptr;
}

}  // namespace

class ErrorBoxTest : public QObject {
    Q_OBJECT
private slots:
    void aMessageThatIsEmptyStillSaysSomething() {
        QPointer<ErrorBox> box(showError(nullptr, QStringLiteral("Title"), {ErrorCode::Io, ""}));
        QVERIFY(says(*box, QStringLiteral("Something went wrong")));
        box->close();
        QTRY_VERIFY(box.isNull());
    }

    void itReturnsAtOnceAndSaysWhatHappenedAndWhatToDo() {
        QWidget window;
        window.show();
        ErrorBox* box = showError(&window, QStringLiteral("The session was not saved"), {ErrorCode::NoSpace, "the disk is full"});
        QVERIFY(box->isVisible());
        QCOMPARE(box->parentWidget(), &window);
        QCOMPARE(box->windowModality(), Qt::WindowModal);
        QVERIFY(says(*box, QStringLiteral("The session was not saved")));
        QVERIFY(says(*box, QStringLiteral("The disk is full.")));
        QVERIFY(says(*box, QStringLiteral("Make room")));
        QPointer<ErrorBox> gone(box);
        QTest::mouseClick(buttonOf(*box, QStringLiteral("Close")), Qt::LeftButton);
        QTRY_VERIFY(gone.isNull());
    }

    void aButtonDoesWhatItSaysAfterTheBoxIsClosed() {
        QWidget window;
        window.show();
        bool open = true;
        QPointer<ErrorBox> box;
        box = showError(&window, QStringLiteral("Title"), {ErrorCode::Io, "broken"}, nullptr,
                        {{QStringLiteral("Try again"), [&] { open = box && box->isVisible(); }}});
        QPushButton* button = buttonOf(*box, QStringLiteral("Try again"));
        QVERIFY(button->isDefault());
        QTest::mouseClick(button, Qt::LeftButton);
        QVERIFY(!open);
    }

    void detailsUnfoldAndAreCopiedWithTheLogWithoutTheHomeFolder() {
        EventLog log;
        for (int i = 0; i < 60; ++i) log.add(LogLevel::Info, QStringLiteral("line %1").arg(i));
        QWidget window;
        window.show();
        const std::string file = QDir::homePath().toStdString() + "/model.pt";
        ErrorBox* box = showError(&window, QStringLiteral("Title"), {ErrorCode::Format, "'" + file + "' is damaged"}, &log);
        auto* text = box->findChild<QPlainTextEdit*>();
        QVERIFY(!text->isVisible());
        QTest::mouseClick(box->findChild<QPushButton*>(QStringLiteral("toggleDetails")), Qt::LeftButton);
        QVERIFY(text->isVisible());
        QTest::mouseClick(box->findChild<QPushButton*>(QStringLiteral("copyDetails")), Qt::LeftButton);
        const QString copied = QApplication::clipboard()->text();
        QCOMPARE(copied, text->toPlainText());
        QVERIFY(copied.contains(QStringLiteral("'~/model.pt' is damaged")));
        QVERIFY(copied.contains(QStringLiteral("(format)")));
        QVERIFY(copied.contains(QStringLiteral("line 59")));
        QVERIFY(!copied.contains(QStringLiteral("line 19\n")));
        QTest::mouseClick(box->findChild<QPushButton*>(QStringLiteral("toggleDetails")), Qt::LeftButton);
        QVERIFY(!text->isVisible());
    }

    void theSameAgainIsCountedInsteadOfStacked() {
        QWidget window;
        window.show();
        const EngineError error{ErrorCode::Io, "broken"};
        ErrorBox* box = showError(&window, QStringLiteral("Title"), error);
        QCOMPARE(showError(&window, QStringLiteral("Title"), error), box);
        QVERIFY(says(*box, QStringLiteral("2")));
        QVERIFY(showError(&window, QStringLiteral("Other"), error) != box);
    }

    void escClosesIt() {
        QWidget window;
        window.show();
        QPointer<ErrorBox> box(showError(&window, QStringLiteral("Title"), {ErrorCode::Io, "broken"}));
        QTest::keyClick(box.data(), Qt::Key_Escape);
        QTRY_VERIFY(box.isNull());
    }

    void aboutTellsVersionsAndLicences() {
        AboutDialog about({QStringLiteral("1.2.3"), QStringLiteral("2.1.0"), QStringLiteral("CPU, 2 threads")});
        about.show();
        QVERIFY(says(about, QStringLiteral("MoEscope 1.2.3")));
        QTest::mouseClick(about.findChild<QPushButton*>(QStringLiteral("copyFacts")), Qt::LeftButton);
        const QString copied = QApplication::clipboard()->text();
        for (const char* fact : {"MoEscope 1.2.3", "2.1.0", "CPU, 2 threads", qVersion()}) QVERIFY(copied.contains(QString::fromLatin1(fact)));

        auto* list = about.findChild<QListWidget*>();
        auto* text = about.findChild<QTextBrowser*>();
        QCOMPARE(list->count(), 11);
        QString before;
        for (int row = 0; row < list->count(); ++row) {
            list->setCurrentRow(row);
            QVERIFY2(text->toPlainText().size() > 300, qPrintable(list->item(row)->text()));
            QVERIFY(text->toPlainText() != before);
            before = text->toPlainText();
        }
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::ErrorBoxTest)
#include "error_box_test.moc"
