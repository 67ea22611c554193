// SPDX-License-Identifier: GPL-3.0-or-later
// A U-Net and a transformer as experts of one ensemble: what they make together, held against each of them asked by
// itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "engine/ensemble/ensemble.h"
#include "engine/ensemble/learned_router.h"
#include "engine/model/network_request.h"
#include "engine/sampling/flow_sampler.h"
#include "tests/support/random_tensor.h"
#include "tests/support/unet_fixture.h"

namespace moescope {
namespace {

const std::filesystem::path kTransformer = MOESCOPE_TEST_DATA "/golden/jitmoe-tiny";
constexpr int64_t kSide = 32, kPixels = 3 * kSide * kSide, kClasses = 10;

/// Keeps the mixture's weights [samples, 2].
class WeightProbe final : public DenoiserObserver {
public:
    WeightProbe(Backend& backend, int64_t samples) : weights(backend.tensor({samples, 2})) {
        m_routing.size = sizeof(MsRouting);
        m_routing.mass = weights.get();
    }
    const MsRouting* routingFor(int layer) override { return layer == 0 ? &m_routing : nullptr; }
    DeviceTensor weights;

private:
    MsRouting m_routing{};
};

/// One question to a network or to a mixture of them; pictures [n, 3, 32, 32].
struct Question {
    std::vector<float> pictures, times;
    std::vector<int32_t> classes;
    NetworkRequest request{
        .words = "three small boats", .negativeWords = "", .prompts = {}, .nullPrompt = {}, .edits = {}};

    int64_t samples() const { return static_cast<int64_t>(times.size()); }
};

/// The answer [n, ...] and, of mixtures, the weights [n, 2].
std::pair<std::vector<float>, std::vector<float>> ask(const Denoiser& network, const Question& question) {
    Backend& backend = network.backend();
    const int64_t n = question.samples();
    DeviceTensor labels = backend.tensor({n}, MS_I32);
    backend.upload(labels, std::span<const int32_t>(question.classes));
    Condition condition{labels};
    condition.networks = &question.request;
    const auto workspace = network.makeWorkspace(n);
    const bool mixture = !network.description().networks.empty();
    WeightProbe probe(backend, n);
    network.forward(*workspace, backend.tensorFrom({n, 3, kSide, kSide}, question.pictures),
                    backend.tensorFrom({n}, question.times), condition, mixture ? &probe : nullptr);
    return {backend.fetch(workspace->output()).data,
            mixture ? backend.fetch(probe.weights).data : std::vector<float>()};
}

float largest(std::span<const float> values) {
    float most = 0;
    for (const float value : values) most = std::max(most, std::abs(value));
    return most;
}

/// Expected values and how far fp32 may be away from them.
struct Expected {
    std::vector<double> values;
    double tolerance = 0;
};

class UnetExpert : public testing::Test {
protected:
    UnetExpert() {
        unet.editConfig([](nlohmann::json& config) { config["sample_size"] = kSide; });
        unet.write("scheduler_config.json",
                   R"({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})");
        std::ifstream stream(kTransformer / "case.json");
        const nlohmann::json settings = nlohmann::json::parse(stream).at("config");

        // Linear in the hashed prompt and the time, so that the weights change along a run and between the branches.
        LearnedRouterWeights router;
        router.timeWidth = 4;
        router.outWeight = test::randomTensor({2, 12}, 5);
        router.outBias = test::randomTensor({2}, 6);
        writeLearnedRouter(unet.path() / "mix.router.safetensors", router, {}).orThrow();
        EnsembleFile file;
        file.router = {{"kind", "learned"},
                       {"file", "mix.router.safetensors"},
                       {"time_width", 4},
                       {"prompt", {{"source", "hashed"}, {"width", 8}, {"hash", "fnv1a64-signs"}}}};
        file.topK = 2;
        file.eachBranch = true;
        file.experts.resize(2);
        file.experts[0].name = "unet";
        file.experts[0].file = unet.path();
        file.experts[1].name = "transformer";
        file.experts[1].file = kTransformer / "checkpoint-last.pth";
        file.experts[1].weightSet = "model_ema1";
        file.experts[1].settings = settings;
        mixture = Ensemble::make(file, unet.path() / "mix.moe.json").orThrow()->load(backend).orThrow();
        network[0] = unet.open()->load(backend).orThrow();
        network[1] =
            Checkpoint::open(file.experts[1].file, {"model_ema1", settings}).orThrow()->load(backend).orThrow();

        double share = 1;
        for (int i = 0; i < 1000; ++i) {
            const double root = std::sqrt(0.00085) + (std::sqrt(0.012) - std::sqrt(0.00085)) * i / 999;
            signal.push_back(share *= 1 - root * root);
        }
    }

    static Question question() {
        Question q;
        q.times = {0, 0.03f, 0.4f, 0.9f,
                   1};  // before the noisiest timestep, at it, between two, near the end, at the end
        q.classes = {3, 0, 9, kClasses, 5};
        q.pictures = test::randomTensor({5, 3, kSide, kSide}, 11).data;
        return q;
    }

