// SPDX-License-Identifier: GPL-3.0-or-later
// A run put together from the engine's facts, group by group, against the run as it is when all is done.
#include "ui/session/run_assembler.h"

#include <QtTest>

#include "tests/support/sample_run.h"
#include "ui/session/clean_estimate.h"
#include "ui/session/run_progress.h"
#include "viz/aggregate/load.h"

using namespace moescope;

namespace {

template <class T>
std::vector<T> part(const std::vector<T>& all, size_t image, size_t images) {
    const size_t each = all.size() / images;
    return {all.begin() + static_cast<std::ptrdiff_t>(image * each), all.begin() + static_cast<std::ptrdiff_t>((image + 1) * each)};
}

/// One image of a record of two, as a group of one would have captured it.
std::shared_ptr<const RoutingRecord> imageOf(const RoutingRecord& both, size_t image) {
    auto one = std::make_shared<RoutingRecord>(both);
    one->counts = part(both.counts, image, 2);
    one->mass = part(both.mass, image, 2);
    const size_t tokens = (both.rowPtr.size() - 1) / 2;
    const uint32_t first = both.rowPtr[image * tokens], end = both.rowPtr[(image + 1) * tokens];
    one->rowPtr.clear();
    for (size_t token = 0; token <= tokens; ++token) one->rowPtr.push_back(both.rowPtr[image * tokens + token] - first);
    one->expert.assign(both.expert.begin() + first, both.expert.begin() + end);
    one->gate.assign(both.gate.begin() + first, both.gate.begin() + end);
    one->scores = part(both.scores, image, 2);
    one->inputNorm = part(both.inputNorm, image, 2);
    one->routedNorm = part(both.routedNorm, image, 2);
    one->sharedNorm = part(both.sharedNorm, image, 2);
    return one;
}

EvaluationRecord imageOf(const EvaluationRecord& both, size_t image) {
    return {both.info, part(both.noisy, image, 2), part(both.velocity, image, 2), part(both.preview, image, 2)};
}

void compare(const RoutingRecord& got, const RoutingRecord& wanted) {
    QCOMPARE(got.evaluation, wanted.evaluation);
    QCOMPARE(got.branch, wanted.branch);
    QCOMPARE(got.layer, wanted.layer);
    QCOMPARE(got.pool, wanted.pool);
    QVERIFY(got.counts == wanted.counts);
    QVERIFY(got.mass == wanted.mass);
    QVERIFY(got.rowPtr == wanted.rowPtr);
    QVERIFY(got.expert == wanted.expert);
    QVERIFY(got.gate == wanted.gate);
    QVERIFY(got.scores == wanted.scores);
    QVERIFY(got.inputNorm == wanted.inputNorm);
    QVERIFY(got.routedNorm == wanted.routedNorm);
    QVERIFY(got.sharedNorm == wanted.sharedNorm);
}

}  // namespace

class RunAssemblerTest : public QObject {
    Q_OBJECT

    RunRecord m_run = test::sampleRun();
    ModelDescription m_model;
    GenerationRequest m_request;

    /// Group `image` of the batch, up to and with evaluation `last`.
    void feed(RunAssembler& assembler, size_t image, int first, int last) const {
        for (int evaluation = first; evaluation <= last; ++evaluation) {
            for (const auto& record : m_run.routing.records)
                if (record->evaluation == evaluation) assembler.routingCaptured(imageOf(*record, image), static_cast<int64_t>(image));
            assembler.evaluationCompleted(imageOf(m_run.evaluations[static_cast<size_t>(evaluation)], image), static_cast<int64_t>(image));
        }
    }

private slots:
    void initTestCase() {
        m_model.family = "sample";
        m_model.config.inChannels = 1;
        m_model.config.patch = 2;
        m_model.config.grid = 1;
        m_model.space = PictureSpace::Pixels;
        m_model.prediction = Prediction::CleanImage;
        m_model.moeLayers = m_run.routing.layers;
        m_request.classes = {3, 5};
        m_request.seed = 7;
        m_request.sampler.sampler = SamplerKind::Heun;
        m_request.sampler.steps = 2;
    }

