// SPDX-License-Identifier: GPL-3.0-or-later
// What opening or dropping a file answers.
#include "ui/session/dropped_file.h"

#include <QTest>
#include <fstream>

#include "engine/io/png_file.h"
#include "engine/io/session_file.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_folder.h"
#include "ui/session/run_export.h"

using namespace moescope;

class DroppedFileTest : public QObject {
    Q_OBJECT
    test::TemporaryFolder m_folder;

    RunViewPtr finishedRun() {
        auto run = std::make_shared<RunRecord>(test::sampleRun());
        run->parameters.prompt = "Red heart, on blue!";
        run->parameters.seed = 41;
        run->parameters.classId = 7;
        run->classIds = {7, 7};
        run->pictures.assign(2, Picture{2, 1, {255, 0, 0, 0, 255, 0}});
        return viewOf(run, 1, RunState::Finished);
    }

private slots:
    void tellsASessionByItsContentUnderAnyName() {
        const auto run = finishedRun();
        const auto path = m_folder.path() / "renamed.bin";
        QVERIFY(saveSession(*run->record, path).ok());
        const auto found = examineFile(path);
        QVERIFY2(found.ok(), found.ok() ? "" : found.error().message.c_str());
        QCOMPARE(int(found->kind), int(DroppedFile::Kind::Session));
    }

    void readsTheSettingsInsideASavedPicture() {
        const auto path = m_folder.path() / "heart.png";
        QVERIFY(savePicture(*finishedRun(), 1, path, 1, true).ok());
        const auto found = examineFile(path);
        QVERIFY(found.ok());
        QCOMPARE(int(found->kind), int(DroppedFile::Kind::Picture));
        QCOMPARE(found->parameters->prompt, std::string("Red heart, on blue!"));
        QCOMPARE(found->parameters->batchIndex, int64_t{1});
        QCOMPARE(found->parameters->imageSeed(), uint64_t{42});
        QCOMPARE(found->parameters->classId.value(), int64_t{7});
    }

    void aPictureWithoutSettingsSaysSo() {
        const auto path = m_folder.path() / "plain.png";
        QVERIFY(savePicture(*finishedRun(), 0, path, 1, false).ok());
        const auto found = examineFile(path);
        QVERIFY(!found.ok());
        QVERIFY(QString::fromStdString(found.error().message).contains("plain.png"));
        QVERIFY(QString::fromStdString(found.error().message).contains("no settings"));
    }

    void otherFilesAreNamedWithoutTheirFolder() {
        const auto path = m_folder.path() / "notes.txt";
        std::ofstream(path) << "hello";
        const auto found = examineFile(path);
        QVERIFY(!found.ok());
        QVERIFY(QString::fromStdString(found.error().message).contains("notes.txt"));
        QVERIFY(!examineFile(m_folder.path() / "absent.pt").ok());
    }

    void anEmbeddedModelFileIsAModel() {
        const auto found = examineFile(std::filesystem::path(MOESCOPE_RESOURCES) / "embedded" / "emoji32.safetensors");
        QVERIFY(found.ok());
        QCOMPARE(int(found->kind), int(DroppedFile::Kind::Model));
    }

    void aFolderWithARecipeAndNumbersIsATrainingRun() {
        const auto folder = m_folder.path() / "run";
        std::filesystem::create_directories(folder);
        QCOMPARE(int(examineFile(folder)->kind), int(DroppedFile::Kind::Model));
        std::ofstream(folder / "recipe.yaml") << "name: x\n";
        std::ofstream(folder / "metrics.jsonl") << "";
        QCOMPARE(int(examineFile(folder)->kind), int(DroppedFile::Kind::TrainingRun));
    }

    void enlargedPicturesRepeatPixels() {
        const auto path = m_folder.path() / "large.png";
        QVERIFY(savePicture(*finishedRun(), 0, path, 3, true).ok());
        const auto png = readPng(path);
        QVERIFY(png.ok());
        QCOMPARE(png->picture.width, 6);
        QCOMPARE(png->picture.height, 3);
        for (int y = 0; y < 3; ++y)
            for (int x = 0; x < 6; ++x) QCOMPARE(int(png->picture.rgb[size_t(3 * (6 * y + x))]), x < 3 ? 255 : 0);
    }

    void picturesAreNamedByPromptAndSeed() {
        QCOMPARE(pictureFileName(*finishedRun(), 1, ".png"), std::string("red-heart-on-blue-42.png"));
    }

    void aPictureThatIsNotFinishedIsRefused() {
        auto run = std::make_shared<RunRecord>(test::sampleRun());
        run->pictures.clear();
        const Status saved = savePicture(*viewOf(run, 1, RunState::Cancelled), 0, m_folder.path() / "x.png", 1, true);
        QVERIFY(!saved.ok());
        QVERIFY(!std::filesystem::exists(m_folder.path() / "x.png"));
    }
};

QTEST_GUILESS_MAIN(DroppedFileTest)
#include "dropped_file_test.moc"
