// SPDX-License-Identifier: GPL-3.0-or-later
// The card of a model in words, its schematic, and the panel around them.
#include "ui/widgets/model_card.h"

#include <QAbstractButton>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>

#include "tests/support/temporary_folder.h"
#include "tests/ui/model_fixture.h"
#include "ui/docks/model_dock.h"
#include "ui/widgets/block_schematic.h"

using namespace moescope;
namespace fs = std::filesystem;

constexpr int64_t kPlenty = int64_t(1) << 40;

class ModelCardTest : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { m_emoji = test::emojiModel(); }
    void theEmbeddedModelInWords();
    void aDenseModelHasNoExperts();
    void aLatentModelWithoutVaeSaysWhatToGet();
    void unknownSettingsGetFields();
    void givenSettingsMakeItRun();
    void aWrongSettingCanBeCorrected();
    void whatDoesNotFitSaysHowItMight();
    void weightSetsCanBeChosen();
    void countsHaveThreeDigits();
    void blocksAreBoxesAndThoseWithExpertsCanBeChosen();
    void arrowsWalkTheLayersWithExperts();
    void fortyBlocksWrap();
    void thePanelShowsTheState();

private:
    /// A checkpoint whose config is not beside it.
    OpenModelPtr withoutConfig(const nlohmann::json& settings = nlohmann::json::object()) const {
        fs::copy_file(fs::path(MOESCOPE_TEST_DATA) / "golden/dsmoe-tiny/checkpoints/0000100.pt", m_folder / "alone.pt",
                      fs::copy_options::overwrite_existing);
        ModelOrder order;
        order.path = m_folder / "alone.pt";
        order.settings = settings;
        return test::openedModel(order);
    }
    test::TemporaryFolder m_folder;
    OpenModelPtr m_emoji;
};

void ModelCardTest::theEmbeddedModelInWords() {
    ModelCard card;
    card.setModel(m_emoji, kPlenty);
    for (const char* words : {"emoji32", "Makes 32 × 32 pictures of 256 classes", "JiTMoE", "mixture of experts", "8 experts in each of",
                              "each token goes to 2 of them and to one shared expert", "it fits"})
        QVERIFY2(card.text().contains(words), qPrintable(QString(words) + " is not in\n" + card.text()));
    QVERIFY(!card.text().contains("VAE"));
    QVERIFY(!card.findChild<QComboBox*>("weightSet"));
    QVERIFY(!card.findChild<QPushButton*>("applySettings"));
    card.setModel(nullptr, kPlenty);
    QVERIFY(card.findChild<QLabel*>("modelName")->text().contains("No model"));
}

void ModelCardTest::aDenseModelHasNoExperts() {
    ModelCard card;
    card.setModel(test::goldenModel("jit-tiny"), kPlenty);
    QVERIFY(card.text().contains("without experts"));
    QVERIFY(card.text().contains("dense"));
}

void ModelCardTest::aLatentModelWithoutVaeSaysWhatToGet() {
    qputenv("HF_HUB_CACHE", (m_folder / "empty").c_str());
    ModelCard card;
    card.setModel(test::goldenModel("dsmoe-tiny"), kPlenty);
    qunsetenv("HF_HUB_CACHE");
    QVERIFY(card.text().contains("sd-vae-ft-mse"));
    QVERIFY(card.text().contains("Makes 64 × 64 pictures"));  // 8 x 8 latents
    QVERIFY(!card.text().contains("--"));
    QVERIFY(card.findChild<QPushButton*>("chooseVae"));
}

void ModelCardTest::unknownSettingsGetFields() {
    ModelCard card;
    card.setModel(withoutConfig(), kPlenty);
    QVERIFY(card.text().contains("Fill it in below"));
    QVERIFY(card.text().contains("not known"));
    auto* topK = card.findChild<QLineEdit*>("setting-top_k");
    auto* heads = card.findChild<QLineEdit*>("setting-heads");
    QVERIFY(topK && heads);
    QSignalSpy asked(&card, &ModelCard::orderRequested);
    topK->setText(" 2 ");
    heads->setText("four");
    card.findChild<QPushButton*>("applySettings")->click();
    QCOMPARE(asked.count(), 1);
    const auto order = asked[0][0].value<ModelOrder>();
    QCOMPARE(order.settings.at("top_k").get<int>(), 2);
    QCOMPARE(order.settings.at("heads").get<std::string>(), std::string("four"));
    QCOMPARE(order.settings.size(), size_t(2));  // empty fields say nothing
}