    /// The velocity of one network alone from the definition, in double; the network is asked by itself. An output is
    /// as exact as `verify` asks (5e-6 of the largest), which the conversion magnifies; the rest is a few roundings of
    /// the terms.
    Expected velocityAlone(size_t expert, const Question& q, size_t sample) const {
        constexpr double kForward = 5e-6, kRoundings = 8 * static_cast<double>(std::numeric_limits<float>::epsilon());
        const double t = static_cast<double>(q.times[sample]), length = std::sqrt(t * t + (1 - t) * (1 - t));
        Question own;
        own.classes = {q.classes[sample]};
        const auto z = std::span(q.pictures).subspan(sample * kPixels, kPixels);
        own.pictures.assign(z.begin(), z.end());
        own.times = {q.times[sample]};
        double a = 1, s = 0;
        if (expert == 0) {
            const double wanted = std::clamp(t * t / (length * length), signal.back(), signal.front());
            size_t i = 0;
            while (i + 2 < signal.size() && signal[i + 1] > wanted) ++i;
            own.times = {
                static_cast<float>(static_cast<double>(i) + (signal[i] - wanted) / (signal[i] - signal[i + 1]))};
            for (float& value : own.pictures) value = static_cast<float>(static_cast<double>(value) / length);
            a = std::sqrt(wanted);
            s = std::sqrt(1 - wanted);
        }
        const std::vector<float> given = ask(*network[expert], own).first;
        Expected expected;
        const double span = std::max(1 - t, 0.05), most = static_cast<double>(largest(given)),
                     input = static_cast<double>(largest(own.pictures));
        for (size_t k = 0; k < kPixels; ++k) {
            const double out = static_cast<double>(given[k]), x = static_cast<double>(own.pictures[k]);
            expected.values.push_back(expert == 0 ? (x - s * out) / a - out : (out - x) / span);
        }
        const double slope = expert == 0 ? s / a + 1 : 1 / span;
        expected.tolerance = slope * most * kForward + (input / (expert == 0 ? a : span) + slope * most) * kRoundings;
        return expected;
    }

    /// The blend of one picture by the given weights.
    Expected blendOf(const Question& q, size_t sample, std::span<const float> weights) const {
        Expected sum{std::vector<double>(kPixels), 0};
        for (size_t e = 0; e < 2; ++e) {
            const double weight = static_cast<double>(weights[e]);
            const Expected own = velocityAlone(e, q, sample);
            for (size_t k = 0; k < kPixels; ++k) sum.values[k] += weight * own.values[k];
            sum.tolerance += weight * own.tolerance;
        }
        return sum;
    }

    static void expectNear(std::span<const float> found, const Expected& expected) {
        double off = 0, most = 0;
        for (size_t k = 0; k < kPixels; ++k) {
            off = std::max(off, std::abs(static_cast<double>(found[k]) - expected.values[k]));
            most = std::max(most, std::abs(expected.values[k]));
        }
        EXPECT_LE(off, expected.tolerance);
        EXPECT_LE(expected.tolerance, 1e-4 * most) << "the bound says something";
    }

