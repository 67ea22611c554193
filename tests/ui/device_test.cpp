// SPDX-License-Identifier: GPL-3.0-or-later
// The device box and what is around it, in a whole window on a machine with the fake GPU: choosing, memory, loss.
#include <QComboBox>
#include <QLabel>
#include <QToolButton>

#include "tests/support/fake_plugin.h"
#include "tests/ui/window_fixture.h"
#include "ui/dialogs/about_dialog.h"
#include "ui/docks/model_dock.h"

using namespace moescope;
using test::FakePlugin;
using test::kLong;
using test::TestWindow;

namespace {

QComboBox& box(TestWindow& t) { return *t.parts().model->findChild<QComboBox*>(QStringLiteral("device")); }
QLabel& note(TestWindow& t) { return *t.parts().model->findChild<QLabel*>(QStringLiteral("deviceNote")); }

QStringList entries(TestWindow& t) {
    QStringList all;
    for (int i = 0; i < box(t).count(); ++i) all << box(t).itemText(i);
    return all;
}

/// As a person does: down to the entry with the keys.
void choose(TestWindow& t, DeviceChoice device) {
    t.dock("model").show();
    t.dock("model").raise();
    QComboBox& combo = box(t);
    combo.setFocus();
    for (int i = 0; i < combo.count() && combo.currentData().toInt() != int(device); ++i)
        QTest::keyClick(&combo, combo.currentData().toInt() > int(device) ? Qt::Key_Up : Qt::Key_Down);
}

bool listed(TestWindow& t) {
    return QTest::qWaitFor([&] { return !t.engine.devices().empty(); }, kLong);
}

bool readyOn(TestWindow& t, const QString& device) {
    return QTest::qWaitFor([&] { return t.engine.modelState() == ModelState::Ready && t.engine.deviceText().startsWith(device); }, kLong);
}

/// Presses the button of the error on the screen; gives its sentence.
QString answerError(TestWindow& t, const QString& words) {
    if (!QTest::qWaitFor([&] { return t.error() != nullptr; }, kLong)) return {};
    const QString said = t.error()->accessibleDescription();
    for (QPushButton* button : t.error()->findChildren<QPushButton*>())
        if (button->text().remove(QLatin1Char('&')) == words) {
            QTest::mouseClick(button, Qt::LeftButton);
            QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
            return said;
        }
    return {};
}

}  // namespace

class DeviceTest : public QObject {
    Q_OBJECT

private slots:
    void offersOnlyWhatWorksAndSaysWhyNot() {
        const FakePlugin fake(FakePlugin::Settings{{"REFUSE", "no NVIDIA driver was found"}});
        TestWindow t;
        QVERIFY(t.openModel());
        QVERIFY(listed(t));
        QCOMPARE(entries(t), QStringList({"automatic", "CPU"}));
        QCOMPARE(note(t).text(), QStringLiteral("CUDA is not offered: no NVIDIA driver was found."));
        QVERIFY(t.engine.deviceText().startsWith("CPU"));
        QVERIFY(!t.error());
    }

    void startsOnTheCpuWhereTheChosenGpuHasGone() {
        const FakePlugin fake(FakePlugin::Settings{{"REFUSE", "no NVIDIA driver was found"}});
        TestWindow t;
        t.engine.setDevice(DeviceChoice::Cuda);
        QVERIFY(t.openModel());
        QVERIFY(readyOn(t, "CPU"));
        QVERIFY(note(t).text().contains("no NVIDIA driver was found"));
        QVERIFY(!t.error());
    }

    void runsOnTheGpuAndOnTheCpuAfterAChange() {
        const FakePlugin fake;
        TestWindow t;
        QVERIFY(t.openModel());
        QVERIFY(listed(t));
        QCOMPARE(entries(t), QStringList({"automatic", "CPU", "Fake GPU"}));
        QVERIFY(readyOn(t, "Fake GPU (CUDA)"));
        QCOMPARE(t.parts().deviceButton->text(), QStringLiteral("Fake GPU (CUDA)"));
        QVERIFY(note(t).isHidden());
        const RunViewPtr onGpu = t.generate("red heart");
        QVERIFY(onGpu && onGpu->record);
        QCOMPARE(QString::fromStdString(onGpu->parameters.device), QStringLiteral("CUDA, Fake GPU"));

        choose(t, DeviceChoice::Cpu);
        QVERIFY(readyOn(t, "CPU"));
        QCOMPARE(t.preferences.now().device, DeviceChoice::Cpu);
        GenerateSettings same = t.parts().state.now();
        same.seed = onGpu->parameters.seed;
        same.seedLocked = true;
        t.parts().state.set(same);
        const RunViewPtr onCpu = t.generate("red heart");
        QVERIFY(onCpu && onCpu->record);
        QVERIFY(QString::fromStdString(onCpu->parameters.device).startsWith("CPU, "));
        QCOMPARE(onCpu->parameters.seed, onGpu->parameters.seed);
        QVERIFY(onCpu->record->finalLatents.data == onGpu->record->finalLatents.data);

        choose(t, DeviceChoice::Cuda);
        QVERIFY(readyOn(t, "Fake GPU (CUDA)"));
        QCOMPARE(readPreferences(t.settings).device, DeviceChoice::Cuda);  // for the next start
    }

