// SPDX-License-Identifier: GPL-3.0-or-later
// Finding models on disk and choosing one.
#include "engine/model/built_in_models.h"
#include "ui/dialogs/open_model_dialog.h"
#include "ui/session/built_in_words.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QTreeWidget>

#include "tests/support/temporary_folder.h"
#include "ui/session/paths.h"

using namespace moescope;
namespace fs = std::filesystem;

class OpenModelDialogTest : public QObject {
    Q_OBJECT
private slots:
    void init();
    void cleanup() { m_folder.reset(); }
    void aScanTellsWhatRunsAndWhyNot();
    void aShardedModelIsOneCandidate();
    void aStoppedScanEnds();
    void aMissingFolderIsEmpty();
    void theCacheIsListedWithThoseThatRunFirst();
    void anEmptyCacheIsSaid();
    void aChosenModelIsTheOrder();
    void theEmbeddedModelIsMarkedAtFirst();
    void everyBuiltInModelCanBeChosen();
    void whatIsNoModelKeepsTheDialogOpen();
    void recentModelsThatAreGoneAreSaidAndRemoved();
    void recentModelsKeepTheirOrder();
    void ordersSurviveASettingsFile();
    void latentModelsAskForAVae();
    void aFolderIsSearched();

private:
    static fs::path golden(const char* name) { return fs::path(MOESCOPE_TEST_DATA) / "golden" / name; }
    /// "models--org--name" as Hugging Face's program lays it out: blobs, and links to them in snapshots.
    void addToCache(const std::string& repository, const fs::path& file, const std::string& name) const {
        const fs::path root = m_cache / repository;
        fs::create_directories(root / "blobs");
        fs::create_directories(root / "snapshots" / "1a2b3c4d5e6f");
        const fs::path blob = root / "blobs" / (name + "-blob");
        fs::copy_file(file, blob);
        fs::create_symlink(fs::path("../../blobs") / blob.filename(), root / "snapshots" / "1a2b3c4d5e6f" / name);
    }
    static QTreeWidgetItem* itemOf(const OpenModelDialog& dialog, const QString& text) {
        const auto found = dialog.findChild<QTreeWidget*>()->findItems(text, Qt::MatchContains | Qt::MatchRecursive);
        return found.isEmpty() ? nullptr : found.front();
    }

    std::unique_ptr<test::TemporaryFolder> m_folder;
    fs::path m_cache;
};

void OpenModelDialogTest::init() {
    m_folder = std::make_unique<test::TemporaryFolder>();
    m_cache = *m_folder / "hub";
    addToCache("models--lab--jitmoe", golden("jitmoe-tiny/checkpoint-last.pth"), "checkpoint-last.pth");
    addToCache("models--lab--a-vae", golden("vae-tiny/diffusion_pytorch_model.safetensors"), "diffusion_pytorch_model.safetensors");
}

void OpenModelDialogTest::aScanTellsWhatRunsAndWhyNot() {
    test::writeFile(m_cache / "models--lab--jitmoe" / "snapshots" / "1a2b3c4d5e6f" / "broken.safetensors", "not a header");
    ModelScan scan;
    QVector<FoundModel> found;
    connect(&scan, &ModelScan::found, this, [&](const FoundModel& model) { found.append(model); });
    QSignalSpy finished(&scan, &ModelScan::finished);
    scan.start(m_cache);
    QTRY_COMPARE(finished.count(), 1);
    QCOMPARE(finished[0][0].toBool(), false);
    QCOMPARE(found.size(), qsizetype(3));
    const auto named = [&](const char* place) {
        for (const FoundModel& model : found)
            if (model.place.contains(place)) return model;
        return FoundModel{};
    };
    const FoundModel jit = named("checkpoint-last"), vae = named("lab/a-vae"), broken = named("broken");
    QCOMPARE(jit.family, QString("JiTMoE"));
    QVERIFY(jit.bytes > 3'000'000);
    QCOMPARE(jit.place, QString("lab/jitmoe (revision 1a2b3c4): checkpoint-last.pth"));
    QVERIFY(vae.family.isEmpty() && !vae.runs);
    QVERIFY2(vae.why.contains("AutoencoderKL"), qPrintable(vae.why));
    QVERIFY(!broken.runs && !broken.why.isEmpty());
}

void OpenModelDialogTest::aShardedModelIsOneCandidate() {
    const fs::path folder = *m_folder / "sharded";
    fs::create_directories(folder / "deeper" / ".hidden");
    for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json", "config.json",
                             "deeper/step.pt", "deeper/.hidden/x.pt"})
        test::writeFile(folder / name, "x");
    const auto found = modelCandidates(folder, [] { return false; });
    QCOMPARE(found, (std::vector<fs::path>{folder / "model.safetensors.index.json", folder / "deeper" / "step.pt"}));
}

