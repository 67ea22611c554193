// SPDX-License-Identifier: GPL-3.0-or-later
// Preferences: kept in a file, read with care, changed at once by the dialog.
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>

#include "tests/support/temporary_folder.h"
#include "ui/dialogs/preferences_dialog.h"
#include "ui/session/preferences.h"

namespace moescope {

class PreferencesTest : public QObject {
    Q_OBJECT

    test::TemporaryFolder m_folder;
    int m_files = 0;

    QString newFile() { return QString::fromStdString((m_folder / ("p" + std::to_string(m_files++) + ".ini")).string()); }

    static Preferences unusual() {
        Preferences all;
        all.theme = Theme::Dark;
        all.language = Language::German;
        all.threads = 3;
        all.storage = MS_BF16;
        all.historyQuota = qint64(3) << 30;
        all.picturesCarrySettings = false;
        all.pictureFolder = QStringLiteral("/tmp/pictures ä");
        all.capture = CaptureLevel::Norms;
        return all;
    }

private slots:
    void anEmptyFileGivesTheDefaults() {
        const QSettings settings(newFile(), QSettings::IniFormat);
        QVERIFY(readPreferences(settings) == Preferences{});
    }

    void everythingComesBack() {
        const QString file = newFile();
        {
            QSettings settings(file, QSettings::IniFormat);
            writePreferences(settings, unusual());
        }
        QVERIFY(readPreferences(QSettings(file, QSettings::IniFormat)) == unusual());
    }

    void nonsenseInTheFileIsPassedOver() {
        QSettings settings(newFile(), QSettings::IniFormat);
        settings.setValue(QStringLiteral("preferences/theme"), QStringLiteral("pink"));
        settings.setValue(QStringLiteral("preferences/threads"), QStringLiteral("many"));
        settings.setValue(QStringLiteral("preferences/weights"), 7);
        settings.setValue(QStringLiteral("preferences/historyBytes"), -5);
        settings.setValue(QStringLiteral("preferences/capture"), QStringList{QStringLiteral("a"), QStringLiteral("b")});
        Preferences expected;
        expected.historyQuota = kSmallestQuota;
        QVERIFY(readPreferences(settings) == expected);
        settings.setValue(QStringLiteral("preferences/threads"), 100000);
        QCOMPARE(readPreferences(settings).threads, kMostThreads);
    }

    void aChangeIsStoredAndToldOnce() {
        const QString file = newFile();
        QSettings settings(file, QSettings::IniFormat);
        PreferenceStore store(settings);
        int told = 0;
        connect(&store, &PreferenceStore::changed, this, [&](const Preferences& now, const Preferences& before) {
            ++told;
            QCOMPARE(now.threads, 2);
            QCOMPARE(before.threads, 0);
        });
        Preferences wanted = store.now();
        wanted.threads = 2;
        store.set(wanted);
        store.set(wanted);
        QCOMPARE(told, 1);
        QCOMPARE(store.atStart().threads, 0);
        settings.sync();
        QCOMPARE(readPreferences(QSettings(file, QSettings::IniFormat)).threads, 2);
    }

    void theFolderForPicturesHasADefault() {
        QVERIFY(pictureFolderOf({}).endsWith(QStringLiteral("MoEscope")));
        QCOMPARE(pictureFolderOf(unusual()), unusual().pictureFolder);
        QCOMPARE(localeNameOf(Language::German), QStringLiteral("de"));
    }