    void startsWithWhatIsKnownBeforeTheFirstEvaluation() {
        const RunViewPtr view = RunAssembler(9, m_model, m_request).view();
        QCOMPARE(view->id, RunId(9));
        QVERIFY(view->going());
        QCOMPARE(view->images, 2);
        QVERIFY(view->classIds == m_request.classes);
        QVERIFY(view->latentShape == (Shape{1, 2, 2}));
        QCOMPARE(view->previewWidth, 2);
        QCOMPARE(view->plannedEvaluations, 3);
        QCOMPARE(view->parameters.seed, uint64_t(7));
        QCOMPARE(view->parameters.steps, 2);
        QCOMPARE(view->routing->layers.size(), size_t(3));
        QCOMPARE(view->routing->images, 2);
        QCOMPARE(view->pictures.size(), size_t(2));
        QVERIFY(view->evaluations.empty());
        QVERIFY(!view->record);
    }

    void showsRoutingTogetherWithItsEvaluation() {
        RunAssembler assembler(1, m_model, m_request);
        assembler.routingCaptured(imageOf(*m_run.routing.records.front(), 0), 0);
        QVERIFY(assembler.view()->routing->records.empty());
        assembler.evaluationCompleted(imageOf(m_run.evaluations[0], 0), 0);
        QCOMPARE(assembler.view()->routing->records.size(), size_t(1));
        QCOMPARE(assembler.view()->evaluations.size(), size_t(1));
    }

    void sharesWhatDidNotChange() {
        RunAssembler assembler(1, m_model, m_request);
        feed(assembler, 0, 0, 0);
        const RunViewPtr before = assembler.view();
        feed(assembler, 0, 1, 1);
        const RunViewPtr after = assembler.view();
        QCOMPARE(before->evaluations.size(), size_t(1));
        QCOMPARE(after->evaluations.size(), size_t(2));
        QCOMPARE(after->evaluations[0].get(), before->evaluations[0].get());
        QCOMPARE(after->routing->records[0].get(), before->routing->records[0].get());
        assembler.pictureFinished(0, m_run.pictures[0]);
        QVERIFY(!after->pictures[0]);
        QCOMPARE(assembler.view()->routing.get(), after->routing.get());
        QVERIFY(*assembler.view()->pictures[0] == m_run.pictures[0]);
    }

    void appendsTheImagesOfALaterGroup() {
        RunAssembler assembler(1, m_model, m_request);
        feed(assembler, 0, 0, 2);
        feed(assembler, 1, 0, 2);
        const RunViewPtr view = assembler.view();
        QCOMPARE(view->evaluations.size(), m_run.evaluations.size());
        for (size_t i = 0; i < m_run.evaluations.size(); ++i) {
            QVERIFY(view->evaluations[i]->noisy == m_run.evaluations[i].noisy);
            QVERIFY(view->evaluations[i]->velocity == m_run.evaluations[i].velocity);
            QVERIFY(view->evaluations[i]->preview == m_run.evaluations[i].preview);
        }
        QCOMPARE(view->routing->records.size(), m_run.routing.records.size());
        for (size_t i = 0; i < m_run.routing.records.size(); ++i) compare(*view->routing->records[i], *m_run.routing.records[i]);
    }

    void aggregatesTakeARunInWhichALaterGroupIsUnderWay() {
        RunAssembler assembler(1, m_model, m_request);
        feed(assembler, 0, 0, 2);
        feed(assembler, 1, 0, 0);
        const RoutingTrace& growing = *assembler.view()->routing;
        LoadQuery second;
        second.image = 1;
        const Matrix load = loadOverEvaluations(growing, 0, second), whole = loadOverEvaluations(m_run.routing, 0, second);
        for (int expert = 0; expert < 3; ++expert) {
            QCOMPARE(load.at(expert, 0), whole.at(expert, 0));
            QVERIFY(!hasData(load.at(expert, 1)));
            QVERIFY(!hasData(load.at(expert, 2)));
        }
    }