void ModelCardTest::givenSettingsMakeItRun() {
    const auto unknown = withoutConfig()->description().unknownSettings;
    nlohmann::json settings = {{"heads", 4}, {"top_k", 2}, {"n_group", 1}, {"topk_group", 1}, {"routed_scaling_factor", 2.5}};
    for (const std::string& name : unknown) QVERIFY2(settings.contains(name), name.c_str());
    const OpenModelPtr model = withoutConfig(settings);
    QVERIFY(model->checkpoint->runnable().ok());
    ModelCard card;
    card.setModel(model, kPlenty);
    QVERIFY(card.text().contains("each token goes to 2 of them"));
    QCOMPARE(card.findChild<QLineEdit*>("setting-top_k")->text(), QString("2"));  // and can be changed again
}

void ModelCardTest::aWrongSettingCanBeCorrected() {
    const OpenModelPtr model =
        withoutConfig({{"heads", 5}, {"top_k", 2}, {"n_group", 1}, {"topk_group", 1}, {"routed_scaling_factor", 2.5}});
    QVERIFY(!model->checkpoint->runnable().ok());
    ModelCard card;
    card.setModel(model, kPlenty);
    QVERIFY(card.text().contains("not a multiple of the 5 heads"));
    QVERIFY(!card.text().contains("--set"));
    QCOMPARE(card.findChild<QLineEdit*>("setting-heads")->text(), QString("5"));
}

void ModelCardTest::whatDoesNotFitSaysHowItMight() {
    ModelCard card;
    card.setModel(m_emoji, m_emoji->checkpoint->memoryNeeded(MS_BF16));
    QVERIFY(card.text().contains("Kept as bf16"));
    card.setModel(m_emoji, 1000);
    QVERIFY(card.text().contains("Close other programs"));
    QSignalSpy asked(&card, &ModelCard::orderRequested);
    auto* storage = card.findChild<QComboBox*>("storage");
    QTest::keyClick(storage, Qt::Key_Down);
    QCOMPARE(asked.count(), 1);
    QCOMPARE(asked[0][0].value<ModelOrder>().storage, MS_BF16);
}

void ModelCardTest::weightSetsCanBeChosen() {
    ModelCard card;
    card.setModel(test::goldenModel("jitmoe-tiny"), kPlenty);
    QVERIFY(card.text().contains("averaged weights give better pictures"));
    auto* sets = card.findChild<QComboBox*>("weightSet");
    QVERIFY(sets);
    QCOMPARE(sets->currentData().toString(), QString("model_ema1"));
    QSignalSpy asked(&card, &ModelCard::orderRequested);
    QTest::keyClick(sets, Qt::Key_Down);
    QCOMPARE(asked.count(), 1);
    QCOMPARE(QString::fromStdString(asked[0][0].value<ModelOrder>().weightSet), sets->currentData().toString());
    QVERIFY(sets->currentData().toString() != "model_ema1");
}