    void theDialogShowsWhatIsSet() {
        QSettings settings(newFile(), QSettings::IniFormat);
        writePreferences(settings, unusual());
        PreferenceStore store(settings);
        PreferencesDialog dialog(store, {QStringLiteral("/tmp/history"), qint64(1) << 30});
        QCOMPARE(dialog.findChild<QComboBox*>(QStringLiteral("theme"))->currentText(), QStringLiteral("dark"));
        QCOMPARE(dialog.findChild<QComboBox*>(QStringLiteral("language"))->currentText(), QStringLiteral("Deutsch"));
        QCOMPARE(dialog.findChild<QSpinBox*>(QStringLiteral("threads"))->value(), 3);
        QCOMPARE(dialog.findChild<QDoubleSpinBox*>(QStringLiteral("quota"))->value(), 3.0);
        QCOMPARE(dialog.findChild<QLineEdit*>(QStringLiteral("pictureFolder"))->text(), unusual().pictureFolder);
        QVERIFY(!dialog.findChild<QCheckBox*>(QStringLiteral("carrySettings"))->isChecked());
        QVERIFY(store.now() == unusual());
    }

    void everyFieldActsAtOnce() {
        QSettings settings(newFile(), QSettings::IniFormat);
        PreferenceStore store(settings);
        PreferencesDialog dialog(store, {});
        dialog.show();
        QVERIFY(QTest::qWaitForWindowActive(&dialog));
        const auto choose = [&dialog](const char* name, int index) {
            auto* box = dialog.findChild<QComboBox*>(QString::fromLatin1(name));
            box->setFocus();
            QTest::keyClick(box, Qt::Key_Home);
            for (int i = 0; i < index; ++i) QTest::keyClick(box, Qt::Key_Down);
        };
        choose("theme", 2);
        QCOMPARE(store.now().theme, Theme::Dark);
        choose("weights", 1);
        QCOMPARE(store.now().storage, MS_BF16);
        choose("capture", 3);
        QCOMPARE(store.now().capture, CaptureLevel::Norms);
        QTest::mouseClick(dialog.findChild<QCheckBox*>(QStringLiteral("carrySettings")), Qt::LeftButton, {}, QPoint(8, 8));
        QVERIFY(!store.now().picturesCarrySettings);
        dialog.findChild<QDoubleSpinBox*>(QStringLiteral("quota"))->setValue(3);
        QCOMPARE(store.now().historyQuota, qint64(3) << 30);

        auto* folder = dialog.findChild<QLineEdit*>(QStringLiteral("pictureFolder"));
        folder->setFocus();
        QTest::keyClicks(folder, QStringLiteral("/tmp/x/"));
        QTest::keyClick(folder, Qt::Key_Tab);
        QCOMPARE(store.now().pictureFolder, QStringLiteral("/tmp/x"));

        auto* note = dialog.findChild<QLabel*>(QStringLiteral("restartNote"));
        QVERIFY(note->text().isEmpty());
        choose("language", 2);
        QCOMPARE(store.now().language, Language::German);
        QVERIFY(!note->text().isEmpty());
        choose("language", 0);
        QVERIFY(note->text().isEmpty());
    }

    void anOddQuotaIsNotRoundedByLooking() {
        QSettings settings(newFile(), QSettings::IniFormat);
        Preferences odd;
        odd.historyQuota = (qint64(2) << 30) + 12345;
        writePreferences(settings, odd);
        PreferenceStore store(settings);
        PreferencesDialog dialog(store, {});
        QTest::mouseClick(dialog.findChild<QCheckBox*>(QStringLiteral("carrySettings")), Qt::LeftButton, {}, QPoint(8, 8));
        QCOMPARE(store.now().historyQuota, odd.historyQuota);
    }

    void defaultsComeBackWithOneButton() {
        QSettings settings(newFile(), QSettings::IniFormat);
        writePreferences(settings, unusual());
        PreferenceStore store(settings);
        PreferencesDialog dialog(store, {});
        auto* button = dialog.findChild<QPushButton*>(QStringLiteral("restoreDefaults"));
        QVERIFY(button->isEnabled());
        QTest::mouseClick(button, Qt::LeftButton);
        QVERIFY(store.now() == Preferences{});
        QVERIFY(!button->isEnabled());
        QCOMPARE(dialog.findChild<QSpinBox*>(QStringLiteral("threads"))->value(), 0);
    }
};

}  // namespace moescope

QTEST_MAIN(moescope::PreferencesTest)
#include "preferences_test.moc"
