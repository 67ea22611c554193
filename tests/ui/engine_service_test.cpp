// SPDX-License-Identifier: GPL-3.0-or-later
// The window's door to the engine with the embedded model: opening, queueing, cancelling, decoding, and what goes wrong.
#include "ui/session/engine_service.h"

#include <QtTest>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "engine/model/autoencoder_kl.h"
#include "tests/support/embedded_model.h"
#include "tests/support/temporary_folder.h"
#include "ui/session/clean_estimate.h"
#include "ui/session/model_opener.h"

using namespace moescope;

namespace {

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

/// A service with ears: what it said, in order.
struct Ears : QObject {
    explicit Ears(EngineService& service) {
        QObject::connect(&service, &EngineService::modelChanged, this, [this](const OpenModelPtr& model) { models.push_back(model); });
        QObject::connect(&service, &EngineService::modelFailed, this, [this](const EngineError& error) { failures.push_back(error); });
        QObject::connect(&service, &EngineService::modelProgress, this, [this](double share) { shares.push_back(share); });
        QObject::connect(&service, &EngineService::runStarted, this, [this](const RunViewPtr& run) { started.push_back(run); });
        QObject::connect(&service, &EngineService::runGrew, this, [this](const RunViewPtr& run) { grown.push_back(run); });
        QObject::connect(&service, &EngineService::progressed, this, [this](const RunProgress& now) { progress.push_back(now); });
        QObject::connect(&service, &EngineService::runEnded, this, [this](const RunViewPtr& run) { ended.push_back(run); });
        QObject::connect(&service, &EngineService::decoded, this, [this](RunId run, int evaluation, qint64 image, const Result<Picture>& picture) {
            decodes.push_back({run, evaluation, image, picture, ended.size()});
        });
    }
    RunViewPtr endOf(RunId id) const {
        for (const RunViewPtr& run : ended)
            if (run->id == id) return run;
        return nullptr;
    }
    struct Decode {
        RunId run;
        int evaluation;
        qint64 image;
        Result<Picture> picture;
        size_t endedBefore;
    };
    std::vector<OpenModelPtr> models;
    std::vector<EngineError> failures;
    std::vector<double> shares;
    std::vector<RunViewPtr> started, grown, ended;
    std::vector<RunProgress> progress;
    std::vector<Decode> decodes;
};

struct Bench {
    EngineService service{{MOESCOPE_RESOURCES, 2, "auto"}};
    Ears heard{service};

    bool open(const ModelOrder& order = {.builtIn = "embedded-emoji"}) {
        service.openModel(order);
        return QTest::qWaitFor([&] { return service.modelState() == ModelState::Ready; }, 60000);
    }
    GenerationOrder order(int label = 66, int steps = 3, int images = 1) const {
        GenerationOrder made;
        made.model = service.model();
        made.request = test::quickRequest(*made.model->checkpoint, label, 7, steps);
        made.request.classes.assign(static_cast<size_t>(images), label);
        made.title = QStringLiteral("class %1").arg(label);
        return made;
    }
    bool waitForEnd(RunId id) {
        return QTest::qWaitFor([&] { return heard.endOf(id) != nullptr; }, 120000);
    }
};

/// A copy of the embedded model with its last bytes changed or cut off.
std::filesystem::path damagedCopy(const test::TemporaryFolder& folder, const char* name, std::string_view lastBytes, size_t cut = 0) {
    std::vector<std::byte> bytes = test::fileBytes(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors");
    std::memcpy(bytes.data() + bytes.size() - lastBytes.size(), lastBytes.data(), lastBytes.size());
    bytes.resize(bytes.size() - cut);
    test::writeFile(folder / name, bytes);
    return folder / name;
}

std::string bytesOf(float value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}
const std::string kNan = bytesOf(std::numeric_limits<float>::quiet_NaN());

QVector<RunId> idsOf(const QVector<JobInfo>& jobs) {
    QVector<RunId> ids;
    for (const JobInfo& job : jobs) ids.push_back(job.id);
    return ids;
}

}  // namespace

class EngineServiceTest : public QObject {
    Q_OBJECT

private slots:
    void opensTheEmbeddedModel() {
        Bench bench;
        QCOMPARE(bench.service.modelState(), ModelState::None);
        QVERIFY(!bench.service.model());
        QVERIFY(bench.open());
        const OpenModelPtr model = bench.service.model();
        QVERIFY(model->labels && model->labels->size() == 256);
        QVERIFY(!model->name.isEmpty());
        QVERIFY(model->bytesNeeded > 0);
        QVERIFY(model->vae.empty());
        QVERIFY(model->vaeAdvice.isEmpty());
        QCOMPARE(bench.heard.models.size(), size_t(1));
        QVERIFY(!bench.heard.shares.empty());
        QCOMPARE(bench.heard.shares.back(), 1.0);
        QVERIFY(bench.service.deviceText().startsWith("CPU"));
        QVERIFY(bench.heard.failures.empty());
    }

