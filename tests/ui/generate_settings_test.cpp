// SPDX-License-Identifier: GPL-3.0-or-later
// Settings of the Generate panel against what the command line makes of the same words.
#include "ui/session/generate_settings.h"

#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include "tests/ui/model_fixture.h"
#include "ui/session/generate_state.h"
#include "ui/session/sentences.h"

using namespace moescope;

class GenerateSettingsTest : public QObject {
    Q_OBJECT
private slots:
    void initTestCase();
    void anOrderCarriesWhatTheCommandLineWrites();
    void theNullClassIsAClassByItsNumber();
    void aChosenClassBeatsTheWords();
    void aNegativeIsANumberOrWords();
    void withoutNamesANumberIsTheClass();
    void whatIsOutOfRangeIsASentence_data();
    void whatIsOutOfRangeIsASentence();
    void evaluationsAreThoseOfTheSampler();
    void aPictureOfABatchIsRepeatedAlone();
    void jointNoiseRepeatsTheWholeBatch();
    void aWholeBatchIsRestored();
    void aNoiseFileMustBeThere();
    void settingsSurviveASettingsFile();
    void damagedSettingsFallBack();
    void theModelsDefaultsKeepWordsAndSeed();
    void everyModelKeepsItsOwnSettings();
    void anUnlockedSeedIsDrawnForEveryJob();
    void settingsOfAnotherModelKeepTheirWords();
    void sentencesNameNoOptions();

private:
    static GenerateSettings words(const QString& prompt) {
        GenerateSettings settings;
        settings.prompt = prompt;
        return settings;
    }
    OpenModelPtr m_emoji, m_nameless;
};

void GenerateSettingsTest::initTestCase() {
    m_emoji = test::emojiModel();
    m_nameless = test::goldenModel("jitmoe-tiny");
}

void GenerateSettingsTest::anOrderCarriesWhatTheCommandLineWrites() {
    GenerateSettings settings = words("  a   red heart ");
    settings.seed = 7;
    settings.pictures = 3;
    settings.steps = 5;
    settings.capture = CaptureLevel::Norms;
    settings.rng = "torch-cuda:80,1024";
    settings.jointNoise = true;
    const auto order = orderOf(settings, m_emoji);
    QVERIFY(order.ok());
    const GenerationRequest& request = order->request;
    const int heart = *m_emoji->labels->byName("red heart");
    QCOMPARE(request.classes, std::vector<int>(3, heart));
    QCOMPARE(request.negativeClass, -1);
    QCOMPARE(request.seed, uint64_t(7));
    QCOMPARE(request.sampler.steps, 5);
    QCOMPARE(request.sampler.tEps, m_emoji->description().defaults.tEps);
    QCOMPARE(request.capture.level, CaptureLevel::Norms);
    QCOMPARE(request.noise.multiprocessors, 80);
    QVERIFY(request.noise.joint);
    QVERIFY(request.keepLatents);
    QCOMPARE(request.parameters.prompt, std::string("a red heart"));
    QCOMPARE(request.parameters.className, std::string("red heart"));
    QCOMPARE(request.parameters.dtype, std::string("f32"));
    QCOMPARE(request.parameters.modelName, m_emoji->checkpoint->name());
    QCOMPARE(request.parameters.modelHash, m_emoji->checkpoint->fingerprint());
    QCOMPARE(request.parameters.weightSet, m_emoji->checkpoint->weightSet());
    QVERIFY(order->classSentence.contains(QString("Class %1 “red heart”").arg(heart)));
    QCOMPARE(order->title, QString("a red heart, seed 7"));
    settings.jointNoise = false;
    QCOMPARE(orderOf(settings, m_emoji)->title, QString("a red heart, seeds 7 to 9"));
}

void GenerateSettingsTest::theNullClassIsAClassByItsNumber() {
    GenerateSettings settings;
    settings.classId = 256;
    const auto order = orderOf(settings, m_emoji);
    QVERIFY(order.ok());
    QCOMPARE(order->request.classes.front(), 256);
    settings.classId = 257;
    QVERIFY(!orderOf(settings, m_emoji).ok());
}

