// SPDX-License-Identifier: GPL-3.0-or-later
// Whole runs of small models that are sampled as discrete diffusions or as flows with their data at t = 0.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/sampling/diffusion_schedule.h"
#include "tests/support/embedded_model.h"

namespace moescope {
namespace {

using test::EmbeddedModel;
using test::runToEnd;

const std::filesystem::path kGolden = MOESCOPE_TEST_DATA "/golden";

EmbeddedModel opened(const std::string& file, int threads = 2, nlohmann::json settings = {{"num_heads", 2}, {"top_k", 2}}) {
    EmbeddedModel model;
    CheckpointOptions options;
    options.settings = std::move(settings);
    model.checkpoint = Checkpoint::open(kGolden / file, options).orThrow();
    model.backend = std::make_unique<Backend>(cpuBackendTable(), BackendOptions{threads, "auto"});
    model.denoiser = model.checkpoint->load(*model.backend).orThrow();
    return model;
}

const std::string kDiffusion = "ditmoe-s-tiny/dit_moe_tiny_8E2A.pt", kPrototypes = "promoe-tiny/ckpt_step_500000.pth";

GenerationRequest request(const EmbeddedModel& model, std::vector<int> classes, uint64_t seed, int steps) {
    GenerationRequest r;
    r.sampler = model.checkpoint->description().defaults;
    r.sampler.steps = steps;
    r.classes = std::move(classes);
    r.seed = seed;
    r.precision = LatentPrecision::F32;
    return r;
}

class DiscreteDiffusionRun : public testing::Test {
protected:
    static void SetUpTestSuite() { s_model = new EmbeddedModel(opened(kDiffusion)); }
    static void TearDownTestSuite() {
        delete s_model;
        s_model = nullptr;
    }
    static EmbeddedModel* s_model;
};

EmbeddedModel* DiscreteDiffusionRun::s_model = nullptr;

TEST_F(DiscreteDiffusionRun, ImageOfABatchEqualsTheImageMadeAlone) {
    std::vector<int> classes;
    for (int i = 0; i < 9; ++i) classes.push_back(100 * i);  // 36 tokens and two branches each: more than one group
    for (const auto kind : {NoiseSpec::Kind::TorchCpu, NoiseSpec::Kind::TorchCuda}) {
        GenerationRequest batch = request(*s_model, classes, 40, 6);
        batch.noise.kind = kind;
        const auto together = runToEnd(*s_model->denoiser, batch);
        const size_t latent = together->finalLatents.data.size() / classes.size();
        for (const size_t i : {size_t{0}, size_t{6}, size_t{8}}) {
            GenerationRequest one = request(*s_model, {classes[i]}, 40 + i, 6);
            one.noise.kind = kind;
            const auto alone = runToEnd(*s_model->denoiser, one);
            EXPECT_TRUE(std::equal(alone->finalLatents.data.begin(), alone->finalLatents.data.end(),
                                   together->finalLatents.data.begin() + static_cast<std::ptrdiff_t>(i * latent)))
                << i;
        }
    }
}

TEST_F(DiscreteDiffusionRun, StepsAddNoiseOfTheirOwnUnlessDeterministic) {
    GenerationRequest ddpm = request(*s_model, {5}, 1, 6), ddim = ddpm, noisy = ddpm, other = ddpm;
    ddim.sampler.sampler = noisy.sampler.sampler = SamplerKind::Ddim;
    noisy.sampler.eta = 1;
    const auto first = runToEnd(*s_model->denoiser, ddpm)->finalLatents.data;
    EXPECT_EQ(runToEnd(*s_model->denoiser, ddpm)->finalLatents.data, first) << "the same seed gives the same noise";
    const auto plain = runToEnd(*s_model->denoiser, ddim)->finalLatents.data;
    EXPECT_NE(plain, first);
    EXPECT_NE(runToEnd(*s_model->denoiser, noisy)->finalLatents.data, plain);
    other.seed = 2;
    EXPECT_NE(runToEnd(*s_model->denoiser, other)->finalLatents.data, first);
}

TEST_F(DiscreteDiffusionRun, RecordsTimestepsLevelsAndVelocitiesToTheData) {
    GenerationRequest r = request(*s_model, {5}, 1, 5);
    r.sampler.respacing = "3,2,0,0,0";
    const auto run = runToEnd(*s_model->denoiser, r);
    ASSERT_EQ(run->evaluations.size(), 5u);
    const float expected[] = {399, 200, 199, 100, 0};
    for (size_t e = 0; e < 5; ++e) EXPECT_EQ(run->evaluations[e].info.timestep, expected[e]);
    EXPECT_EQ(run->parameters.sampler, "ddpm");
    EXPECT_EQ(run->parameters.respacing, "3,2,0,0,0");
    EXPECT_EQ(run->parameters.tEps, 0);
    EXPECT_EQ(run->parameters.nfe, (std::vector<double>{399, 200, 199, 100, 0}));
    // The last step goes to the clean estimate itself.
    const EvaluationRecord& last = run->evaluations.back();
    const auto noisy = unpackLatents(last.noisy, run->precision), velocity = unpackLatents(last.velocity, run->precision);
    float largest = 0;
    for (const float value : run->finalLatents.data) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < noisy.size(); ++i)
        EXPECT_NEAR(noisy[i] + last.info.noiseLevel * velocity[i], run->finalLatents.data[i], 4 * 0x1p-23f * largest);
}

TEST_F(DiscreteDiffusionRun, RefusesSamplersOfFlows) {
    GenerationRequest r = request(*s_model, {5}, 1, 5);
    r.sampler.sampler = SamplerKind::Heun;
    const Status status = checkRequest(s_model->checkpoint->description(), r);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("choose ddpm or ddim"), std::string::npos) << status.error().message;
}