    void aRunThatGoesEndsOnItsDevice() {
        const FakePlugin fake;
        TestWindow t;
        QVERIFY(t.openModel(60));
        QVERIFY(readyOn(t, "Fake GPU (CUDA)"));
        t.order("red heart");
        QVERIFY(QTest::qWaitFor([&] { return t.engine.running(); }, kLong));
        choose(t, DeviceChoice::Cpu);
        QVERIFY(t.idle());
        QCOMPARE(QString::fromStdString(t.current.view()->record->parameters.device), QStringLiteral("CUDA, Fake GPU"));
        QCOMPARE(t.current.view()->state, RunState::Finished);
        QVERIFY(readyOn(t, "CPU"));
    }

    void aModelThatDoesNotFitSaysSoAndGoesToTheCpuOnlyWhenAsked() {
        const FakePlugin fake(FakePlugin::Settings{{"MEMORY", "10000000"}});
        TestWindow t;
        QVERIFY(t.openModel());
        QVERIFY(readyOn(t, "CPU"));
        QVERIFY(note(t).text().startsWith("Running on the CPU, because the model needs "));
        QVERIFY(listed(t));
        choose(t, DeviceChoice::Cuda);
        const QString said = answerError(t, "Run on the CPU");
        QVERIFY2(said.contains("84.8 MB") && said.contains("10.0 MB are free"), qPrintable(said));
        QVERIFY(readyOn(t, "CPU"));
        QCOMPARE(t.preferences.now().device, DeviceChoice::Cpu);
        QCOMPARE(box(t).currentText(), QStringLiteral("CPU"));
        QVERIFY(t.generate("red heart"));
        QVERIFY(!t.error());
    }

    void aRunWithoutMemoryOffersTheCpu() {
        FakePlugin fake;
        const int64_t before = fake.counts().allocations;
        {
            TestWindow loading;
            QVERIFY(loading.openModel());
            QVERIFY(readyOn(loading, "Fake GPU"));
        }
        fake.set("FAIL_ALLOCATION", std::to_string(fake.counts().allocations - before + 3));  // the third of the run
        TestWindow t;
        QVERIFY(t.openModel());
        QVERIFY(readyOn(t, "Fake GPU"));
        t.order("red heart");
        const QString said = answerError(t, "Run on the CPU");
        QVERIFY2(said.contains("are free"), qPrintable(said));
        QVERIFY(t.idle());
        QVERIFY(readyOn(t, "CPU"));
        QVERIFY(t.generate("red heart"));
        QVERIFY(!t.error());
    }

    void aLostDeviceIsTakenAgain() {
        const FakePlugin fake(FakePlugin::Settings{{"LOST_AFTER", "2000"}});
        TestWindow t;
        QVERIFY(t.openModel(4));
        QVERIFY(readyOn(t, "Fake GPU"));
        const RunViewPtr before = t.generate("red heart");
        QVERIFY(before && before->record && before->state == RunState::Finished);
        const int kept = int(t.history.entries().size());
        t.quick(50, 1);
        t.order("pizza");
        const QString said = t.takeError();
        QVERIFY2(said.contains("stopped working"), qPrintable(said));
        QVERIFY(t.idle());
        QVERIFY(int(t.history.entries().size()) >= kept);  // and what was finished of the broken run
        QVERIFY(readyOn(t, "Fake GPU"));
        QVERIFY(t.window->isVisible());
        t.quick(4, 1);
        GenerateSettings same = t.parts().state.now();
        same.seed = before->parameters.seed;
        same.seedLocked = true;
        t.parts().state.set(same);
        const RunViewPtr after = t.generate("red heart");
        QVERIFY(after && after->record);
        QVERIFY(after->record->finalLatents.data == before->record->finalLatents.data);
    }

    void aDeviceThatDoesNotComeBackIsSaid() {
        const FakePlugin fake(FakePlugin::Settings{{"LOST_AFTER", "900"}, {"LOST_FOREVER", "1"}});
        TestWindow t;
        QVERIFY(t.openModel(20));
        QVERIFY(listed(t));
        choose(t, DeviceChoice::Cuda);
        QVERIFY(readyOn(t, "Fake GPU"));
        t.order("red heart");
        QVERIFY(QTest::qWaitFor([&] { return t.engine.modelState() == ModelState::Failed; }, kLong));
        QVERIFY(QTest::qWaitFor([&] { return t.error() != nullptr; }, kLong));
        bool said = false;
        while (ErrorBox* error = t.error()) {
            said = said || error->accessibleDescription().contains("does not come back");
            error->close();
            QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        }
        QVERIFY(said);
        choose(t, DeviceChoice::Cpu);
        QVERIFY(readyOn(t, "CPU"));
        t.quick(2, 1);
        QVERIFY(t.generate("red heart"));
    }

    void aboutListsTheDevices() {
        const FakePlugin fake;
        TestWindow t;
        QVERIFY(t.openModel());
        QVERIFY(listed(t));
        QString facts;
        const test::Answering answer([&](QWidget& asked) {
            if (auto* about = qobject_cast<AboutDialog*>(&asked)) facts = about->factsText();
            test::Answering::dismiss(asked);
        });
        t.window->showAbout();
        QVERIFY2(facts.contains("CUDA: Fake GPU"), qPrintable(facts));
        QVERIFY2(facts.contains("CPU: "), qPrintable(facts));
    }
};

QTEST_MAIN(DeviceTest)
#include "device_test.moc"