void GenerateSettingsTest::aChosenClassBeatsTheWords() {
    GenerateSettings settings = words("red heart");
    settings.classId = 3;
    const auto taken = classOf(settings, *m_emoji);
    QVERIFY(taken.ok());
    QCOMPARE(taken->index, 3);
    QVERIFY(taken->sentence.contains("chosen from the list"));
}

void GenerateSettingsTest::aNegativeIsANumberOrWords() {
    GenerateSettings settings = words("red heart");
    settings.negative = "12";
    QCOMPARE(orderOf(settings, m_emoji)->request.negativeClass, 12);
    settings.negative = "pizza";
    const auto order = orderOf(settings, m_emoji);
    QCOMPARE(order->request.negativeClass, *m_emoji->labels->byName("pizza"));
    QCOMPARE(order->request.parameters.negativePrompt, std::string("pizza"));
    settings.negative = "qqqq xxxx";
    const auto refused = orderOf(settings, m_emoji);
    QVERIFY(!refused.ok());
    QVERIFY(refused.error().message.starts_with("Negative: "));
}

void GenerateSettingsTest::withoutNamesANumberIsTheClass() {
    const auto order = orderOf(words("4"), m_nameless);
    QVERIFY(order.ok());
    QCOMPARE(order->request.classes.front(), 4);
    const auto refused = orderOf(words("red heart"), m_nameless);
    QVERIFY(!refused.ok());
    QVERIFY(refused.error().message.find("0 to 9") != std::string::npos);
    QVERIFY(refused.error().message.find("--") == std::string::npos);
}

void GenerateSettingsTest::whatIsOutOfRangeIsASentence_data() {
    QTest::addColumn<QVariantMap>("change");
    QTest::addColumn<QString>("says");
    QTest::newRow("no words") << QVariantMap{{"prompt", "  "}} << "Say what to draw";
    QTest::newRow("no steps") << QVariantMap{{"steps", 0}} << "steps should be 1 to";
    QTest::newRow("no pictures") << QVariantMap{{"pictures", 0}} << "1 to 4096";
    QTest::newRow("endless pictures") << QVariantMap{{"pictures", 2000000000}} << "1 to 4096";
    QTest::newRow("interval turned round") << QVariantMap{{"guidanceLow", 0.8}, {"guidanceHigh", 0.2}} << "guidance interval";
    QTest::newRow("guidance") << QVariantMap{{"guidance", 5000.0}} << "guidance scale";
    QTest::newRow("noise") << QVariantMap{{"noiseScale", -1.0}} << "noise scale";
    QTest::newRow("t_eps") << QVariantMap{{"tEps", 3.0}} << "t_eps";
    QTest::newRow("rng") << QVariantMap{{"rng", "dice"}} << "no known source of noise";
}

void GenerateSettingsTest::whatIsOutOfRangeIsASentence() {
    QFETCH(QVariantMap, change);
    QFETCH(QString, says);
    QVariantMap map = toVariantMap(words("red heart"));
    map.insert(change);
    const auto order = orderOf(generateSettingsFrom(map), m_emoji);
    QVERIFY(!order.ok());
    QVERIFY2(QString::fromStdString(order.error().message).contains(says), order.error().message.c_str());
    QVERIFY(!orderOf(words("red heart"), nullptr).ok());
}

void GenerateSettingsTest::evaluationsAreThoseOfTheSampler() {
    GenerateSettings settings;
    settings.steps = 25;
    settings.sampler = SamplerKind::Euler;
    QCOMPARE(evaluationsOf(settings, m_emoji->description()), 25);
    settings.sampler = SamplerKind::Heun;
    QCOMPARE(evaluationsOf(settings, m_emoji->description()), 49);  // clean-image models end with one Euler step
    ModelDescription velocity = m_emoji->description();
    velocity.prediction = Prediction::Velocity;
    QCOMPARE(evaluationsOf(settings, velocity), 50);
}