    Backend backend{cpuBackendTable(), {2, "auto"}};
    test::UnetFolder unet{"classes"};
    std::unique_ptr<Denoiser> mixture, network[2];
    std::vector<double> signal;  // the schedule's products of 1 - beta
};

TEST_F(UnetExpert, SharesAPictureSpaceWithATransformer) {
    const ModelDescription& d = mixture->description();
    EXPECT_EQ(d.prediction, Prediction::Velocity);  // of a noise predictor and one of clean pictures
    EXPECT_EQ(d.config.classes, kClasses);
    EXPECT_EQ(d.config.inputSide(), kSide);
    EXPECT_EQ(d.moeLayers.size(), 1 + network[1]->description().moeLayers.size());
    EXPECT_EQ(d.samplers, std::vector<SamplerKind>{SamplerKind::Euler});
}

TEST_F(UnetExpert, EachForcedToRunGivesItsOwnVelocity) {
    Question q = question();
    for (size_t e = 0; e < 2; ++e) {
        SCOPED_TRACE(mixture->description().networks[e]);
        q.request.edits.weights = {std::vector<double>(2)};
        q.request.edits.weights[0][e] = 1;
        const std::vector<float> found = ask(*mixture, q).first;
        for (size_t sample = 0; sample < 5; ++sample) {
            SCOPED_TRACE(q.times[sample]);
            expectNear(std::span(found).subspan(sample * kPixels, kPixels), velocityAlone(e, q, sample));
        }
    }
}

TEST_F(UnetExpert, TheBlendIsTheWeightedSumOfTheForcedOutputsBitForBit) {
    Question q = question();
    const auto [blend, weights] = ask(*mixture, q);
    std::vector<float> sum(blend.size());
    for (size_t e = 0; e < 2; ++e) {
        q.request.edits.weights = {std::vector<double>(2)};
        q.request.edits.weights[0][e] = 1;
        const std::vector<float> own = ask(*mixture, q).first;
        for (size_t k = 0; k < sum.size(); ++k) sum[k] += weights[k / kPixels * 2 + e] * own[k];
    }
    EXPECT_EQ(blend, sum);
    for (size_t sample = 0; sample < 5; ++sample)
        EXPECT_GT(std::min(weights[2 * sample], weights[2 * sample + 1]), 0.02f) << "both count";
}

TEST(UnetExperts, ThatFollowEncodedTextAreRefusedWithASentence) {
    const test::UnetFolder text("text");
    text.write("scheduler_config.json", "{}");
    EnsembleFile file;
    file.router = {{"kind", "rules"}};
    file.experts.resize(1);
    file.experts[0].name = "painter";
    file.experts[0].file = text.path();
    const auto ensemble = Ensemble::make(file, text.path() / "x.moe.json").orThrow();
    EXPECT_EQ(ensemble->conditionOf(0), "encoded text");
    EXPECT_EQ(ensemble->runnable().error().message,
              "the expert 'painter' follows encoded text, and this version runs no text encoder; choose experts that take a class, or nothing");
}

/// Keeps every evaluation and every step of a run.
class RunFollower final : public SamplerObserver {
public:
    struct Evaluation {
        EvaluationInfo info;
        std::vector<float> input, prediction, velocity, weights;
    };
    explicit RunFollower(Backend& backend) : m_backend(backend) {}
    DenoiserObserver* beforeEvaluation(const EvaluationInfo&, int64_t samples) override {
        m_probe = std::make_unique<WeightProbe>(m_backend, samples);
        return m_probe.get();
    }
    void evaluated(const EvaluationView& view) override {
        evaluations.push_back({view.info, m_backend.fetch(view.input).data, m_backend.fetch(view.prediction).data,
                               m_backend.fetch(view.velocity).data, m_backend.fetch(m_probe->weights).data});
    }
    void stepped(int, const DeviceTensor& z) override { states.push_back(m_backend.fetch(z).data); }

    std::vector<Evaluation> evaluations;
    std::vector<std::vector<float>> states;

private:
    Backend& m_backend;
    std::unique_ptr<WeightProbe> m_probe;
};

TEST_F(UnetExpert, AGuidedRunTogetherIsTheBlendOfTheirSeparateOutputsAtEveryEvaluation) {
    constexpr size_t kImages = 2, kSteps = 4;
    constexpr float kGuidance = 2;
    SamplerSettings settings = mixture->description().defaults;
    settings.sampler = SamplerKind::Euler;
    settings.steps = kSteps;
    settings.cfgScale = static_cast<double>(kGuidance);
    settings.cfgLow = 0;
    settings.cfgHigh = 1;
    FlowSampler sampler(*mixture, settings, {3, 8});
    Question q = question();
    sampler.setNetworks(&q.request);
    const std::vector<float> noise = test::randomTensor({kImages, 3, kSide, kSide}, 21).data;
    DeviceTensor z = backend.tensorFrom({kImages, 3, kSide, kSide}, noise);
    RunFollower follower(backend);
    sampler.run(z, &follower);
    ASSERT_EQ(follower.evaluations.size(), kSteps);

    std::vector<float> before = noise, prompt, null;  // weights of the first picture, by evaluation
    for (size_t i = 0; i < kSteps; ++i) {
        SCOPED_TRACE(i);
        const RunFollower::Evaluation& evaluation = follower.evaluations[i];
        q.times.assign(2 * kImages, static_cast<float>(i) / kSteps);
        q.classes = {3, 8, kClasses, kClasses};
        q.pictures = before;
        q.pictures.insert(q.pictures.end(), before.begin(), before.end());
        for (size_t sample = 0; sample < 2 * kImages; ++sample)
            expectNear(std::span(evaluation.prediction).subspan(sample * kPixels, kPixels),
                       blendOf(q, sample, std::span(evaluation.weights).subspan(2 * sample, 2)));
        prompt.push_back(evaluation.weights[0]);
        null.push_back(evaluation.weights[2 * kImages]);
        // Guidance and the step itself, each rounded a few times.
        for (size_t k = 0; k < kImages * kPixels; ++k) {
            const float conditional = evaluation.prediction[k], without = evaluation.prediction[kImages * kPixels + k];
            const float guided = without + kGuidance * (conditional - without),
                        scale = std::abs(without) + kGuidance * std::abs(conditional - without);
            ASSERT_NEAR(evaluation.velocity[k], guided, 1e-6f * scale);
            ASSERT_NEAR(follower.states[i][k], before[k] + guided / kSteps, 1e-6f * (std::abs(before[k]) + scale));
        }
        before = follower.states[i];
    }
    EXPECT_NE(prompt.front(), prompt.back());  // the time counts
    EXPECT_NE(prompt, null);                   // each branch asks for itself
}

}  // namespace
}  // namespace moescope
