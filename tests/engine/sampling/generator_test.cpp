// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/sampling/generator.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/cpu/isa.h"
#include "tests/support/embedded_model.h"

namespace moescope {
namespace {

using test::EmbeddedModel;
using test::loadEmbedded;
using test::quickRequest;
using test::runToEnd;

class Generation : public testing::Test {
protected:
    static void SetUpTestSuite() { s_model = new EmbeddedModel(loadEmbedded(2)); }
    static void TearDownTestSuite() {
        delete s_model;
        s_model = nullptr;
    }
    const Denoiser& denoiser() const { return *s_model->denoiser; }
    GenerationRequest quick(int label = 66, uint64_t seed = 7, int steps = 4) const { return quickRequest(*s_model->checkpoint, label, seed, steps); }

    static EmbeddedModel* s_model;
};

EmbeddedModel* Generation::s_model = nullptr;

TEST_F(Generation, ImageOfABatchEqualsTheImageMadeAlone) {
    GenerationRequest batch = quick();
    batch.precision = LatentPrecision::F32;
    batch.classes = {66, 0, 187, 149, 12};  // more than one group
    const auto together = runToEnd(denoiser(), batch);
    ASSERT_EQ(together->pictures.size(), 5u);
    const size_t latent = together->finalLatents.data.size() / 5;
    for (size_t i = 0; i < 5; ++i) {
        const auto alone = runToEnd(denoiser(), quick(batch.classes[i], 7 + i));
        EXPECT_EQ(alone->pictures[0], together->pictures[i]);
        EXPECT_TRUE(std::equal(alone->finalLatents.data.begin(), alone->finalLatents.data.end(),
                               together->finalLatents.data.begin() + static_cast<std::ptrdiff_t>(i * latent)));
        const RoutingRecord& a = *alone->routing.records.front();
        const RoutingRecord& b = *together->routing.records.front();
        const size_t tokens = a.rowPtr.size() - 1, firstPair = b.rowPtr[i * tokens];
        EXPECT_TRUE(std::equal(a.expert.begin(), a.expert.end(), b.expert.begin() + static_cast<std::ptrdiff_t>(firstPair)));
    }
}

TEST_F(Generation, AnyNumberOfThreadsGivesTheSameBytes) {
    const auto reference = runToEnd(denoiser(), quick());
    for (const int threads : {1, 3}) {
        const EmbeddedModel other = loadEmbedded(threads);
        const auto run = runToEnd(*other.denoiser, quick());
        EXPECT_EQ(run->finalLatents.data, reference->finalLatents.data) << threads << " threads";
    }
}

class InstructionLevel : public testing::TestWithParam<const char*> {
protected:
    void TearDown() override { (void)cpu::selectIsa("auto"); }
};

TEST_P(InstructionLevel, ThreadsAndBatchMatesChangeNoByte) {
    if (!cpu::selectIsa(GetParam()).ok()) GTEST_SKIP() << "this processor lacks " << GetParam();
    std::vector<float> expected;
    for (const int threads : {1, 2, 3}) {
        const EmbeddedModel model = loadEmbedded(threads, GetParam());
        const auto alone = runToEnd(*model.denoiser, quickRequest(*model.checkpoint, 187, 8));
        if (expected.empty()) expected = alone->finalLatents.data;
        EXPECT_EQ(alone->finalLatents.data, expected) << threads << " threads";
        GenerationRequest batch = quickRequest(*model.checkpoint, 0, 7);
        batch.classes = {66, 187, 12};  // the second is the one above: seed 7 + 1
        const auto together = runToEnd(*model.denoiser, batch);
        const auto begin = together->finalLatents.data.begin() + static_cast<std::ptrdiff_t>(expected.size());
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), begin)) << "in a batch, " << threads << " threads";
    }
}

INSTANTIATE_TEST_SUITE_P(Each, InstructionLevel, testing::Values("avx512", "avx2"), [](const auto& info) { return std::string(info.param); });

TEST_F(Generation, CapturingMoreChangesNoBit) {
    GenerationRequest request = quick();
    request.capture.level = CaptureLevel::Counts;
    const auto least = runToEnd(denoiser(), request);
    for (const CaptureLevel level : {CaptureLevel::Assignments, CaptureLevel::Scores, CaptureLevel::Norms}) {
        request.capture.level = level;
        EXPECT_EQ(runToEnd(denoiser(), request)->finalLatents.data, least->finalLatents.data);
    }
}

TEST_F(Generation, RecordsEveryEvaluationBranchAndLayer) {
    const auto run = runToEnd(denoiser(), quick());
    EXPECT_EQ(run->evaluations.size(), 7u) << "four Heun steps, the last one Euler";
    EXPECT_EQ(run->routing.records.size(), 7u * 2u * 4u);
    for (const auto& record : run->routing.records) {
        const MoeLayerDescriptor& layer = run->routing.layers[static_cast<size_t>(record->layer)];
        const int64_t tokens = layer.tokensPerSample();
        EXPECT_EQ(tokens, layer.block < 3 ? 64 : 72);
        ASSERT_EQ(record->rowPtr.size(), static_cast<size_t>(tokens) + 1);
        EXPECT_EQ(record->expert.size(), static_cast<size_t>(2 * tokens));
        std::vector<int32_t> counts(8, 0);
        double mass = 0;
        for (const uint16_t expert : record->expert) ++counts[expert];
        for (const float gate : record->gate) mass += gate;
        EXPECT_EQ(counts, record->counts);
        EXPECT_NEAR(mass, 2.5 * static_cast<double>(tokens), 1e-3) << "gates of a token sum to the scale";
    }
}