void OpenModelDialogTest::aStoppedScanEnds() {
    ModelScan scan;
    QSignalSpy finished(&scan, &ModelScan::finished);
    scan.start(m_cache);
    scan.stop();
    QTRY_COMPARE(finished.count(), 1);
    QCOMPARE(finished[0][0].toBool(), true);
    QVERIFY(modelCandidates(m_cache, [] { return true; }).empty());
}

void OpenModelDialogTest::aMissingFolderIsEmpty() {
    ModelScan scan;
    QSignalSpy finished(&scan, &ModelScan::finished), found(&scan, &ModelScan::found);
    scan.start(*m_folder / "nowhere");
    QTRY_COMPARE(finished.count(), 1);
    QCOMPARE(found.count(), 0);
}

void OpenModelDialogTest::theCacheIsListedWithThoseThatRunFirst() {
    addToCache("models--zoo--dense", golden("jit-tiny/checkpoint-last.pth"), "checkpoint-last.pth");
    OpenModelDialog dialog({}, {}, nullptr, m_cache);
    dialog.show();
    QTRY_VERIFY(itemOf(dialog, "zoo/dense") && itemOf(dialog, "a-vae") && itemOf(dialog, "lab/jitmoe"));
    QTreeWidgetItem* vae = itemOf(dialog, "a-vae");
    QTRY_COMPARE(vae->parent()->childCount(), 3);  // the note that it searches is gone
    bool stopped = false;
    for (int i = 0; i < vae->parent()->childCount(); ++i) {
        const bool runs = vae->parent()->child(i)->text(3) == "can run";
        QVERIFY(!(stopped && runs));
        stopped = stopped || !runs;
    }
    QVERIFY(vae->text(3).startsWith("no: "));
}

void OpenModelDialogTest::anEmptyCacheIsSaid() {
    OpenModelDialog dialog({}, {}, nullptr, *m_folder / "nowhere");
    dialog.show();
    QTRY_VERIFY(itemOf(dialog, "no model found in"));
    QTRY_VERIFY(!dialog.findChild<QPushButton*>("stopSearch")->isVisible());
}

void OpenModelDialogTest::aChosenModelIsTheOrder() {
    OpenModelDialog dialog({}, {}, nullptr, m_cache);
    dialog.show();
    QTRY_VERIFY(itemOf(dialog, "lab/jitmoe"));
    dialog.findChild<QTreeWidget*>()->setCurrentItem(itemOf(dialog, "lab/jitmoe"));
    QTRY_VERIFY(dialog.findChild<QLabel*>("details")->text().contains("JiTMoE"));
    dialog.findChild<QComboBox*>("storage")->setCurrentIndex(1);
    dialog.accept();
    QCOMPARE(dialog.result(), int(QDialog::Accepted));
    const ModelOrder order = dialog.order();
    QCOMPARE(order.path, m_cache / "models--lab--jitmoe/snapshots/1a2b3c4d5e6f/checkpoint-last.pth");
    QCOMPARE(order.storage, MS_BF16);
}

void OpenModelDialogTest::theEmbeddedModelIsMarkedAtFirst() {
    OpenModelDialog dialog({}, {}, nullptr, m_cache);
    dialog.show();
    QVERIFY(dialog.order().embedded());
    QVERIFY(dialog.findChild<QLabel*>("details")->text().contains("emoji"));
    dialog.accept();
    QCOMPARE(dialog.result(), int(QDialog::Accepted));
}

void OpenModelDialogTest::everyBuiltInModelCanBeChosen() {
    for (const BuiltInModel& model : builtInModels()) {
        OpenModelDialog dialog({}, {}, nullptr, m_cache);
        dialog.show();
        QVERIFY(builtInTitle(model.id) != QString::fromUtf8(model.id.data(), qsizetype(model.id.size())));  // it has words
        dialog.findChild<QTreeWidget*>()->setCurrentItem(itemOf(dialog, builtInTitle(model.id)));
        QCOMPARE(dialog.findChild<QLabel*>("details")->text(), builtInAbout(model.id));
        QCOMPARE(dialog.order().builtIn, std::string(model.id));
        const ModelOrder again = modelOrderFrom(toVariantMap(dialog.order()));
        QCOMPARE(again.builtIn, std::string(model.id));
        OpenModelDialog marked({}, again, nullptr, m_cache);
        QCOMPARE(marked.order().builtIn, std::string(model.id));
    }
}