void GenerateSettingsTest::aPictureOfABatchIsRepeatedAlone() {
    GenerateSettings settings = words("red heart");
    settings.seed = 40;
    settings.pictures = 4;
    settings.tEps = 0.1;
    GenerationParameters parameters = orderOf(settings, m_emoji)->request.parameters;
    parameters.classId = 149;
    parameters.seed = 40;
    parameters.batch = 4;
    parameters.steps = 12;
    parameters.sampler = "euler";
    parameters.cfgScale = 3.5;
    parameters.cfgLow = 0.125;
    parameters.cfgHigh = 0.75;
    parameters.noiseScale = 1.5;
    parameters.tEps = 0.1;
    const GenerateSettings alone = settingsOf(parameters, 2);
    QCOMPARE(alone.seed, quint64(42));
    QVERIFY(alone.seedLocked);
    QCOMPARE(alone.pictures, 1);
    QCOMPARE(alone.classId, 149);
    QCOMPARE(alone.prompt, QString("red heart"));
    const auto again = orderOf(alone, m_emoji);
    QVERIFY(again.ok());
    QCOMPARE(again->request.seed, uint64_t(42));
    QCOMPARE(again->request.classes, std::vector<int>{149});
    QCOMPARE(again->request.sampler.steps, 12);
    QCOMPARE(again->request.sampler.sampler, SamplerKind::Euler);
    QCOMPARE(again->request.sampler.cfgScale, 3.5);
    QCOMPARE(again->request.sampler.cfgLow, 0.125);
    QCOMPARE(again->request.sampler.cfgHigh, 0.75);
    QCOMPARE(again->request.sampler.noiseScale, 1.5);
    QCOMPARE(again->request.sampler.tEps, 0.1);
}

void GenerateSettingsTest::jointNoiseRepeatsTheWholeBatch() {
    GenerationParameters parameters;
    parameters.noiseBatch = "joint";
    parameters.seed = 5;
    parameters.batch = 3;
    const GenerateSettings settings = settingsOf(parameters, 1);
    QCOMPARE(settings.seed, quint64(5));
    QCOMPARE(settings.pictures, 3);
    QVERIFY(settings.jointNoise);
}

void GenerateSettingsTest::aWholeBatchIsRestored() {
    GenerationParameters parameters;
    parameters.seed = 5;
    parameters.batch = 3;
    const GenerateSettings settings = settingsOf(parameters);
    QCOMPARE(settings.seed, quint64(5));
    QCOMPARE(settings.pictures, 3);
    QCOMPARE(settings.classId, -1);  // it names none: the words decide
}

void GenerateSettingsTest::aNoiseFileMustBeThere() {
    GenerationParameters parameters;
    parameters.prompt = "pizza";
    parameters.rng = "file";
    parameters.noiseFile = "start.npy";
    parameters.steps = 4;
    parameters.sampler = "heun";
    const auto order = orderOf(settingsOf(parameters), m_emoji);
    QVERIFY(!order.ok());
    QVERIFY(order.error().message.find("start.npy") != std::string::npos);
}

void GenerateSettingsTest::settingsSurviveASettingsFile() {
    QTemporaryDir folder;
    GenerateSettings settings = words("größe, \"quoted\"; 100%");
    settings.classId = 8;
    settings.negative = "cat";
    settings.seed = 18446744073709551615ull;
    settings.seedLocked = true;
    settings.steps = 77;
    settings.sampler = SamplerKind::Euler;
    settings.guidance = 1.0 / 3;
    settings.guidanceLow = 0.1;
    settings.guidanceHigh = 0.9;
    settings.noiseScale = 2.5;
    settings.pictures = 9;
    settings.tEps = 0.07;
    settings.rng = "torch-cuda";
    settings.noiseFile = "n.npy";
    settings.jointNoise = true;
    settings.capture = CaptureLevel::Scores;
    {
        QSettings file(folder.filePath("s.ini"), QSettings::IniFormat);
        file.setValue("kept", toVariantMap(settings));
        file.beginGroup("plain");  // every value as text, as in a file that a person may edit
        const QVariantMap map = toVariantMap(settings);
        for (auto entry = map.begin(); entry != map.end(); ++entry) file.setValue(entry.key(), entry.value());
    }
    QSettings file(folder.filePath("s.ini"), QSettings::IniFormat);
    QCOMPARE(generateSettingsFrom(file.value("kept").toMap()), settings);
    file.beginGroup("plain");
    QVariantMap map;
    for (const QString& key : file.childKeys()) map.insert(key, file.value(key));
    QCOMPARE(generateSettingsFrom(map), settings);
}

void GenerateSettingsTest::damagedSettingsFallBack() {
    const GenerateSettings usual;
    QCOMPARE(generateSettingsFrom({}), usual);
    QCOMPARE(generateSettingsFrom({{"steps", "many"}, {"sampler", "magic"}, {"guidance", "nan"}, {"seed", "-3"}, {"capture", 7}}), usual);
}