TEST_F(Generation, KeepsScoresOnlyWhereAsked) {
    GenerationRequest request = quick();
    request.capture = {CaptureLevel::Norms, {3}, {1}};
    const auto run = runToEnd(denoiser(), request);
    int detailed = 0;
    for (const auto& record : run->routing.records) {
        const bool wanted = run->routing.layers[static_cast<size_t>(record->layer)].block == 3 &&
                            run->evaluations[static_cast<size_t>(record->evaluation)].info.step == 1;
        EXPECT_EQ(record->scores.size(), wanted ? 72u * 8u : 0u);
        EXPECT_EQ(record->inputNorm.size(), wanted ? 72u : 0u);
        detailed += wanted;
    }
    EXPECT_EQ(detailed, 4) << "two stages, two branches";
}

TEST_F(Generation, CleanEstimateOfTheLastEvaluationIsThePicture) {
    GenerationRequest request = quick();
    request.precision = LatentPrecision::F32;
    const auto run = runToEnd(denoiser(), request);
    const EvaluationRecord& last = run->evaluations.back();
    const std::vector<float> z = unpackLatents(last.noisy, run->precision), v = unpackLatents(last.velocity, run->precision);
    for (size_t i = 0; i < z.size(); ++i)
        ASSERT_NEAR(z[i] + (1.0f - last.info.timestep) * v[i], run->finalLatents.data[i], 1e-5);
}

TEST_F(Generation, GuidanceScaleOneIgnoresTheNegativeClass) {
    GenerationRequest request = quick();
    request.sampler.cfgScale = 1;
    const auto plain = runToEnd(denoiser(), request);
    request.negativeClass = 3;
    const auto negative = runToEnd(denoiser(), request);
    for (size_t i = 0; i < plain->finalLatents.data.size(); ++i)
        ASSERT_NEAR(plain->finalLatents.data[i], negative->finalLatents.data[i], 1e-5);
    request.sampler.cfgScale = 2.5;
    EXPECT_NE(runToEnd(denoiser(), request)->finalLatents.data, runToEnd(denoiser(), quick())->finalLatents.data);
}

TEST_F(Generation, StopsWhenAskedAndKeepsWhatWasSeen) {
    std::stop_source stop;
    struct StopAfterThree : GenerationObserver {
        std::stop_source* source = nullptr;
        void evaluationCompleted(int done, int, const EvaluationRecord&, int64_t) override {
            if (done == 3) source->request_stop();
        }
    } observer;
    observer.source = &stop;
    const auto result = generate(denoiser(), nullptr, quick(66, 7, 50), &observer, stop.get_token());
    ASSERT_TRUE(result.ok());
    ASSERT_TRUE(result->stopped.has_value());
    EXPECT_EQ(result->stopped->code, ErrorCode::Cancelled);
    EXPECT_FALSE(result->record->complete);
    EXPECT_EQ(result->record->evaluations.size(), 3u);
    EXPECT_TRUE(result->record->pictures.empty());
    EXPECT_NO_THROW(runToEnd(denoiser(), quick())) << "the model is usable afterwards";
}

TEST_F(Generation, KeepsFinishedPicturesOfACancelledBatch) {
    std::stop_source stop;
    struct StopAfterFirst : GenerationObserver {
        std::stop_source* source = nullptr;
        void pictureFinished(int64_t image, const Picture&) override {
            if (image == 2) source->request_stop();
        }
    } observer;
    observer.source = &stop;
    GenerationRequest request = quick(66, 7, 2);
    request.classes.assign(12, 66);
    const auto result = generate(denoiser(), nullptr, request, &observer, stop.get_token()).orThrow();
    ASSERT_TRUE(result.stopped.has_value());
    EXPECT_EQ(result.record->pictures.size(), 3u);
    EXPECT_EQ(result.record->images, 3);
}

TEST_F(Generation, RefusesWhatIsOutOfRangeWithASentence) {
    const auto sentence = [&](auto change) {
        GenerationRequest request = quick();
        change(request);
        const auto result = generate(denoiser(), nullptr, request, nullptr, {});
        return result.ok() ? std::string("accepted") : result.error().message;
    };
    using R = GenerationRequest;
    EXPECT_NE(sentence([](R& r) { r.classes = {257}; }).find("0 to 255"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.classes = {-1}; }).find("class -1"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.classes.clear(); }).find("1 to 4096"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.sampler.steps = 0; }).find("steps"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.sampler.cfgScale = NAN; }).find("guidance scale"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.sampler.cfgLow = 0.8; r.sampler.cfgHigh = 0.2; }).find("interval"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.sampler.noiseScale = -1; }).find("noise scale"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.capture = {CaptureLevel::Scores, {2}, {}}; }).find("block 2"), std::string::npos);
    EXPECT_NE(sentence([](R& r) { r.capture = {CaptureLevel::Scores, {}, {9}}; }).find("step 9"), std::string::npos);
}

TEST_F(Generation, ANullClassGivesAPictureWithoutGuidanceEffect) {
    GenerationRequest request = quick(256);
    EXPECT_EQ(runToEnd(denoiser(), request)->pictures.size(), 1u);
}

}  // namespace
}  // namespace moescope