    void makesWhatTheEngineMakesBitForBit() {
        Bench bench;
        QVERIFY(bench.open());
        GenerationOrder order = bench.order(66, 3);
        order.request.classes = {66, 0, 187, 149, 12};  // more than one group
        const GenerationRequest request = order.request;
        const RunId id = bench.service.generate(std::move(order));
        QVERIFY(bench.waitForEnd(id));
        const RunViewPtr run = bench.heard.endOf(id);
        QCOMPARE(run->state, RunState::Finished);
        QVERIFY(!run->error);
        const test::EmbeddedModel direct = test::loadEmbedded(2);
        const auto wanted = test::runToEnd(*direct.denoiser, request);
        QVERIFY(run->record->parameters == wanted->parameters);
        QVERIFY(run->record->finalLatents.data == wanted->finalLatents.data);
        QVERIFY(run->record->pictures == wanted->pictures);
        QCOMPARE(run->evaluations.size(), wanted->evaluations.size());
        QCOMPARE(run->routing->records.size(), wanted->routing.records.size());
        QVERIFY(run->routing->records.back()->expert == wanted->routing.records.back()->expert);
        QVERIFY(*run->pictures[4] == wanted->pictures[4]);
        // What a going view says of itself is what the finished one says, but for what only the end can tell.
        GenerationParameters before = bench.heard.started.front()->parameters;
        before.noiseHash = run->parameters.noiseHash;
        before.nfe = run->parameters.nfe;
        before.device = run->parameters.device;
        QVERIFY(before == run->parameters);
        QCOMPARE(bench.heard.started.front()->plannedEvaluations, run->plannedEvaluations);
    }

    void growsThroughViewsThatShareTheirParts() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId id = bench.service.generate(bench.order(66, 6, 5));
        QVERIFY(bench.waitForEnd(id));
        const std::vector<RunViewPtr>& grown = bench.heard.grown;
        QVERIFY(grown.size() > 1);
        size_t shared = 0;
        for (size_t i = 1; i < grown.size(); ++i) {
            QVERIFY(grown[i]->evaluations.size() >= grown[i - 1]->evaluations.size());
            QVERIFY(grown[i]->routing->records.size() >= grown[i - 1]->routing->records.size());
            for (size_t e = 0; e < grown[i - 1]->evaluations.size(); ++e) shared += grown[i]->evaluations[e] == grown[i - 1]->evaluations[e];
        }
        QVERIFY(shared > 0);
        // The last one before the end shows everything, with pictures, and equals the end.
        const RunViewPtr last = grown.back(), end = bench.heard.endOf(id);
        QVERIFY(last->going());
        QCOMPARE(last->evaluations.size(), end->evaluations.size());
        for (size_t e = 0; e < end->evaluations.size(); ++e) {
            QVERIFY(last->evaluations[e]->noisy == end->evaluations[e]->noisy);
            QVERIFY(last->evaluations[e]->preview == end->evaluations[e]->preview);
        }
        for (size_t r = 0; r < end->routing->records.size(); ++r) QVERIFY(last->routing->records[r]->counts == end->routing->records[r]->counts);
        for (size_t image = 0; image < 5; ++image) QVERIFY(*last->pictures[image] == *end->pictures[image]);
        const RunProgress& progress = bench.heard.progress.back();
        QCOMPARE(progress.done, progress.total);
        QCOMPARE(progress.total, 2 * static_cast<int>(end->evaluations.size()));  // two groups
        QCOMPARE(progress.secondsLeft, 0.0);
        QVERIFY(progress.secondsPerEvaluation > 0);
    }