void GenerateSettingsTest::theModelsDefaultsKeepWordsAndSeed() {
    GenerateSettings settings = words("pizza");
    settings.seed = 9;
    settings.seedLocked = true;
    settings.negative = "cat";
    settings.steps = 3;
    settings.jointNoise = true;
    const GenerateSettings own = defaultsOf(m_nameless->description(), settings);
    QCOMPARE(own.prompt, QString("pizza"));
    QCOMPARE(own.negative, QString("cat"));
    QCOMPARE(own.seed, quint64(9));
    QVERIFY(own.seedLocked);
    QCOMPARE(own.steps, m_nameless->description().defaults.steps);
    QCOMPARE(own.guidance, m_nameless->description().defaults.cfgScale);
    QCOMPARE(own.pictures, 4);
    QVERIFY(!own.jointNoise);
}

void GenerateSettingsTest::everyModelKeepsItsOwnSettings() {
    GenerateState state;
    state.setModel(m_emoji);
    QCOMPARE(state.now().steps, m_emoji->description().defaults.steps);
    GenerateSettings settings = state.now();
    settings.steps = 6;
    settings.prompt = "pizza";
    state.set(settings);
    state.setModel(m_nameless);
    QCOMPARE(state.now().steps, m_nameless->description().defaults.steps);
    QCOMPARE(state.now().prompt, QString("pizza"));
    state.setModel(m_emoji);
    QCOMPARE(state.now().steps, 6);
    state.restoreDefaults();
    QCOMPARE(state.now().steps, m_emoji->description().defaults.steps);

    settings.steps = 8;
    state.set(settings);
    GenerateState later;
    later.restore(state.kept());
    QCOMPARE(later.now().prompt, QString("pizza"));
    later.setModel(m_emoji);
    QCOMPARE(later.now().steps, 8);
}

void GenerateSettingsTest::anUnlockedSeedIsDrawnForEveryJob() {
    GenerateState state;
    state.setModel(m_emoji);
    GenerateSettings settings = state.now();
    settings.prompt = "pizza";
    settings.seed = 1ull << 40;  // no drawn seed is as large
    state.set(settings);
    const auto first = state.nextOrder();
    QVERIFY(first.ok());
    QVERIFY(first->request.seed < (1ull << 32));
    QCOMPARE(state.now().seed, quint64(first->request.seed));
    settings.seedLocked = true;
    state.set(settings);
    QCOMPARE(state.nextOrder()->request.seed, uint64_t(1) << 40);

    settings.prompt.clear();
    settings.seedLocked = false;
    state.set(settings);
    QSignalSpy refused(&state, &GenerateState::refused);
    QVERIFY(!state.nextOrder().ok());
    QCOMPARE(refused.count(), 1);
    QCOMPARE(state.now().seed, quint64(1) << 40);  // nothing was made with another
}

void GenerateSettingsTest::settingsOfAnotherModelKeepTheirWords() {
    GenerateState state;
    state.setModel(m_emoji);
    GenerationParameters parameters;
    parameters.classId = 207;
    parameters.className = "golden retriever";
    parameters.steps = 5;
    parameters.sampler = "heun";
    state.adopt(parameters);
    QCOMPARE(state.now().classId, -1);
    QCOMPARE(state.now().prompt, QString("golden retriever"));
    parameters.classId = *m_emoji->labels->byName("pizza");
    parameters.className = "pizza";
    state.adopt(parameters);
    QCOMPARE(state.now().classId, int(*parameters.classId));
}

void GenerateSettingsTest::sentencesNameNoOptions() {
    QCOMPARE(sentenceOf(std::string("steps should be 1 to 10, found 0")), QString("Steps should be 1 to 10, found 0."));
    QCOMPARE(sentenceOf(std::string("top_k should be 1")), QString("top_k should be 1."));
    QVERIFY(!sentenceOf(std::string("heads can not be read: put the model's config beside the file or give --set heads=VALUE --set top_k=VALUE"))
                 .contains("--"));
    QVERIFY(!sentenceOf(vaeAdvice()).contains("--"));
}

QTEST_MAIN(GenerateSettingsTest)
#include "generate_settings_test.moc"