void ModelCardTest::countsHaveThreeDigits() {
    QLocale::setDefault(QLocale::c());
    QCOMPARE(countText(873), QString("873"));
    QCOMPARE(countText(25'400), QString("25.4 thousand"));
    QCOMPARE(countText(2'143'000), QString("2.14 million"));
    QCOMPARE(countText(129'800'000), QString("130 million"));
    QCOMPARE(countText(999'600'000), QString("1.00 billion"));
    QCOMPARE(countText(3'050'000'000), QString("3.05 billion"));
}

void ModelCardTest::blocksAreBoxesAndThoseWithExpertsCanBeChosen() {
    BlockSchematic schematic;
    schematic.setModel(m_emoji->description());
    schematic.resize(400, 400);
    schematic.show();
    QCOMPARE(schematic.blockCount(), int(m_emoji->description().config.depth));
    QCOMPARE(schematic.layerCount(), int(m_emoji->description().moeLayers.size()));
    QSignalSpy chosen(&schematic, &BlockSchematic::layerChosen);
    QTest::mouseClick(schematic.box(2), Qt::LeftButton);
    QCOMPARE(chosen.count(), 1);
    QCOMPARE(chosen[0][0].toInt(), 2);
    QCOMPARE(schematic.chosen(), 2);
    QVERIFY(schematic.box(2)->isChecked());
    QVERIFY(!schematic.box(1)->isChecked());
    const int block = m_emoji->description().moeLayers[2].block;
    QVERIFY(schematic.box(2)->accessibleName().startsWith(QString("MoE layer 2 (block %1): 8 experts").arg(block)));
    schematic.setChosen(99);
    QCOMPARE(schematic.chosen(), 2);
    schematic.setChosen(-1);
    QVERIFY(!schematic.box(2)->isChecked());
}

void ModelCardTest::arrowsWalkTheLayersWithExperts() {
    BlockSchematic schematic;
    schematic.setModel(m_emoji->description());
    schematic.show();
    schematic.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&schematic));
    QSignalSpy chosen(&schematic, &BlockSchematic::layerChosen);
    schematic.box(0)->setFocus();
    schematic.setChosen(0);
    QTest::keyClick(schematic.box(0), Qt::Key_Right);
    QCOMPARE(schematic.chosen(), 1);
    QVERIFY(schematic.box(1)->hasFocus());
    QTest::keyClick(schematic.box(1), Qt::Key_End);
    QCOMPARE(schematic.chosen(), schematic.layerCount() - 1);
    QTest::keyClick(schematic.box(schematic.chosen()), Qt::Key_Right);
    QCOMPARE(schematic.chosen(), schematic.layerCount() - 1);
    QTest::keyClick(schematic.box(schematic.chosen()), Qt::Key_Home);
    QCOMPARE(schematic.chosen(), 0);
    QVERIFY(chosen.count() >= 3);
}

void ModelCardTest::fortyBlocksWrap() {
    ModelDescription d;
    d.config.depth = 40;
    for (int block = 1; block < 40; block += 2) {
        MoeLayerDescriptor layer;
        layer.block = block;
        layer.moeIndex = block / 2;
        layer.experts = 48;
        d.moeLayers.push_back(layer);
    }
    BlockSchematic schematic;
    schematic.setModel(d);
    QCOMPARE(schematic.blockCount(), 40);
    QCOMPARE(schematic.layerCount(), 20);
    schematic.resize(260, schematic.heightForWidth(260));
    schematic.show();
    QVERIFY(schematic.heightForWidth(260) > schematic.heightForWidth(520));
    for (int layer = 0; layer < 20; ++layer) QVERIFY(schematic.rect().contains(schematic.box(layer)->geometry()));
}

void ModelCardTest::thePanelShowsTheState() {
    ModelDock dock;
    dock.show();
    auto* state = dock.findChild<QLabel*>("modelState");
    auto* unload = dock.findChild<QPushButton*>("unloadModel");
    auto* retry = dock.findChild<QPushButton*>("retryModel");
    auto* progress = dock.findChild<QProgressBar*>();
    dock.setModel(m_emoji);
    QVERIFY(state->text().contains("next job loads them"));
    dock.setState(ModelState::Loading, {});
    QVERIFY(progress->isVisible() && !unload->isVisible());
    dock.setProgress(0.5);
    QCOMPARE(progress->value(), 500);
    dock.setState(ModelState::Ready, {});
    QVERIFY(!progress->isVisible() && unload->isVisible());
    QSignalSpy unloadAsked(&dock, &ModelDock::unloadRequested), orders(&dock, &ModelDock::orderRequested), layers(&dock, &ModelDock::layerChosen);
    unload->click();
    QCOMPARE(unloadAsked.count(), 1);
    dock.setState(ModelState::Failed, "It needs 3 GB and 1 GB are free.");
    QCOMPARE(state->text(), QString("It needs 3 GB and 1 GB are free."));
    QVERIFY(retry->isVisible() && !unload->isVisible());
    retry->click();
    QCOMPARE(orders.count(), 1);
    dock.setChosenLayer(1);
    QCOMPARE(dock.schematic().chosen(), 1);
    dock.setChosenLayer(50);  // a run of a larger model
    QCOMPARE(dock.schematic().chosen(), -1);
    QTest::mouseClick(dock.schematic().box(0), Qt::LeftButton);
    QCOMPARE(layers[0][0].toInt(), 0);
}

QTEST_MAIN(ModelCardTest)
#include "model_card_test.moc"
