// SPDX-License-Identifier: GPL-3.0-or-later
// Making a mixture of networks in the window, and changing which of its networks work.
#include <QtTest>

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>

#include "engine/ensemble/ensemble.h"
#include "engine/ensemble/ensemble_file.h"
#include "engine/ensemble/open_model.h"
#include "tests/support/temporary_folder.h"
#include "ui/dialogs/new_mixture_dialog.h"
#include "ui/session/mixture_words.h"
#include "ui/widgets/network_panel.h"

using namespace moescope;

namespace {

const std::filesystem::path kEmbedded = std::filesystem::path(MOESCOPE_RESOURCES) / "embedded/emoji32.safetensors";

/// The mixture that is shipped: six networks of the embedded weights.
OpenModelPtr shippedMixture() {
    auto model = std::make_shared<OpenModel>();
    model->checkpoint = openModel(std::filesystem::path(MOESCOPE_RESOURCES) / "ensembles/emoji.moe.json").orThrow();
    model->name = QString::fromStdString(model->checkpoint->name());
    model->labels = model->checkpoint->ownLabels();
    return model;
}

QTableWidget& tableOf(QWidget& widget, const char* name) { return *widget.findChild<QTableWidget*>(QString::fromLatin1(name)); }

}  // namespace

class MixtureTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QLocale::setDefault(QLocale::c()); }

    void thePanelListsTheNetworksOfAMixtureAndNothingElse() {
        GenerateState state;
        NetworkPanel panel(state);
        QVERIFY(panel.isHidden());
        state.setModel(shippedMixture());
        QCOMPARE(panel.count(), 6);
        QVERIFY(!panel.isHidden());
        const MixtureFacts facts = mixtureOf(*state.model());
        QCOMPARE(tableOf(panel, "networks").item(1, NetworkPanel::Name)->text(), facts.networks[1].name);
        QCOMPARE(facts.topK, int64_t{2});
        QCOMPARE(facts.networks[1].condition, "a class of 256");
        QCOMPARE(routerWords(dynamic_cast<const Ensemble&>(*state.model()->checkpoint)), "a learned router over the prompt");
    }

    void leavingOutAndAlwaysChoosingAreEditsOfTheNextRun() {
        GenerateState state;
        NetworkPanel panel(state);
        state.setModel(shippedMixture());
        QTableWidget& table = tableOf(panel, "networks");
        table.item(1, NetworkPanel::Leave)->setCheckState(Qt::Checked);
        table.item(2, NetworkPanel::Always)->setCheckState(Qt::Checked);
        QCOMPARE(state.now().networks.muted, (std::vector<std::string>{"animals"}));
        QCOMPARE(state.now().networks.pinned, (std::vector<std::string>{"food"}));
        table.item(1, NetworkPanel::Always)->setCheckState(Qt::Checked);  // not both
        QVERIFY(state.now().networks.muted.empty());
        panel.findChild<QSpinBox*>(QStringLiteral("networksChosen"))->setValue(3);
        const auto request = requestOf(state.now(), state.model()->description());
        QVERIFY(request.ok());
        QCOMPARE(request->networkEdits.topK, int64_t{3});
        QCOMPARE(generateSettingsFrom(toVariantMap(state.now())).networks, state.now().networks);
        panel.findChild<QPushButton*>(QStringLiteral("resetNetworks"))->click();
        QVERIFY(state.now().networks.empty());
        QCOMPARE(table.item(2, NetworkPanel::Always)->checkState(), Qt::Unchecked);
    }

    void weightsByHandTakeTheRoutersPlace() {
        GenerateState state;
        NetworkPanel panel(state);
        state.setModel(shippedMixture());
        auto* byHand = panel.findChild<QCheckBox*>(QStringLiteral("weightsByHand"));
        byHand->setChecked(true);
        QTableWidget& table = tableOf(panel, "networks");
        QVERIFY(!table.isColumnHidden(NetworkPanel::Weight));
        static_cast<QDoubleSpinBox*>(table.cellWidget(0, NetworkPanel::Weight))->setValue(3);
        QCOMPARE(state.now().networks.weights, (std::vector<std::vector<double>>{{3, 1, 1, 1, 1, 1}}));
        byHand->setChecked(false);
        QVERIFY(state.now().networks.weights.empty());
    }

    void editsOfARunComeBack() {
        GenerationParameters parameters;
        parameters.networkEdits.muted = {"animals"};
        parameters.networkEdits.topK = 1;
        QCOMPARE(settingsOf(parameters).networks, parameters.networkEdits);
    }

    void aNewMixtureIsWrittenAndOpens() {
        const test::TemporaryFolder folder;
        NewMixtureDialog dialog(QString::fromStdString(folder.path().string()));
        auto* write = dialog.findChild<QPushButton*>(QStringLiteral("writeMixture"));
        QVERIFY(!write->isEnabled());
        const QString file = QString::fromStdString(kEmbedded.string());
        dialog.addNetworks({file, file});
        QVERIFY(write->isEnabled());
        QTableWidget& table = tableOf(dialog, "mixtureNetworks");
        QCOMPARE(table.item(1, NewMixtureDialog::Name)->text(), "emoji32 2");
        const auto path = folder / "two.moe.json";
        QSignalSpy created(&dialog, &NewMixtureDialog::created);
        dialog.writeTo(path);  // without words nobody would be chosen
        QTRY_VERIFY(dialog.problem().contains("has no words"));
        QVERIFY(!std::filesystem::exists(path));
        table.item(0, NewMixtureDialog::Words)->setText("cat dog");
        table.item(1, NewMixtureDialog::Words)->setText("pizza cake");
        dialog.findChild<QSpinBox*>(QStringLiteral("mixtureTopK"))->setValue(2);
        dialog.writeTo(path);
        QTRY_COMPARE(created.size(), 1);
        const auto read = readEnsembleFile(path);
        QVERIFY(read.ok());
        QCOMPARE(read->topK, int64_t{2});
        QVERIFY(read->experts[0].file.is_relative());
        QVERIFY(openModel(path).ok());
    }

    void noiseLevelsBecomeRulesWithoutGaps() {
        const test::TemporaryFolder folder;
        MixtureDraft draft;
        draft.router = MixtureRouter::NoiseLevel;
        draft.networks = {{"layout", kEmbedded, {}, 1, 0.4}, {"detail", kEmbedded, {}, 0.6, 0}};
        const auto path = folder / "noise.moe.json";
        QVERIFY(writeMixture(draft, path).ok());
        const nlohmann::json router = readEnsembleFile(path)->router;
        QCOMPARE(router.at("rules").size(), size_t{3});  // detail, both, layout
        QCOMPARE(router["rules"][1]["weights"].size(), size_t{2});
        draft.networks[0].noiseTo = 1;
        QVERIFY(!writeMixture(draft, path).ok());
    }
};

QTEST_MAIN(MixtureTest)
#include "mixture_test.moc"