    void leavesLatentsOutOfGoingViewsWhereMemoryIsShort() {
        RunAssembler assembler(1, m_model, m_request, false);
        feed(assembler, 0, 0, 0);
        QVERIFY(assembler.view()->evaluations[0]->noisy.empty());
        QVERIFY(!assembler.view()->evaluations[0]->preview.empty());
        QVERIFY(!cleanEstimate(*assembler.view(), 0, 0).ok());
    }

    void endsAsTheEngineSays() {
        RunAssembler assembler(4, m_model, m_request);
        feed(assembler, 0, 0, 1);
        const auto record = std::make_shared<const RunRecord>(m_run);
        const RunViewPtr finished = assembler.ended(record, {});
        QCOMPARE(finished->state, RunState::Finished);
        QCOMPARE(finished->id, RunId(4));
        QCOMPARE(finished->record.get(), record.get());
        QCOMPARE(finished->evaluations.size(), size_t(3));
        const RunViewPtr cancelled = assembler.ended(record, EngineError{ErrorCode::Cancelled, "cancelled"});
        QCOMPARE(cancelled->state, RunState::Cancelled);
        QCOMPARE(cancelled->record.get(), record.get());
    }

    void makesARecordOfWhatWasSeenWhenTheEngineKeptNothing() {
        RunAssembler assembler(4, m_model, m_request);
        feed(assembler, 0, 0, 1);
        const RunViewPtr failed = assembler.ended(std::make_shared<const RunRecord>(), EngineError{ErrorCode::Numeric, "NaN"});
        QCOMPARE(failed->state, RunState::Failed);
        QCOMPARE(failed->error->message, std::string("NaN"));
        QVERIFY(failed->record);
        QVERIFY(!failed->record->complete);
        QCOMPARE(failed->images, 1);
        QVERIFY(failed->classIds == std::vector<int>{3});
        QCOMPARE(failed->evaluations.size(), size_t(2));
        QCOMPARE(failed->plannedEvaluations, 2);
        QCOMPARE(failed->routing->images, 1);
        const RunViewPtr nothing = RunAssembler(5, m_model, m_request).ended(nullptr, EngineError{ErrorCode::Io, "gone"});
        QCOMPARE(nothing->state, RunState::Failed);
        QVERIFY(!nothing->record);
        QVERIFY(nothing->evaluations.empty());
    }

    void cleanEstimateFollowsTheFormula() {
        RunRecord run = m_run;
        run.parameters.tEps = 0.75;
        const RunViewPtr view = viewOf(std::make_shared<const RunRecord>(run), 1, RunState::Finished);
        const auto clean = cleanEstimate(*view, 2, 1);  // t = 0.5: the span is tEps; x = 2 + v/8, velocity = -x
        QVERIFY(clean.ok());
        QVERIFY(clean->shape == (Shape{1, 2, 2}));
        for (size_t i = 0; i < 4; ++i) QCOMPARE(clean->data[i], (2.0f + static_cast<float>(i + 4) / 8) * 0.25f);
        QVERIFY(!cleanEstimate(*view, 3, 0).ok());
        QVERIFY(!cleanEstimate(*view, 0, 2).ok());
        QVERIFY(!cleanEstimate(*view, -1, 0).ok());
    }

    void clockCountsFinishedEvaluationsOnly() {
        using namespace std::chrono_literals;
        const RunClock::Time start{};
        RunClock clock(3, start);
        RunProgress progress = clock.finished(start + 5s, 1, 11);
        QCOMPARE(progress.id, RunId(3));
        QCOMPARE(progress.secondsPerEvaluation, 5.0);
        QVERIFY(progress.secondsLeft < 0);
        clock.resume(start + 105s);  // a preview was decoded
        progress = clock.finished(start + 107s, 2, 11);
        QCOMPARE(progress.secondsPerEvaluation, 2.0);  // the first one set the run up and is no measure
        QCOMPARE(progress.secondsLeft, 18.0);
        progress = clock.finished(start + 111s, 3, 11);
        QCOMPARE(progress.secondsPerEvaluation, 3.0);
        QCOMPARE(progress.secondsLeft, 24.0);
    }
};

QTEST_GUILESS_MAIN(RunAssemblerTest)
#include "run_assembler_test.moc"
