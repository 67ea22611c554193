// SPDX-License-Identifier: GPL-3.0-or-later
// Runs on the fake GPU, which does nothing before it is waited for: recorded and pipelined, against the CPU at once.
#include "engine/sampling/evaluation_queue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/backend/plugin.h"
#include "engine/sampling/flow_sampler.h"
#include "engine/verify/verify_case.h"
#include "tests/support/embedded_model.h"
#include "tests/support/fake_plugin.h"

namespace moescope {
namespace {

using test::EmbeddedModel;
using test::FakePlugin;
using test::quickRequest;
using test::runToEnd;

EmbeddedModel onFakeGpu() {
    EmbeddedModel model;
    model.backend = std::move(openDevice(DeviceChoice::Cuda, {1, "auto"}).orThrow().backend);
    model.checkpoint = Checkpoint::open(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors").orThrow();
    model.denoiser = model.checkpoint->load(*model.backend).orThrow();
    return model;
}

void expectSameRun(const RunRecord& a, const RunRecord& b) {
    EXPECT_EQ(a.finalLatents.data, b.finalLatents.data);
    EXPECT_EQ(a.pictures, b.pictures);
    ASSERT_EQ(a.evaluations.size(), b.evaluations.size());
    for (size_t i = 0; i < a.evaluations.size(); ++i) {
        EXPECT_EQ(a.evaluations[i].info.index, b.evaluations[i].info.index);
        EXPECT_EQ(a.evaluations[i].info.timestep, b.evaluations[i].info.timestep);
        EXPECT_EQ(a.evaluations[i].noisy, b.evaluations[i].noisy) << "evaluation " << i;
        EXPECT_EQ(a.evaluations[i].velocity, b.evaluations[i].velocity) << "evaluation " << i;
        EXPECT_EQ(a.evaluations[i].preview, b.evaluations[i].preview) << "evaluation " << i;
    }
    ASSERT_EQ(a.routing.records.size(), b.routing.records.size());
    for (size_t i = 0; i < a.routing.records.size(); ++i) {
        const RoutingRecord &left = *a.routing.records[i], &right = *b.routing.records[i];
        EXPECT_EQ(left.evaluation, right.evaluation);
        EXPECT_EQ(left.branch, right.branch);
        EXPECT_EQ(left.layer, right.layer);
        EXPECT_EQ(left.counts, right.counts) << "record " << i;
        EXPECT_EQ(left.mass, right.mass) << "record " << i;
        EXPECT_EQ(left.rowPtr, right.rowPtr) << "record " << i;
        EXPECT_EQ(left.expert, right.expert) << "record " << i;
        EXPECT_EQ(left.gate, right.gate) << "record " << i;
        EXPECT_EQ(left.scores, right.scores) << "record " << i;
        EXPECT_EQ(left.inputNorm, right.inputNorm) << "record " << i;
        EXPECT_EQ(left.sharedNorm, right.sharedNorm) << "record " << i;
    }
}

/// What the CPU makes of a request.
std::shared_ptr<const RunRecord> expected(const GenerationRequest& request) {
    static const EmbeddedModel model = test::loadEmbedded(1);
    return runToEnd(*model.denoiser, request);
}

GenerationRequest sixSteps(SamplerKind sampler) {
    static const auto checkpoint = Checkpoint::open(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors").orThrow();
    GenerationRequest request = quickRequest(*checkpoint, 66, 7, 6);
    request.sampler.sampler = sampler;
    request.precision = LatentPrecision::F32;
    return request;
}

struct Case {
    SamplerKind sampler;
    bool plain;  // a device without graphs, marks and views
};

class Replays : public testing::TestWithParam<Case> {};

TEST_P(Replays, GiveTheSameBytesAndRecords) {
    FakePlugin fake;
    if (GetParam().plain) fake.set("PLAIN", "1");
    const EmbeddedModel model = onFakeGpu();
    GenerationRequest request = sixSteps(GetParam().sampler);
    request.capture = {CaptureLevel::Norms, {}, {1, 3, 4}};  // details of some steps: two forms
    const int64_t launches = fake.counts().launches, refused = fake.counts().refusedRecordings;
    const auto run = runToEnd(*model.denoiser, request);
    expectSameRun(*run, *expected(request));
    if (GetParam().plain)
        EXPECT_EQ(fake.counts().launches, launches);
    else
        EXPECT_GT(fake.counts().launches, launches);
    EXPECT_EQ(fake.counts().refusedRecordings, refused);
    expectSameRun(*runToEnd(*model.denoiser, request), *run);  // once more on the same device
}

INSTANTIATE_TEST_SUITE_P(Each, Replays,
                         testing::Values(Case{SamplerKind::Euler, false}, Case{SamplerKind::Heun, false}, Case{SamplerKind::Heun, true}));

TEST(EvaluationQueue, ReplaysAllButTheFirstEvaluationOfEachKind) {
    const FakePlugin fake;
    const EmbeddedModel model = onFakeGpu();
    const auto before = [&](const std::atomic<int64_t>& count) { return count.load(); };
    const int64_t recordings = before(fake.counts().recordings), launches = before(fake.counts().launches);
    const auto run = runToEnd(*model.denoiser, sixSteps(SamplerKind::Heun));
    EXPECT_EQ(run->evaluations.size(), 11u);
    // Kinds: look ahead (5 times), correction (5), and the closing Euler step, which comes once.
    EXPECT_EQ(fake.counts().recordings - recordings, 2);
    EXPECT_EQ(fake.counts().launches - launches, 8);
}

TEST(EvaluationQueue, FollowsGroupsOfOtherClassesWithTheSameRecordings) {
    const FakePlugin fake;
    const EmbeddedModel model = onFakeGpu();
    GenerationRequest request = sixSteps(SamplerKind::Euler);
    request.sampler.steps = 2;
    for (int label = 0; label < 60; ++label) request.classes.push_back(label);  // two groups and a smaller one
    const int64_t recordings = fake.counts().recordings;
    const auto run = runToEnd(*model.denoiser, request);
    expectSameRun(*run, *expected(request));
    EXPECT_EQ(fake.counts().recordings - recordings, 2) << "full groups share one, the last has its own size";
}

/// Notes in what order an observer hears of things.
class Order : public SamplerObserver {
public:
    int form(const EvaluationInfo&) override { return 0; }
    void evaluated(const EvaluationView& view) override { events.push_back(fmt::format("queued {}", view.info.index)); }
    void arrived() override {
        events.push_back(fmt::format("arrived {}", m_arrived++));
        if (m_arrived == stopAfter) stop.request_stop();
    }
    std::vector<std::string> events;
    std::stop_source stop;
    int stopAfter = -1;

private:
    int m_arrived = 0;
};

DeviceTensor start(const Denoiser& denoiser) {
    const TransformerConfig& c = denoiser.description().config;
    const Shape shape{1, c.inChannels, c.inputSide(), c.inputSide()};
    return denoiser.backend().tensorFrom(shape, std::vector<float>(static_cast<size_t>(elementCount(shape)), 0.25f));
}

TEST(EvaluationQueue, HearsOfAnEvaluationWhileTheNextOneIsQueued) {
    const FakePlugin fake;
    const EmbeddedModel model = onFakeGpu();
    FlowSampler sampler(*model.denoiser, sixSteps(SamplerKind::Euler).sampler, {3});
    DeviceTensor z = start(*model.denoiser);
    Order order;
    const int64_t left = fake.counts().leftBehindMarks;
    sampler.run(z, &order);
    ASSERT_EQ(order.events.size(), 12u);
    std::vector<std::string> expected{"queued 0"};
    for (int i = 1; i < 6; ++i) {
        expected.push_back(fmt::format("queued {}", i));
        expected.push_back(fmt::format("arrived {}", i - 1));
    }
    expected.push_back("arrived 5");
    EXPECT_EQ(order.events, expected);
    EXPECT_GE(fake.counts().leftBehindMarks - left, 0);
}

TEST(EvaluationQueue, StopsWithinTwoEvaluations) {
    const FakePlugin fake;
    const EmbeddedModel model = onFakeGpu();
    SamplerSettings settings = sixSteps(SamplerKind::Euler).sampler;
    settings.steps = 50;
    FlowSampler sampler(*model.denoiser, settings, {3});
    DeviceTensor z = start(*model.denoiser);
    Order order;
    order.stopAfter = 4;
    try {
        sampler.run(z, &order, order.stop.get_token());
        FAIL() << "the run went on";
    } catch (const EngineException& e) {
        EXPECT_EQ(e.error().code, ErrorCode::Cancelled);
    }
    EXPECT_EQ(order.events.back(), "arrived 3");
    order = {};
    sampler.run(z, &order);  // the same sampler works on
    EXPECT_EQ(order.events.size(), 100u);
}

TEST(EvaluationQueue, LostDeviceKeepsWhatWasSeenAndANewContextWorks) {
    FakePlugin fake(FakePlugin::Settings{{"LOST_AFTER", "4000"}});
    const GenerationRequest request = sixSteps(SamplerKind::Heun);
    {
        const EmbeddedModel model = onFakeGpu();
        GenerationRequest longer = request;
        longer.sampler.steps = 50;
        const auto broken = generate(*model.denoiser, nullptr, longer, nullptr, {});
        ASSERT_TRUE(broken.ok());
        ASSERT_TRUE(broken->stopped.has_value());
        EXPECT_EQ(broken->stopped->code, ErrorCode::DeviceLost);
        EXPECT_FALSE(broken->record->complete);
        EXPECT_GT(broken->record->evaluations.size(), 5u);
        EXPECT_LT(broken->record->evaluations.size(), 99u);
        EXPECT_TRUE(generate(*model.denoiser, nullptr, request, nullptr, {})->stopped.has_value()) << "a lost context stays lost";
    }
    const EmbeddedModel again = onFakeGpu();
    expectSameRun(*runToEnd(*again.denoiser, request), *expected(request));
}

TEST(EvaluationQueue, OutOfDeviceMemoryInARunIsASentence) {
    const FakePlugin fake;
    EmbeddedModel model = onFakeGpu();
    const std::string room = std::to_string(model.backend->memoryUsed() + 100000);
    model.denoiser.reset();
    FakePlugin small(FakePlugin::Settings{{"MEMORY", room}});
    model.backend = std::move(openDevice(DeviceChoice::Cuda, {1, "auto"}).orThrow().backend);
    LoadOptions options;
    options.available = int64_t{1} << 40;
    model.denoiser = model.checkpoint->load(*model.backend, options).orThrow();
    const auto run = generate(*model.denoiser, nullptr, sixSteps(SamplerKind::Heun), nullptr, {});
    const EngineError error = run.ok() ? run->stopped.value() : run.error();
    EXPECT_EQ(error.code, ErrorCode::DeviceMemory);
    EXPECT_NE(error.message.find("free"), std::string::npos) << error.message;
}

TEST(EvaluationQueue, ReferenceCasesPassOnADeviceThatComputesLate) {
    const FakePlugin fake;
    for (const char* name : {"dsmoe-tiny", "jitmoe-tiny", "vae-tiny"}) {
        const auto opened = openDevice(DeviceChoice::Cuda, {1, "auto"}).orThrow();
        const auto report = verifyCase(std::string(MOESCOPE_TEST_DATA "/golden/") + name, *opened.backend, {});
        ASSERT_TRUE(report.ok()) << name << ": " << report.error().message;
        EXPECT_TRUE(report->passed()) << name;
    }
}

}  // namespace
}  // namespace moescope