TEST_F(DiscreteDiffusionRun, AnyNumberOfThreadsGivesTheSameBytes) {
    const EmbeddedModel one = opened(kDiffusion, 1);
    const GenerationRequest r = request(*s_model, {5, 6}, 1, 4);
    EXPECT_EQ(runToEnd(*one.denoiser, r)->finalLatents.data, runToEnd(*s_model->denoiser, r)->finalLatents.data);
}

TEST(DataAtZeroRun, RecordsTheScaledTimeAndTheNoiseLevel) {
    const EmbeddedModel model = opened(kPrototypes, 2, {{"num_heads", 2}, {"top_k", 1}});
    GenerationRequest r = request(model, {5}, 1, 4);
    r.sampler.shift = 3;
    const auto run = runToEnd(*model.denoiser, r);
    const float levels[] = {1, 0.9f, 0.75f, 0.5f};
    ASSERT_EQ(run->evaluations.size(), 4u);
    for (size_t e = 0; e < 4; ++e) {
        EXPECT_EQ(run->evaluations[e].info.noiseLevel, levels[e]);
        EXPECT_EQ(run->evaluations[e].info.timestep, levels[e] * 1000);
    }
    EXPECT_EQ(run->parameters.shift, 3);
    const EvaluationRecord& last = run->evaluations.back();
    const auto noisy = unpackLatents(last.noisy, run->precision), velocity = unpackLatents(last.velocity, run->precision);
    for (size_t i = 0; i < noisy.size(); ++i)
        EXPECT_FLOAT_EQ(noisy[i] + last.info.noiseLevel * velocity[i], run->finalLatents.data[i]);
}

TEST(DataAtZeroRun, TokensWithoutAConditionGoToTheirOwnExpert) {
    const EmbeddedModel model = opened(kPrototypes, 2, {{"num_heads", 2}, {"top_k", 1}});
    const auto run = runToEnd(*model.denoiser, request(model, {5, 1000}, 1, 2));
    const MoeLayerDescriptor& layer = run->routing.layers.front();
    EXPECT_EQ(layer.policy, RoutingPolicy::Prototype);
    EXPECT_EQ(layer.experts, 13);
    EXPECT_EQ(layer.unconditionalExpert, 12);
    const int64_t tokens = layer.tokensPerSample();
    const RoutingRecord& cond = *run->routing.find(0, Branch::Cond, 0);
    EXPECT_EQ(cond.counts[12], 0);
    EXPECT_EQ(cond.counts[13 + 12], tokens) << "a class prompt that is the null class has no condition either";
    const RoutingRecord& uncond = *run->routing.find(0, Branch::Uncond, 0);
    EXPECT_EQ(uncond.counts[12], tokens);
    EXPECT_EQ(uncond.mass[12], static_cast<float>(tokens));
}

}  // namespace
}  // namespace moescope