    void runsJobsInOrderWithUrgentOnesInFront() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId running = bench.service.generate(bench.order(1, 200));
        QTRY_VERIFY(bench.service.running());
        const RunId a = bench.service.generate(bench.order(2, 1)), b = bench.service.generate(bench.order(3, 1));
        const RunId c = bench.service.generate(bench.order(4, 1)), front = bench.service.generate(bench.order(5, 1), true);
        QCOMPARE(idsOf(bench.service.jobs()), (QVector<RunId>{running, front, a, b, c}));
        bench.service.moveJob(c, 1);
        QCOMPARE(idsOf(bench.service.jobs()), (QVector<RunId>{running, front, c, a, b}));
        bench.service.moveJob(front, 99);
        QCOMPARE(idsOf(bench.service.jobs()), (QVector<RunId>{running, c, a, b, front}));
        bench.service.moveJob(running, 3);  // not among those that wait
        QCOMPARE(idsOf(bench.service.jobs()), (QVector<RunId>{running, c, a, b, front}));
        bench.service.cancel(b);
        QCOMPARE(idsOf(bench.service.jobs()), (QVector<RunId>{running, c, a, front}));
        QCOMPARE(bench.service.jobs()[0].state, JobState::Running);
        QCOMPARE(bench.service.jobs()[1].state, JobState::Waiting);
        QCOMPARE(bench.service.jobs()[1].title, QStringLiteral("class 4"));
        bench.service.cancelRunning();
        QVERIFY(bench.waitForEnd(front));
        QVector<RunId> order;
        for (const RunViewPtr& run : bench.heard.ended) order.push_back(run->id);
        QCOMPARE(order, (QVector<RunId>{running, c, a, front}));
        QCOMPARE(bench.heard.endOf(running)->state, RunState::Cancelled);
        QCOMPARE(bench.heard.endOf(c)->state, RunState::Finished);
        QCOMPARE(bench.heard.started.size(), size_t(4));
        QVERIFY(bench.service.jobs().isEmpty());
        QVERIFY(!bench.service.running());
    }

    void keepsWhatACancelledRunFinished() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId id = bench.service.generate(bench.order(66, 300));
        QTRY_VERIFY(bench.heard.grown.size() >= 3);
        bench.service.cancel(id);
        QVERIFY(bench.waitForEnd(id));
        const RunViewPtr run = bench.heard.endOf(id);
        QCOMPARE(run->state, RunState::Cancelled);
        QVERIFY(run->record && !run->record->complete);
        QVERIFY(run->evaluations.size() >= 3);
        QVERIFY(run->evaluations.size() < 300);
        QVERIFY(run->evaluations.size() >= bench.heard.grown.back()->evaluations.size());
        QVERIFY(!run->pictures[0]);
    }

    void clearsTheQueueButNotTheRun() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId running = bench.service.generate(bench.order(1, 300));
        bench.service.generate(bench.order(2));
        bench.service.generate(bench.order(3));
        QTRY_VERIFY(bench.service.running());
        QSignalSpy jobs(&bench.service, &EngineService::jobsChanged);
        bench.service.clearQueue();
        QCOMPARE(idsOf(bench.service.jobs()), QVector<RunId>{running});
        QCOMPARE(jobs.size(), 1);
        bench.service.clearQueue();
        QCOMPARE(jobs.size(), 1);
        bench.service.cancel(running);
        QVERIFY(bench.waitForEnd(running));
        QCOMPARE(bench.heard.ended.size(), size_t(1));
    }

    void refusesARequestOutOfRangeAndGoesOn() {
        Bench bench;
        QVERIFY(bench.open());
        GenerationOrder wrong = bench.order();
        wrong.request.classes = {100000};
        const RunId bad = bench.service.generate(std::move(wrong)), good = bench.service.generate(bench.order());
        QVERIFY(bench.waitForEnd(good));
        QCOMPARE(bench.heard.endOf(bad)->state, RunState::Failed);
        QVERIFY(bench.heard.endOf(bad)->error->message.find("100000") != std::string::npos);
        QVERIFY(!bench.heard.endOf(bad)->record);
        QCOMPARE(bench.heard.endOf(good)->state, RunState::Finished);
        QCOMPARE(bench.service.generate({}), RunId(0));
    }

    void keepsWhatWasSeenWhenNumbersRunAway() {
        test::TemporaryFolder folder;
        Bench bench;
        ModelOrder huge;  // a weight that is finite and makes everything after it infinite
        huge.path = damagedCopy(folder, "huge.safetensors", bytesOf(std::numeric_limits<float>::max()));
        QVERIFY(bench.open(huge));
        const RunId id = bench.service.generate(bench.order(66, 4));
        QVERIFY(bench.waitForEnd(id));
        const RunViewPtr run = bench.heard.endOf(id);
        QCOMPARE(run->state, RunState::Failed);
        QCOMPARE(run->error->code, ErrorCode::Numeric);
        QVERIFY(run->record && !run->evaluations.empty());
    }

    void leavesTheModelThatIsThereWhenAnotherCanNotBeOpened() {
        test::TemporaryFolder folder;
        test::writeFile(folder / "text.safetensors", "this is no model");
        Bench bench;
        QVERIFY(bench.open());
        const OpenModelPtr before = bench.service.model();
        const auto refused = [&](const std::filesystem::path& path) {
            const size_t failures = bench.heard.failures.size();
            ModelOrder order;
            order.path = path;
            bench.service.openModel(order);
            return bench.service.modelState() == ModelState::Loading && QTest::qWaitFor([&] { return bench.heard.failures.size() > failures; }, 60000);
        };
        QVERIFY(refused(folder / "text.safetensors"));
        QVERIFY(refused(folder / "not there.safetensors"));
        QVERIFY(refused(damagedCopy(folder, "short.safetensors", "", 1000)));
        QCOMPARE(bench.service.model(), before);
        QCOMPARE(bench.service.modelState(), ModelState::Ready);
        QCOMPARE(bench.heard.models.size(), size_t(1));

        QVERIFY(refused(damagedCopy(folder, "nan.safetensors", kNan)));  // found while the weights are read
        QVERIFY(bench.heard.failures.back().message.find("NaN") != std::string::npos);
        QCOMPARE(bench.service.model(), before);
        QCOMPARE(bench.heard.models.size(), size_t(3));  // shown, and taken back
        QTRY_COMPARE(bench.service.modelState(), ModelState::Ready);
        const RunId id = bench.service.generate(bench.order());
        QVERIFY(bench.waitForEnd(id));
        QCOMPARE(bench.heard.endOf(id)->state, RunState::Finished);
    }

    void hasNoModelWhenTheFirstOneIsDamaged() {
        test::TemporaryFolder folder;
        Bench bench;
        ModelOrder order;
        order.path = damagedCopy(folder, "nan.safetensors", kNan);
        bench.service.openModel(order);
        QTRY_COMPARE(bench.heard.failures.size(), size_t(1));
        QVERIFY(!bench.service.model());
        QCOMPARE(bench.service.modelState(), ModelState::Failed);
        QVERIFY(bench.open());
    }

    void refusesAModelThatDoesNotFitIntoMemory() {
        const auto opened = openModelHeaders({}, MOESCOPE_RESOURCES, 0, 1000);
        QVERIFY(!opened.ok());
        QCOMPARE(opened.error().code, ErrorCode::OutOfMemory);
        QVERIFY(openModelHeaders({}, MOESCOPE_RESOURCES, int64_t{1} << 40, 1000).ok());  // the one that goes makes room
    }

    void takesTheLastOfSeveralThatAreOpenedQuickly() {
        test::TemporaryFolder folder;
        test::writeFile(folder / "text.safetensors", "this is no model");
        Bench bench;
        ModelOrder broken, half{.builtIn = "embedded-emoji"};
        broken.path = folder / "text.safetensors";
        half.storage = MS_BF16;
        bench.service.openModel({.builtIn = "embedded-emoji"});
        bench.service.openModel(broken);
        bench.service.openModel(half);
        QTRY_COMPARE(bench.service.modelState(), ModelState::Ready);
        QCOMPARE(bench.service.model()->order.storage, MS_BF16);
        QCOMPARE(bench.heard.models.size(), size_t(1));
        QVERIFY(bench.heard.failures.empty());
    }

    void jobsKeepTheModelTheyWereOrderedFor() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId first = bench.service.generate(bench.order(66, 3)), second = bench.service.generate(bench.order(66, 3));
        ModelOrder half{.builtIn = "embedded-emoji"};
        half.storage = MS_BF16;
        QVERIFY(bench.open(half));
        QVERIFY(bench.waitForEnd(second));
        QVERIFY(bench.heard.endOf(first)->record->finalLatents.data == bench.heard.endOf(second)->record->finalLatents.data);
        const RunId third = bench.service.generate(bench.order(66, 3));
        QVERIFY(bench.waitForEnd(third));
        QVERIFY(bench.heard.endOf(first)->record->finalLatents.data != bench.heard.endOf(third)->record->finalLatents.data);
    }

    void unloadsAndLoadsAgainForAJob() {
        Bench bench;
        QVERIFY(bench.open());
        const RunId before = bench.service.generate(bench.order());
        bench.service.unloadModel();
        QVERIFY(bench.waitForEnd(before));
        QTRY_COMPARE(bench.service.modelState(), ModelState::None);
        QVERIFY(bench.service.model());
        const RunId after = bench.service.generate(bench.order());
        QVERIFY(bench.waitForEnd(after));
        QCOMPARE(bench.service.modelState(), ModelState::Ready);
        QVERIFY(bench.heard.endOf(before)->record->finalLatents.data == bench.heard.endOf(after)->record->finalLatents.data);
    }

    void dropsAModelThatIsUnloadedWhileItIsOpened() {
        Bench bench;
        bench.service.openModel({.builtIn = "embedded-emoji"});
        bench.service.unloadModel();
        QCOMPARE(bench.service.modelState(), ModelState::None);
        QTest::qWait(200);
        QVERIFY(!bench.service.model());
        QVERIFY(bench.open());
    }

    void decodesBetweenTheEvaluationsOfARun() {
        Bench bench;
        QVERIFY(bench.open());
        GenerationOrder order = bench.order(66, 4, 2);
        order.request.precision = LatentPrecision::F32;
        const RunId first = bench.service.generate(std::move(order));
        QVERIFY(bench.waitForEnd(first));
        const RunViewPtr run = bench.heard.endOf(first);
        const int last = static_cast<int>(run->evaluations.size()) - 1;
        bench.service.generate(bench.order(1, 400));
        QTRY_VERIFY(bench.service.running());
        bench.service.generate(bench.order(2, 400));
        bench.service.decode(run, last, 1);
        bench.service.decode(run, 99, 0);
        QTRY_COMPARE(bench.heard.decodes.size(), size_t(2));
        QCOMPARE(bench.heard.decodes[0].endedBefore, size_t(1));  // the long run is still going
        QCOMPARE(bench.heard.decodes[0].run, first);
        QCOMPARE(bench.heard.decodes[0].evaluation, last);
        QCOMPARE(bench.heard.decodes[0].image, qint64(1));
        QVERIFY(bench.heard.decodes[0].picture.ok());
        QVERIFY(*bench.heard.decodes[0].picture == toPicture(*cleanEstimate(*run, last, 1)).value());
        QVERIFY(!bench.heard.decodes[1].picture.ok());
        bench.service.clearQueue();
        bench.service.cancelRunning();
        QTRY_VERIFY(!bench.service.running());
    }

    void decodesLatentsWithTheVaeOfTheModel() {
        Bench bench;
        ModelOrder latent;
        latent.path = kGolden / "dsmoe-tiny";
        latent.vae = kGolden / "vae-tiny";
        QVERIFY(bench.open(latent));
        QVERIFY(bench.service.model()->vaeAdvice.isEmpty());
        GenerationOrder order = bench.order(3, 2);
        const RunId id = bench.service.generate(order);
        QVERIFY(bench.waitForEnd(id));
        const RunViewPtr run = bench.heard.endOf(id);
        QCOMPARE(run->state, RunState::Finished);
        const int64_t side = run->latentShape[2];
        QCOMPARE(run->pictures[0]->width, static_cast<int>(8 * side));
        QCOMPARE(pictureSpace(*run), PictureSpace::SdLatent);
        const int last = static_cast<int>(run->evaluations.size()) - 1;
        // During a run of the same model, whose bits must not change by it.
        const RunId beside = bench.service.generate(order);
        bench.service.decode(run, last, 0);
        QVERIFY(bench.waitForEnd(beside));
        QTRY_COMPARE(bench.heard.decodes.size(), size_t(1));
        QVERIFY(bench.heard.endOf(beside)->record->finalLatents.data == run->record->finalLatents.data);
        QVERIFY(bench.heard.endOf(beside)->record->pictures == run->record->pictures);
        Backend backend(cpuBackendTable(), {2, "auto"});
        const auto vae = AutoencoderKl::load(backend, kGolden / "vae-tiny").orThrow();
        QVERIFY(bench.heard.decodes[0].picture.ok());
        QVERIFY(*bench.heard.decodes[0].picture == finishedPicture(PictureSpace::SdLatent, vae.get(), *cleanEstimate(*run, last, 0)));
    }

    void saysWhatADecodeWithoutVaeNeeds() {
        Bench bench;
        QVERIFY(bench.open());
        RunRecord record;
        record.images = 1;
        record.latentShape = {4, 2, 2};
        record.parameters.width = record.parameters.height = 16;
        EvaluationRecord evaluation;
        evaluation.noisy = evaluation.velocity = packLatents(std::vector<float>(16, 0.5f), LatentPrecision::F16);
        record.evaluations.push_back(evaluation);
        bench.service.decode(viewOf(std::make_shared<const RunRecord>(record), 77, RunState::Reopened), 0, 0);
        QTRY_COMPARE(bench.heard.decodes.size(), size_t(1));
        QVERIFY(bench.heard.decodes[0].picture.error().message.find("VAE") != std::string::npos);
    }

    void refusesAVaeThatIsNotThere() {
        Bench bench;
        ModelOrder latent;
        latent.path = kGolden / "dsmoe-tiny";
        latent.vae = kGolden / "rng";
        bench.service.openModel(latent);
        QTRY_COMPARE(bench.heard.failures.size(), size_t(1));
        QVERIFY(!bench.service.model());
    }

    void tellsNothingAfterDestruction() {
        auto bench = std::make_unique<Bench>();
        QVERIFY(bench->open());
        bench->service.generate(bench->order(66, 500));
        bench->service.generate(bench->order(67, 500));
        QTRY_VERIFY(!bench->heard.grown.empty());
        bench->service.openModel({.builtIn = "embedded-emoji"});
        bench.reset();
        QTest::qWait(100);  // what was on its way would come now
    }

    void isDestroyedWhileAModelIsLoading() {
        for (int round = 0; round < 3; ++round) {
            Bench bench;
            bench.service.openModel({.builtIn = "embedded-emoji"});
            QTest::qWait(5 * round);
        }
    }

    void worksOnADeviceThatCanNotBeMade() {
        EngineService service({MOESCOPE_RESOURCES, 1, "no such instructions"});
        Ears heard(service);
        service.openModel({.builtIn = "embedded-emoji"});
        QTRY_COMPARE(heard.failures.size(), size_t(1));
        QVERIFY(!heard.failures[0].message.empty());
        QVERIFY(service.deviceText().isEmpty());
    }
};

QTEST_GUILESS_MAIN(EngineServiceTest)
#include "engine_service_test.moc"