void OpenModelDialogTest::whatIsNoModelKeepsTheDialogOpen() {
    OpenModelDialog dialog({}, {}, nullptr, m_cache);
    dialog.show();
    auto* path = dialog.findChild<QLineEdit*>("path");
    path->setText(textOf(*m_folder / "nothing-here.pt"));
    QTRY_VERIFY(dialog.findChild<QLabel*>("details")->text().contains("No file or folder"));
    dialog.accept();
    QVERIFY(dialog.isVisible());
    path->clear();
    QVERIFY(!dialog.findChild<QLabel*>("details")->text().contains("No file"));
    dialog.accept();
    QVERIFY(dialog.isVisible());
}

void OpenModelDialogTest::recentModelsThatAreGoneAreSaidAndRemoved() {
    RecentModels recent;
    ModelOrder gone, there;
    gone.path = *m_folder / "gone.pt";
    there.path = golden("jitmoe-tiny");
    recent.add({gone, "old one"});
    recent.add({there, "tiny one"});
    recent.add({ModelOrder{}, "emoji32"});  // always at hand
    OpenModelDialog dialog(recent, {}, nullptr, m_cache);
    dialog.show();
    QTreeWidgetItem* item = itemOf(dialog, "old one");
    QVERIFY(item);
    QCOMPARE(item->text(3), QString("not there any more"));
    auto* remove = dialog.findChild<QPushButton*>("removeRecent");
    QVERIFY(!remove->isEnabled());
    dialog.findChild<QTreeWidget*>()->setCurrentItem(item);
    QVERIFY(remove->isEnabled());
    remove->click();
    QVERIFY(!itemOf(dialog, "old one"));
    QCOMPARE(dialog.recent().models().size(), qsizetype(1));
    QCOMPARE(dialog.recent().models().front().name, QString("tiny one"));
}

void OpenModelDialogTest::recentModelsKeepTheirOrder() {
    RecentModels recent;
    for (int i = 0; i < 30; ++i) {
        ModelOrder order;
        order.path = "/models/" + std::to_string(i);
        recent.add({order, QString::number(i)});
    }
    QCOMPARE(recent.models().size(), qsizetype(RecentModels::kKept));
    QCOMPARE(recent.models().front().name, QString("29"));
    ModelOrder again;
    again.path = "/models/15";
    recent.add({again, "15 again"});
    QCOMPARE(recent.models().front().name, QString("15 again"));
    QCOMPARE(recent.models().size(), qsizetype(RecentModels::kKept));
    QCOMPARE(RecentModels::from(recent.toVariantList()).models(), recent.models());
}

void OpenModelDialogTest::ordersSurviveASettingsFile() {
    ModelOrder order;
    order.path = "/models/größe.pt";
    order.weightSet = "ema";
    order.settings = {{"top_k", 2}, {"rope_type", "2d"}};
    order.storage = MS_BF16;
    order.vae = "/models/vae";
    QCOMPARE(modelOrderFrom(toVariantMap(order)), order);
    QCOMPARE(modelOrderFrom({}), ModelOrder{});
    QCOMPARE(modelOrderFrom({{"settings", "[1]"}}), ModelOrder{});
}

void OpenModelDialogTest::latentModelsAskForAVae() {
    OpenModelDialog dialog({}, {}, nullptr, m_cache);
    dialog.show();
    auto* vae = dialog.findChild<QLineEdit*>("vae");
    QVERIFY(!vae->isVisible());
    dialog.findChild<QLineEdit*>("path")->setText(textOf(golden("dsmoe-tiny")));
    QTRY_VERIFY(vae->isVisible());
    vae->setText("/my/vae");
    QCOMPARE(dialog.order().vae, fs::path("/my/vae"));
    dialog.findChild<QLineEdit*>("path")->setText(textOf(golden("jitmoe-tiny")));
    QTRY_VERIFY(dialog.findChild<QLabel*>("details")->text().contains("JiTMoE"));
    QVERIFY(!vae->isVisible());
    QVERIFY(dialog.order().vae.empty());
}

void OpenModelDialogTest::aFolderIsSearched() {
    OpenModelDialog dialog({}, {}, nullptr, *m_folder / "nowhere");
    dialog.show();
    dialog.searchFolder(golden("dsmoe-tiny"));
    QTRY_VERIFY(itemOf(dialog, "checkpoints/0000100.pt"));
    QCOMPARE(itemOf(dialog, "checkpoints/0000100.pt")->text(3), QString("can run"));
    dialog.searchFolder(golden("jit-tiny"));  // replaces the one before
    QTRY_VERIFY(itemOf(dialog, "checkpoint-last.pth"));
    QVERIFY(!itemOf(dialog, "checkpoints/0000100.pt"));
}

QTEST_MAIN(OpenModelDialogTest)
#include "open_model_dialog_test.moc"
