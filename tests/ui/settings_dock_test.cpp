// SPDX-License-Identifier: GPL-3.0-or-later
// The settings panel shows what the open model can do, and nothing else.
#include "ui/docks/settings_dock.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QtTest>

#include "tests/ui/model_fixture.h"

using namespace moescope;

namespace {

struct Panel {
    GenerateState state;
    SettingsDock dock{state};

    explicit Panel(const OpenModelPtr& model) {
        state.setModel(model);
        state.restoreDefaults();
        dock.show();
    }
    template <class Widget>
    Widget& field(const char* name) {
        return *dock.findChild<Widget*>(QString::fromLatin1(name));
    }
    bool shows(const char* name) { return dock.findChild<QWidget*>(QString::fromLatin1(name))->isVisibleTo(&dock); }
    QStringList samplers() {
        QStringList texts;
        for (int i = 0; i < field<QComboBox>("sampler").count(); ++i) texts << field<QComboBox>("sampler").itemText(i);
        return texts;
    }
};

}  // namespace

class SettingsDockTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QLocale::setDefault(QLocale::c()); }

    void flowsAreSampledByEulerAndHeunWithAShift() {
        Panel panel(test::emojiModel());
        QCOMPARE(panel.samplers(), QStringList({"Euler", "Heun"}));
        QVERIFY(panel.shows("shift"));
        for (const char* name : {"respacing", "eta", "pool", "poolNote"}) QVERIFY2(!panel.shows(name), name);
        panel.field<QDoubleSpinBox>("shift").setValue(3);
        QCOMPARE(panel.state.now().shift, 3.0);
        QCOMPARE(requestOf(panel.state.now(), panel.state.model()->description())->sampler.shift, 3.0);
        panel.field<QPushButton>("defaults").click();
        QCOMPARE(panel.state.now().shift, 1.0);
    }

    void discreteDiffusionsAreSampledByDdpmAndDdimOverChosenTimesteps() {
        Panel panel(test::goldenModel("ditmoe-s-tiny"));
        QCOMPARE(panel.samplers(), QStringList({"DDPM", "DDIM"}));
        QVERIFY(panel.shows("respacing"));
        QVERIFY(!panel.shows("shift"));
        QVERIFY(!panel.shows("eta"));
        auto& sampler = panel.field<QComboBox>("sampler");
        sampler.setCurrentIndex(1);
        emit sampler.activated(1);
        QVERIFY(panel.shows("eta"));
        panel.field<QDoubleSpinBox>("eta").setValue(0.5);
        auto& respacing = panel.field<QLineEdit>("respacing");
        respacing.setText("10,15,20");
        emit respacing.editingFinished();
        QCOMPARE(panel.state.now().steps, 45);
        const auto request = requestOf(panel.state.now(), panel.state.model()->description());
        QVERIFY(request.ok());
        QCOMPARE(request->sampler.respacing, std::string("10,15,20"));
        QCOMPARE(request->sampler.eta, 0.5);
        QVERIFY(panel.dock.warning().isEmpty());
        respacing.setText("some");
        emit respacing.editingFinished();
        QVERIFY(!panel.dock.warning().isEmpty());
        panel.field<QSpinBox>("steps").setValue(20);  // a number of steps takes the place of what was spelled out
        QVERIFY(panel.state.now().respacing.isEmpty());
        QVERIFY(panel.dock.warning().isEmpty());
    }

    void aSamplerOfAnotherModelIsShownAndRefused() {
        Panel panel(test::emojiModel());
        GenerationParameters parameters;
        parameters.steps = 10;
        parameters.sampler = "ddim";
        panel.state.adopt(parameters);
        QCOMPARE(panel.field<QComboBox>("sampler").currentText(), "DDIM");
        QVERIFY(!panel.dock.warning().isEmpty());
    }

    void whatARunWasMadeWithComesBack() {
        GenerationParameters parameters;
        parameters.steps = 45;
        parameters.sampler = "ddim";
        parameters.shift = 2;
        parameters.eta = 0.25;
        parameters.respacing = "10,15,20";
        parameters.pool = "picture";
        const GenerateSettings settings = settingsOf(parameters);
        QCOMPARE(settings.sampler, SamplerKind::Ddim);
        QCOMPARE(settings.shift, 2.0);
        QCOMPARE(settings.eta, 0.25);
        QCOMPARE(settings.respacing, "10,15,20");
        QCOMPARE(settings.pool, RoutingPool::Picture);
        QCOMPARE(generateSettingsFrom(toVariantMap(settings)), settings);
    }

    void poolsAreOfferedWhereExpertsChooseOverBatches() {
        Panel panel(test::goldenModel("diffmoe-tiny/0000-000_DiffMoE_tiny_Flow"));
        QVERIFY(panel.shows("pool"));
        panel.field<QSpinBox>("pictures").setValue(2);
        QVERIFY(panel.shows("poolNote"));  // pictures of a batch change each other
        auto& pool = panel.field<QComboBox>("pool");
        pool.setCurrentIndex(1);
        emit pool.activated(1);
        QCOMPARE(panel.state.now().pool, RoutingPool::Picture);
        QVERIFY(!panel.shows("poolNote"));
        QCOMPARE(requestOf(panel.state.now(), panel.state.model()->description())->sampler.pool, RoutingPool::Picture);
        panel.field<QPushButton>("defaults").click();
        QCOMPARE(panel.state.now().pool, RoutingPool::Batch);
        QVERIFY(!panel.shows("poolNote") || panel.state.now().pictures > 1);
    }

    void aPictureOfAPoolComesBackWithItsBatch() {
        GenerationParameters parameters;
        parameters.steps = 4;
        parameters.batch = 3;
        parameters.seed = 10;
        parameters.pool = "batch";
        GenerateSettings settings = settingsOf(parameters, 1);
        QCOMPARE(settings.pictures, 3);
        QCOMPARE(settings.seed, quint64{10});
        parameters.pool = "picture";
        settings = settingsOf(parameters, 1);
        QCOMPARE(settings.pictures, 1);
        QCOMPARE(settings.seed, quint64{11});
    }
};

QTEST_MAIN(SettingsDockTest)
#include "settings_dock_test.moc"
